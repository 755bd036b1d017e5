"""What a memory map costs: the maze with one memory for each state and action, with a map that says just that, with the
same memories numbered backwards, and with memories that rooms share; all in one run, in turn.

    python bench/memories.py
"""

import statistics
import time

import numpy as np

import sigmalloc as sm

ROUNDS = 9
EPISODES = 400
ROOMS = ("AAABBBCCC", "AAABBBCCC", "AAABBBCCC", "DDDEEEFFF", "DDDEEEFFF", "DDDEEEFFF")


def tasks():
    """The maze by name, with the maps."""
    maze = sm.tasks.grid_world()
    index = maze.memory_map.index
    names = ("next_state", "reward", "probability", "start", "terminal", "step_limit")
    given = {name: getattr(maze, name) for name in names}
    backwards = np.where(index < 0, -1, index.max() - index)
    room = np.array([ord(letter) - ord("A") for row in ROOMS for letter in row])
    shared = np.where(maze.exists, 4 * room[:, None] + np.arange(4), -1)
    used = np.unique(shared[shared >= 0])
    return {
        "none": maze,
        "each to itself": sm.TabularMDP(**given, memory_map=index),
        "numbered backwards": sm.TabularMDP(**given, memory_map=backwards),
        "shared by rooms": sm.TabularMDP(**given, memory_map=np.where(shared < 0, -1, np.searchsorted(used, shared))),
    }


def seconds_per_step(task):
    """Seconds that an environment step takes, in one thread."""
    agent = sm.Agent.table_b1("grid-world")
    begin = time.perf_counter()
    result = sm.train(task, agent, episodes=EPISODES, restarts=8, seed=0, workers=1)
    return (time.perf_counter() - begin) / result.steps.sum()


def main():
    measured = {name: [] for name in tasks()}
    made = tasks()
    for task in made.values():
        seconds_per_step(task)
    for round_number in range(ROUNDS):
        names = list(made)
        for name in names[round_number % len(names) :] + names[: round_number % len(names)]:
            measured[name].append(seconds_per_step(made[name]))
    print("| memory map | ns a step | of none |\n|---|---|---|")
    for name, values in measured.items():
        ratio = statistics.median(value / none for value, none in zip(values, measured["none"], strict=True))
        print(f"| {name} | {1e9 * statistics.median(values):.1f} | {ratio:.3f} |")


if __name__ == "__main__":
    main()
