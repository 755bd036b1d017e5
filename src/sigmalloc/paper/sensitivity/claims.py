"""What the paper claims about λ and σ_base (section B.2), and how it is judged here."""

import numpy as np

from ..claim import Finding, claim, level, listed
from ..statistics import Number, show

_DONE = {
    "grid-world": "mean return at least −23, 20 below the best",
    "mountain-car": "goal reached in at least half of the episodes",
    "planning": "mean return at least half the best, 33.3",
}


def task_done(data, task):
    """Mask of the (λ, σ_base) cells in which a task is done."""
    if task == "mountain-car":
        return data[f"{task}_success"].mean(axis=2) >= 0.5
    return data[f"{task}_reward"].mean(axis=2) >= {"grid-world": -23, "planning": 33.3}[task]


def main_effects(values):
    """How far the mean moves along each axis: SD of the row means and of the column means of (λ, σ_base) cells.

    Parameters
    ----------
    values : array of float, shape (λ, σ_base, runs)

    Returns
    -------
    by_lam, by_sigma_base : float
        In the unit of ``values``.
    """
    cells = values.mean(axis=2)
    return cells.mean(axis=1).std(), cells.mean(axis=0).std()


@claim(
    "B2-σ",
    "Results hold over a wide range of λ and σ_base; σ_base matters slightly more",
    paper="σ_base slightly stronger",
    criterion="λ and σ_base are varied over the same factors of their values in Table B.1. (a) The task is done ("
    + "; ".join(f"{name}: {text}" for name, text in _DONE.items())
    + ") in at least 80 % of the cells. (b) Main effect on the final objective, SD of its means over levels, of σ_base "
    "over that of λ: between 1 and 3 (bootstrap over runs: above 1 by 2 errors where there are several). Each task "
    "counts",
    setting=lambda data: (
        "; ".join(
            f"{name}: {runs['restarts']} runs × {runs['episodes']} episodes per cell"
            for name, runs in data["sensitivity"].settings["runs"].items()
        )
        + f"; factors {listed(data['sensitivity']['factors'])} of both, Table B.1"
    ),
    studies=("sensitivity",),
    figures=("figB2-maps",),
)
def claim_b2_sigma(data):
    data = data["sensitivity"]
    levels, here, evidence, numbers = {}, [], [], []
    for task in data.settings["runs"]:
        objective = data[f"{task}_reward"] - data[f"{task}_cost"]
        share = task_done(data, task).mean()
        effect = _effect_ratio(f"{task}: effect of σ_base over that of λ, objective", objective)
        behaviour = _effect_ratio(f"{task}: the same, reward", data[f"{task}_reward"])
        sure = not effect.error > 0 or effect.value - 1 > 2 * effect.error
        levels[task] = level(share >= 0.8, 1 < effect.value <= 3 and sure)
        here.append(f"{task} {show(effect.value)}×")
        evidence.append(
            f"{task}: done in {share:.0%} of cells, ratio of effects {effect} on the objective and {behaviour} on "
            "the reward"
        )
        numbers += [Number(f"{task}: cells in which the task is done", share), effect, behaviour]
    return Finding(levels, "effect of σ_base over λ: " + ", ".join(here), "; ".join(evidence), numbers)


def _effect_ratio(name, values, resamples=400):
    by_lam, by_sigma_base = main_effects(values)
    runs = values.shape[2]
    if runs < 2:
        return Number(name, by_sigma_base / by_lam)
    rng = np.random.default_rng(0)
    boots = []
    for _ in range(resamples):
        lam, sigma_base = main_effects(values[:, :, rng.integers(runs, size=runs)])
        boots.append(sigma_base / lam)
    return Number(name, by_sigma_base / by_lam, float(np.std(boots)))


CLAIMS = (claim_b2_sigma,)
