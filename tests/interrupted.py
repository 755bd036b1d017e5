"""Raise KeyboardInterrupt at one step after another of what a call does in Python; run as a program, see
`test_threads.py`."""

import dis
import faulthandler
import functools
import sys
import threading

import sigmalloc as sm
from sigmalloc import _threads
from sigmalloc.runs import engine

FILES = (engine.__file__, _threads.__file__, threading.__file__)
LIMIT = 10.0  # seconds that a call may go on
EPISODES = 10**9


@functools.cache
def _places(code):
    """Where in a function Python looks whether there was a signal: after calls, and where it begins."""
    instructions = list(dis.get_instructions(code))
    return {
        after.offset for before, after in zip(instructions, instructions[1:], strict=False)
        if before.opname in ("RESUME", "CALL", "CALL_FUNCTION_EX")
    }  # fmt: skip


class Interrupter:
    """At the `number`-th step of the calling thread, counted from when `Threads` are first made."""

    def __init__(self, number):
        self.left, self.begun, self.where = number, False, None

    def __call__(self, frame, event, argument):
        if frame.f_code.co_filename not in FILES and "concurrent" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and self.begun:
            self.left -= frame.f_lasti in _places(frame.f_code)
            if self.left == 0:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                sys.settrace(None)
                raise KeyboardInterrupt
        elif frame.f_code is _threads.Threads.__init__.__code__:
            self.begun = True
        return self


def main(first, last):
    """One call for each number."""
    task, agent = sm.tasks.planning(2), sm.Agent.table_b1("planning")
    interrupted = 0
    for number in range(first, last):
        faulthandler.dump_traceback_later(LIMIT, exit=True)
        tracer = Interrupter(number)
        sys.settrace(tracer)
        try:
            sm.train(task, agent, episodes=EPISODES, restarts=16, seed=1, workers=2)
        except KeyboardInterrupt:
            interrupted += 1
        finally:
            sys.settrace(None)
            faulthandler.cancel_dump_traceback_later()
        stuck = sum(one.name.startswith("sigmalloc") for one in threading.enumerate())
        print(number, tracer.where, stuck, flush=True)
    print("interrupted", interrupted)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
