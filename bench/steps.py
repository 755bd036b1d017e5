"""Nanoseconds per environment step of training: sigmalloc and what else one would use, in turn, on one thread.

A step is one step of a learning episode or of a sampled trajectory; the σ update, the bootstrap recalls and all
bookkeeping are in its time. Everything trains with Table B.1 (N_traj = 10). Compilation by Numba and by JAX is left
out: it happens before the first measurement, and its time is printed. JAX, where it is installed, may use every
processor.

So that nobody times a wrong program, the programs are compared before: steps per episode, mean σ, mean q̄ and the
reward at the end, over independent runs, with standard errors. The exit status is 1 if any of them differ.
"""

import argparse
import importlib.util
import sys
import time
from dataclasses import dataclass

import numba_port
import numpy as np
import numpy_script
from common import described, in_turn, machine, spread, write

import sigmalloc as sm


@dataclass(frozen=True)
class Job:
    """How much each program does in a repetition: the same episodes a run, but fewer for the script and for JAX."""

    task: object
    episodes: int
    runs: int
    numba_runs: int
    numpy_episodes: int
    jax_episodes: int


JOBS = {
    "grid-world": Job(sm.tasks.grid_world(), 2000, 64, 8, 10, 30),
    "mountain-car": Job(sm.tasks.mountain_car(), 2000, 16, 1, 5, 15),
    "planning": Job(sm.tasks.planning(moves=3), 30_000, 24, 6, 300, 300),
}
JAX_RUNS = 64
QUANTITIES = ("steps/episode", "mean σ", "mean q̄", "final reward")
EPISODES_PER_EPISODE = 11  # the learning episode and N_traj trajectories
LIMIT = 4.0  # standard errors that a difference may have


def sigmalloc_runs(name, job):
    agent = sm.Agent.table_b1(name)

    def measure(seed):
        begin = time.perf_counter()
        result = sm.train(job.task, agent, episodes=job.episodes, restarts=job.runs, seed=seed, workers=1)
        return (time.perf_counter() - begin) / result.steps.sum() * 1e9

    return measure


def numba_runs(port, job):
    def measure(seed):
        rngs = np.random.default_rng(seed).spawn(job.numba_runs)
        begin = time.perf_counter()
        steps = sum(port.train(job.episodes, rng)[2] for rng in rngs)
        return (time.perf_counter() - begin) / steps * 1e9

    return measure


def jax_runs(port, job):
    def measure(seed):
        begin = time.perf_counter()
        steps = port.train(job.jax_episodes, seed)[2]
        return (time.perf_counter() - begin) / int(steps.sum()) * 1e9

    return measure


def numpy_runs(name, job):
    def measure(seed):
        np.random.seed(seed)  # noqa: NPY002
        begin = time.perf_counter()
        steps = numpy_script.allocator(name).train(job.numpy_episodes)
        return (time.perf_counter() - begin) / steps * 1e9

    return measure


def sample_sigmalloc(name, job, episodes, runs):
    """The quantities compared, (4, runs)."""
    agent = sm.Agent.table_b1(name)
    result = sm.train(
        job.task, agent, episodes=episodes, restarts=runs, seed=1, evaluate_every=episodes, evaluation_episodes=200
    )
    acting = job.task.memories
    steps = result.steps / episodes / EPISODES_PER_EPISODE
    sigma, q = result.sigma[:, acting].mean(axis=1), result.q[:, acting].mean(axis=1)
    return np.stack([steps, sigma, q, result.reward[:, -1]])


def sample_numba(port, episodes, runs):
    rows = []
    for child in np.random.SeedSequence(2).spawn(runs):
        rng = np.random.default_rng(child)
        q, sigma, steps = port.train(episodes, rng)
        reward = port.evaluate(q, sigma, 200, rng)
        rows.append((steps / episodes / EPISODES_PER_EPISODE, sigma[port.acting].mean(), q[port.acting].mean(), reward))
    return np.array(rows).T


def sample_numpy(name, episodes, runs):
    np.random.seed(3)  # noqa: NPY002
    rows = []
    for _ in range(runs):
        agent = numpy_script.allocator(name)
        steps = agent.train(episodes) / episodes / EPISODES_PER_EPISODE
        acting = agent.env.memories
        rows.append((steps, agent.sigma[acting].mean(), agent.q[acting].mean(), agent.evaluate(5)))
    return np.array(rows).T


def sample_jax(port, job):
    q, sigma, steps = port.train(job.jax_episodes, 4)
    reward = port.evaluate(q, sigma, 50, 5)
    lengths = steps / job.jax_episodes / EPISODES_PER_EPISODE
    return np.array([lengths, sigma[:, port.acting].mean((1, 2)), q[:, port.acting].mean((1, 2)), reward])


