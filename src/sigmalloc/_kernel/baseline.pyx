"""The kernel built for the platform's baseline instruction set."""

include "rules.pxi"
include "tables.pxi"
include "recorder.pxi"
include "batch.pxi"
include "likelihood.pxi"
include "filter.pxi"
include "probe.pxi"
