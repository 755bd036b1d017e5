"""The kernel built for processors with AVX2."""

include "tables.pxi"
include "training.pxi"
include "likelihood.pxi"
include "filter.pxi"
include "probe.pxi"