def compare(title, ours, theirs):
    """Print means over runs, their difference and its standard error; returns the rows."""
    rows = []
    for quantity, a, b in zip(QUANTITIES, ours, theirs, strict=True):
        # the spread over our runs, which are many, stands for both
        error = a.std(ddof=1) * np.sqrt(1 / len(a) + 1 / len(b))
        difference = b.mean() - a.mean()
        agree = bool(abs(difference) <= LIMIT * error)
        print(
            f"  {title:22}{quantity:14}{a.mean():10.4g}{b.mean():10.4g}{difference:+11.2g} ± {error:.2g}"
            f"  {'agree' if agree else 'DIFFER'}"
        )
        rows.append({
            "against": title, "quantity": quantity, "sigmalloc": a.mean(), "other": b.mean(),
            "standard_error": error, "agree": agree,
        })  # fmt: skip
    return rows


def check(name, job, ports, jax):
    """Compare with the ports after the episodes they are timed with, and with the script after its fewer ones."""
    print(f"\n{name}: do they compute the same? (means over runs: sigmalloc, the other, difference ± standard error)")
    ours, rows = sample_sigmalloc(name, job, job.episodes, 64), []
    for program, port in ports.items():
        rows += compare(f"{program}, {job.episodes} ep.", ours, sample_numba(port, job.episodes, 8))
    rows += compare(
        f"NumPy, {job.numpy_episodes} ep.",
        sample_sigmalloc(name, job, job.numpy_episodes, 256),
        sample_numpy(name, job.numpy_episodes, 5),
    )
    if jax:
        ours = sample_sigmalloc(name, job, job.jax_episodes, 256)
        rows += compare(f"JAX, {job.jax_episodes} ep.", ours, sample_jax(jax, job))
    return rows


def warmed(port):
    """The port, compiled by a little work, and the seconds that this took."""
    begin = time.perf_counter()
    port.evaluate(*port.train(2, np.random.default_rng(0))[:2], 2, np.random.default_rng(0))
    return port, time.perf_counter() - begin


def warmed_jax(name, job):
    """The same for JAX, which compiles for a number of episodes; None where it is not installed."""
    if importlib.util.find_spec("jax") is None:
        print("\nJAX is not installed: pip install jax")
        return None, 0.0
    import jax_port

    port, begin = jax_port.Port(name, JAX_RUNS), time.perf_counter()
    port.train(job.jax_episodes, 0)
    return port, time.perf_counter() - begin


def measure(name, job, repetitions, quick=False):
    """Check and time the programs; quick: without those that take long, the script and JAX."""
    ports = {"Numba": warmed(numba_port.Port(name, tuned=False)), "Numba, tuned": warmed(numba_port.Port(name))}
    compilation = {program: seconds for program, (_, seconds) in ports.items()}
    ports = {program: port for program, (port, _) in ports.items()}
    contestants = {"sigmalloc": sigmalloc_runs(name, job)}
    contestants |= {program: numba_runs(port, job) for program, port in ports.items()}
    agreement = []
    if not quick:
        jax, compilation["JAX"] = warmed_jax(name, job)
        agreement = check(name, job, ports, jax)
        if jax:
            contestants["JAX"] = jax_runs(jax, job)
        contestants["NumPy"] = numpy_runs(name, job)
    results = in_turn(contestants, repetitions)
    took = ", ".join(f"{program} in {seconds:.1f} s" for program, seconds in compilation.items())
    print(f"\n{name}: nanoseconds per environment step (compiled beforehand, not counted: {took})")
    table = {program: spread(values) for program, values in results.items()}
    for program, row in table.items():
        ratios = [other / own for other, own in zip(results[program], results["sigmalloc"], strict=True)]
        row["ratio"] = float(np.median(ratios))
        print(f"  {program:14}{row['median']:12,.1f}  ({row['low']:,.1f} to {row['high']:,.1f}){row['ratio']:12,.2f} ×")
    return {"ns_per_step": table, "compilation_s": compilation, "agreement": agreement}


def measured(repetitions, names=tuple(JOBS), quick=False):
    """The figures of the tasks, as they go into a file."""
    return {name: measure(name, JOBS[name], repetitions, quick) for name in names}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=sorted(JOBS), action="append", help="this task only; may be repeated")
    parser.add_argument("--repetitions", type=int, default=5, help="measurements of each program (default: 5)")
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file")
    options = parser.parse_args()
    report = {"machine": described(machine()), "repetitions": options.repetitions}
    report["tasks"] = measured(options.repetitions, options.task or JOBS)
    if options.json:
        write(options.json, report)
    return 1 if disagreements(report["tasks"]) else 0


def disagreements(tasks):
    """Comparisons in which two programs did not compute the same."""
    return [row for task in tasks.values() for row in task["agreement"] if not row["agree"]]


if __name__ == "__main__":
    sys.exit(main())
