"""How far a sweep is: a bar on a terminal, elsewhere a line a minute."""

import sys
import time

from tqdm import tqdm

INTERVAL = 60.0  # seconds between two lines


class Progress:
    """Runs done, of how many, how fast, and how long it will take.

    Parameters
    ----------
    total : int
        Runs of the sweep (or shard).
    done : int
        Runs that are done already.
    stream : text file, optional
        Default: standard error.
    clock : callable() -> float
        Seconds.
    """

    def __init__(self, total, done=0, stream=None, clock=time.monotonic):
        self.total, self.done, self.first = total, done, done
        self.stream = sys.stderr if stream is None else stream
        self.clock = clock
        self.begin = self.last = clock()
        self.bar = None
        if self.stream.isatty():
            self.bar = tqdm(total=total, initial=done, unit="run", file=self.stream, smoothing=0.05)

    def add(self, runs):
        """Count finished runs."""
        self.done += runs
        if self.bar is not None:
            self.bar.update(runs)
        self.tick()

    def tick(self):
        """Write a line if it is time to."""
        if self.bar is None and self.clock() - self.last >= INTERVAL:
            self.last = self.clock()
            print(self.line(), file=self.stream, flush=True)

    def line(self):
        elapsed = self.clock() - self.begin
        rate = (self.done - self.first) / elapsed if elapsed > 0 else 0.0
        left = duration((self.total - self.done) / rate) + " left" if rate else "time left unknown"
        percent = 100 * self.done / self.total if self.total else 100.0
        return f"{self.done:,} of {self.total:,} runs ({percent:.1f} %), {rate:,.3g} runs/s, {left}"

    def close(self):
        """Finish the bar, or write the last line."""
        if self.bar is not None:
            self.bar.close()
        else:
            print(self.line(), file=self.stream, flush=True)


class Silence:
    """No progress at all."""

    def add(self, runs):
        pass

    def tick(self):
        pass

    def close(self):
        pass


def duration(seconds):
    """Seconds in words: "3 d 4 h", "2 h 10 min", "4 min 19 s", "12 s"."""
    seconds = round(seconds)
    for size, large, part, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            return f"{seconds // size} {large} {seconds % size // part} {small}"
    return f"{seconds} s"
