"""What sweeps cost: over a bare train, in memory, and to open.

    python bench/sweeps.py [--quick] [--only overhead|size] [--json] [--folder DIR]

Times are processor times (all threads of the process together), which other work on the machine disturbs least, with
wall times beside them. Memory is the largest resident set of a fresh process that holds the driver *and* its threads.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import sigmalloc as sm
from sigmalloc.sweeps import open_sweep, sweep


def overhead(folder, episodes, restarts, repetitions):
    """Grid-world, four cells: `train` called for each, against `sweep` from checking its arguments to its result."""
    task, agent, prices = sm.tasks.grid_world(), sm.Agent(gamma=0.95), [0.05, 0.1, 0.2, 0.4]
    common = {"episodes": episodes, "restarts": restarts, "seed": 0, "evaluate_every": episodes // 50, "workers": 1}

    def bare(number):
        for price in prices:
            sm.train(task, agent.replace(lam=price), **common)

    def swept(number):
        sweep(task, agent, {"lam": prices}, store=os.path.join(folder, f"overhead-{number}"), progress=False, **common)

    times = {name: [] for name in ("bare", "swept")}
    for number in range(repetitions):
        order = [("bare", bare), ("swept", swept)]
        for name, work in order if number % 2 else reversed(order):
            begin = time.perf_counter(), time.process_time()
            work(number)
            times[name].append((time.perf_counter() - begin[0], time.process_time() - begin[1]))

    def median(name, clock):
        return statistics.median(row[clock] for row in times[name])

    pairs = list(zip(times["swept"], times["bare"], strict=True))
    return {
        "runs": len(prices) * restarts, "episodes": episodes, "repetitions": repetitions,
        "train_seconds": median("bare", 1), "sweep_seconds": median("swept", 1),
        "overhead": statistics.median(swept[1] / bare[1] for swept, bare in pairs) - 1,
        "wall_overhead": statistics.median(swept[0] / bare[0] for swept, bare in pairs) - 1,
    }  # fmt: skip


def _child_sweep(store, runs):
    """A sweep of tiny runs with 50 checkpoints each, in blocks of the size that a million long runs would have."""
    side = {10**3: 5, 10**4: 10, 10**5: 25, 10**6: 100}[runs]
    begin = time.perf_counter(), time.process_time()
    result = sweep(
        "planning", sm.Agent.table_b1("planning", n_trajectories=1),
        {"lam": {"linspace": [0, 2, side]}, "sigma_base": {"linspace": [50, 150, side]}}, restarts=runs // side**2,
        episodes=50, evaluate_every=1, evaluation_episodes=1, seed=0, store=store, block_size=256, progress=False,
    )  # fmt: skip
    return {
        "runs": result.specification.n_runs, "seconds": time.perf_counter() - begin[0],
        "processor_seconds": time.process_time() - begin[1], "blocks": result.n_blocks,
        "files": sum(len(names) for _, _, names in os.walk(store)), "gigabytes": result.store.bytes() / 1e9,
    }  # fmt: skip


def _child_open(store, runs):
    begin = time.perf_counter()
    result = open_sweep(store)
    opened = time.perf_counter()
    assert result.done.all()
    done = time.perf_counter()
    last = result.reward[..., -1]
    read = time.perf_counter()
    return {"open_seconds": opened - begin, "done_seconds": done - opened, "read_reward_seconds": read - done,
            "mean_reward": float(last.mean())}  # fmt: skip


def _child_resume(store, runs):
    """The same sweep again, with nothing left to do."""
    return {"resume_seconds": _child_sweep(store, runs)["seconds"]}


def _peak_megabytes():
    """Largest resident set of this process (Linux; `resource` would count the parent's as well)."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


CHILDREN = {"sweep": _child_sweep, "open": _child_open, "resume": _child_resume}


def in_fresh_process(child, store, runs):
    ran = subprocess.run(
        [sys.executable, os.path.abspath(__file__), "--child", child, store, str(runs)], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    return json.loads(ran.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("overhead", "size"), help="one of the two parts")
    parser.add_argument("--quick", action="store_true", help="10^3 and 10^4 runs, short trainings")
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    parser.add_argument("--folder", help="where stores are made; 2 GB are needed (default: the system's)")
    parser.add_argument("--child", nargs=3, metavar=("WHAT", "STORE", "RUNS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        what, store, runs = args.child
        facts = CHILDREN[what](store, int(runs))
        facts["megabytes"] = _peak_megabytes()
        print(json.dumps(facts))
        return 0
    folder = tempfile.mkdtemp(dir=args.folder)
    try:
        figures = {}
        if args.only != "size":
            figures["overhead"] = overhead(folder, *((200, 32, 2) if args.quick else (1000, 48, 12)))
            if not args.json:
                print("overhead:", _told(figures["overhead"]), flush=True)
        sizes = () if args.only == "overhead" else (10**3, 10**4) if args.quick else (10**4, 10**5, 10**6)
        for runs in sizes:
            store = os.path.join(folder, str(runs))
            for what in CHILDREN:
                figures[f"{what} {runs}"] = in_fresh_process(what, store, runs)
                if not args.json:
                    print(f"{what} {runs}:", _told(figures[f"{what} {runs}"]), flush=True)
            shutil.rmtree(store)
    finally:
        shutil.rmtree(folder)
    if args.json:
        print(json.dumps(figures))
    return 0


def _told(facts):
    return ", ".join(f"{name} {value:.4g}" for name, value in facts.items())


if __name__ == "__main__":
    sys.exit(main())
