"""The kernel built for processors with AVX2."""

include "rules.pxi"
include "tables.pxi"
include "recorder.pxi"
include "batch.pxi"
include "likelihood.pxi"
include "filter.pxi"
include "probe.pxi"
