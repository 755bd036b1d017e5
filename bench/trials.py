"""What it costs to record every choice, and to write and read a table of ten million rows.

python bench/trials.py [rows]
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

import sigmalloc as sm

ROUNDS = 9


def timed(call):
    """Seconds that a call takes, and what it gives."""
    begin = time.perf_counter()
    found = call()
    return time.perf_counter() - begin, found


def recording():
    """Seconds of `train` and of `simulate` with the same seed, in turn."""
    task, agent = sm.tasks.grid_world(), sm.Agent.table_b1("grid-world")
    keywords = {"episodes": 1000, "restarts": 16, "seed": 0}
    pairs = []
    for _ in range(ROUNDS):
        trained, _ = timed(lambda: sm.train(task, agent, **keywords))
        recorded, trials = timed(lambda: sm.simulate(task, agent, **keywords))
        pairs.append((trained, recorded, len(trials)))
    return pairs


def main():
    rows = int(float(sys.argv[1])) if len(sys.argv) > 1 else 10_000_000
    pairs = recording()
    ratio = statistics.median(recorded / trained for trained, recorded, _ in pairs)
    print(f"maze, 16 runs of 1000 episodes, {pairs[0][2]:,} choices: simulate / train = {ratio:.3f}")
    task = sm.tasks.bandit([0.0, 0.5, 1.0, 1.5])
    restarts = 1000
    made, trials = timed(lambda: sm.simulate(
        task, sm.Agent(n_trajectories=1), episodes=rows // restarts, restarts=restarts, seed=0
    ))  # fmt: skip
    print(f"bandit, {len(trials):,} choices: {made:.1f} s to simulate, {trials.nbytes / len(trials):.0f} bytes a row")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trials.npz"
        written, _ = timed(lambda: trials.save(path))
        read, again = timed(lambda: sm.Trials.load(path))
        assert (again.reward == trials.reward).all()
        print(f"written in {written:.1f} s, read and checked in {read:.1f} s, {path.stat().st_size / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
