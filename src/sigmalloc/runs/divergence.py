"""What is raised when numbers are no longer finite."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .result import Result


class DivergenceError(ArithmeticError):
    """q̄ or σ of a run became infinite or NaN.

    Attributes
    ----------
    result : Result
        The runs that were finished; what failed runs had learned until then is in it as it was.
    failed : tuple of int
        Restarts that failed.
    """

    result: Result | None
    failed: tuple[int, ...]

    def __init__(self, message: str, result: Result | None = None, failed: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.result, self.failed = result, failed
