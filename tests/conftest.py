"""Settings for all tests."""

import os

# Algebra on small arrays: threads of its own only get in the way of the tests that run beside it.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("MPLBACKEND", "Agg")
