"""The kernel built for the platform's baseline instruction set."""

include "tables.pxi"
include "training.pxi"
include "likelihood.pxi"
include "filter.pxi"
include "probe.pxi"
