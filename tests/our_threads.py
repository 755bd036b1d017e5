"""Whether threads of ours are left."""

import threading
import time


def none_left(seconds=2.0):
    """They end within moments of their work."""
    end = time.monotonic() + seconds
    while any(thread.name.startswith("sigmalloc") for thread in threading.enumerate()):
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
