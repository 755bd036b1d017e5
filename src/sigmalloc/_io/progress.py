"""How far a computation is: a bar on a terminal and in a notebook, elsewhere a line a minute."""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, Self, TextIO

from .. import _checks

INTERVAL = 60.0  # seconds between two lines


class Progress:
    """Units done, of how many, how fast, and how long it will take; as a context manager it closes itself.

    Nothing that goes wrong with a terminal disturbs a computation: progress ends in silence then.

    Parameters
    ----------
    total : int, optional
        Units altogether; None: not known yet, see `update`.
    done : int
        Units that are done already.
    stream : text file, optional
        Default: standard error.
    clock : callable() -> float
        Seconds.
    unit : str
        Name of one: "run", "episode", "evaluation".
    leave : bool
        Whether the bar, or a last line, stays when all is done.
    """

    style: str | None = None  # tqdm's own

    def __init__(
        self, total: int | None = None, done: int = 0, stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic, *, unit: str = "run", leave: bool = True,
    ) -> None:  # fmt: skip
        self.total, self.first, self.unit = total, done, unit
        self.done: float = done
        self.stream = sys.stderr if stream is None else stream
        self.clock, self.leave = clock, leave
        self.begin = self.last = clock()
        self.bar: Any = None
        with self._quietly():
            if self.stream.isatty() or (stream is None and _in_notebook()):
                # in a notebook tqdm draws where it wants; without its widgets it says so by an ImportError
                with contextlib.suppress(ImportError):
                    # an older tqdm that cannot write while it is being made complains when it is deleted
                    self.bar = _bar_type()(
                        total=total, initial=done, unit=f" {unit}", unit_scale=unit != "run", smoothing=0.05,
                        leave=leave, file=self.stream, delay=0.001, miniters=1, bar_format=self.style,
                    )  # fmt: skip
                    self.bar.refresh()
                    self.bar.delay = 0

    def add(self, units: int) -> None:
        """Count finished units."""
        self.update(self.done + units)

    def update(self, done: float, total: int | None = None) -> None:
        """Tell how many units are done, and of how many: what `train` calls."""
        if total is not None:
            self.total = total
        if self.bar is not None:
            with self._quietly():
                self.bar.total = self.total
                self.bar.update(done - self.done)
        self.done = done
        self.tick()

    def tick(self) -> None:
        """Write a line if it is time to."""
        if self.bar is None and self.clock() - self.last >= INTERVAL:
            self.last = self.clock()
            self._write_line()

    def line(self) -> str:
        """How far it is, in words."""
        rate = self._rate()
        if self.total is None:
            return f"{self.done:,} {self.unit}s, {rate:,.3g} {self.unit}s/s"
        percent = 100 * self.done / self.total if self.total else 100.0
        return (
            f"{self.done:,} of {self.total:,} {self.unit}s ({percent:.1f} %), {rate:,.3g} {self.unit}s/s, "
            f"{self._left(rate)}"
        )

    def close(self) -> None:
        """Finish the bar, or write the last line."""
        if self.bar is not None:
            with self._quietly():
                self.bar.close()
            self.bar = None
        elif self.leave:
            self._write_line()
        self.stream = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _rate(self) -> float:
        elapsed = self.clock() - self.begin
        return (self.done - self.first) / elapsed if elapsed > 0 else 0.0

    def _left(self, rate: float) -> str:
        assert self.total is not None
        return duration((self.total - self.done) / rate) + " left" if rate else "time left unknown"

    def _write_line(self) -> None:
        with self._quietly():
            self.stream.write(self.line() + "\n")
            self.stream.flush()

    @contextlib.contextmanager
    def _quietly(self) -> Iterator[None]:
        """Standard error may be closed, full or gone (then it is None), or have no such characters."""
        try:
            yield
        except (OSError, ValueError, AttributeError):
            if self.bar is not None:
                self.bar.disable = True  # nothing is written when it is deleted
            self.bar = self.stream = None


class Portion(Progress):
    """How much of a whole is done, whose parts are named."""

    style = "{percentage:3.0f}% |{bar}| {elapsed}, {remaining} left  {desc}"
    what = ""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(100, 0, stream, clock, leave=False)

    def tell(self, fraction: float, what: str) -> None:
        """Tell which fraction is done, in [0, 1], and what is being done."""
        self.what = what
        if self.bar is not None:
            with self._quietly():
                self.bar.set_description_str(what[:48], refresh=False)
        self.update(max(self.done, 100 * min(fraction, 1.0)))

    def line(self) -> str:
        return f"{self.done:.0f} %, {self._left(self._rate())}: {self.what}"


class Silence:
    """No progress at all."""

    def add(self, units: int) -> None:
        pass

    def update(self, done: int, total: int | None = None) -> None:
        pass

    def tick(self) -> None:
        pass

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def shown(
    progress: bool | Callable[[int, int], object] | None, total: int | None = None, done: int = 0, *, unit: str = "run",
    leave: bool = True,
) -> Progress | Silence:  # fmt: skip
    """What an argument ``progress`` asks for: True: `Progress` on standard error, None or False: `Silence`, or a
    function of (done, total), which is then called.

    Raises
    ------
    ValueError
        If it is something else.
    """
    check(progress)
    if progress is True:
        return Progress(total, done, unit=unit, leave=leave)
    if progress is None or progress is False:
        return Silence()
    return _Told(progress, total, done)


def check(progress: Any) -> None:
    """That `shown` will take it, before any work."""
    if not (progress is None or isinstance(progress, bool) or callable(progress)):
        raise ValueError(f"progress must be True, False or a function of (done, total), got {_checks.shown(progress)}")


class _Told(Silence):
    """Progress that a function is told."""

    def __init__(self, tell: Callable[..., object], total: int | None, done: int) -> None:
        self.tell, self.total, self.done = tell, total, done

    def add(self, units: int) -> None:
        self.update(self.done + units)

    def update(self, done: int, total: int | None = None) -> None:
        self.done, self.total = done, self.total if total is None else total
        self.tell(self.done, self.total)


@functools.cache
def _bar_type() -> Any:
    from tqdm.auto import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        monitor_interval = 0  # no thread that others wait for at exit: with `miniters=1` there is nothing to watch

        def refresh(self, nolock: bool = False, lock_args: Any = None) -> Any:
            # tqdm's own keeps the lock that all bars share when what it writes fails or is interrupted
            with contextlib.nullcontext() if nolock else self.get_lock():
                return super().refresh(nolock=True)

    return Bar


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    shell = None if shell is None else shell.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


def duration(seconds: float) -> str:
    """Seconds in words: "3 d 4 h", "2 h 10 min", "4 min 19 s", "12 s"."""
    seconds = round(seconds)
    for size, large, part, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            return f"{seconds // size} {large} {seconds % size // part} {small}"
    return f"{seconds} s"
