"""The buffer that trials are recorded in."""

cimport cython
from libc.stdint cimport int64_t

from .lanes cimport LANES
from .recorder cimport Trial


@cython.final
cdef class Recorder:
    """Rows of each lane since they were last fetched.

    Parameters
    ----------
    rows : buffer of TRIAL_DTYPE, shape (lanes, rows)
    values : float64 (lanes, rows, 2 · actions)
        OUT: q̄ and σ of the actions. Shape (0, 0, 0): not wanted.
    """

    cdef Trial[:, ::1] rows
    cdef double[:, :, ::1] values
    cdef int64_t counts[LANES]
    cdef int64_t runs[LANES]  # a slice ends where a run does, so what is fetched of a lane is of one run

    def __cinit__(self, Trial[:, ::1] rows, double[:, :, ::1] values):
        if rows.shape[0] != LANES or rows.shape[1] < 1 or (
            values.shape[0] and (values.shape[0] != LANES or values.shape[1] != rows.shape[1])
        ):
            raise ValueError("the buffers of a recorder do not fit together")
        self.rows, self.values = rows, values

    def fetch(self):
        """Run and number of new rows of each lane, which the caller has read before the next slice."""
        cdef int lane
        fetched = [(self.runs[lane], self.counts[lane]) for lane in range(LANES)]
        for lane in range(LANES):
            self.counts[lane] = 0
        return fetched
