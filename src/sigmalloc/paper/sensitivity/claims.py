"""What the paper claims about λ and σ_base (section B.2), and how it is judged here."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..claim import Row, claim, listed
from ..statistics import Number, show

DONE = {
    "grid-world": "mean return at least −23, 20 below the best",
    "mountain-car": "goal reached in at least half of the episodes",
    "planning": "mean return at least half the best, 33.3",
}


def task_done(data: Any, task: Any) -> Any:
    """Mask of the (λ, σ_base) cells in which a task is done."""
    if task == "mountain-car":
        return data[f"{task}_success"].mean(axis=2) >= 0.5
    return data[f"{task}_reward"].mean(axis=2) >= {"grid-world": -23, "planning": 33.3}[task]


def main_effects(values: Any) -> tuple[float, float]:
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
    "Qualitative results hold over a wide range of λ and σ_base; σ_base has a slightly stronger effect than λ",
    where="Section B.2",
    paper="σ_base slightly stronger",
    criterion="λ and σ_base are varied over the same factors of their values in Table B.1. (a) The task is done ("
    + "; ".join(f"{name}: {text}" for name, text in DONE.items())
    + ") in at least 80 % of the cells. (b, c) Main effect, SD of the means over levels, of σ_base over that of λ, on "
    "the final objective and on the final reward: between 1 and 3 (bootstrap over runs: above 1 by 2 errors). In every "
    "task. The paper does not say effect on what; the cost counts λ and σ_base themselves, the reward is what is done",
    studies=("sensitivity",),
    figures=("figB2-maps",),
)
def claim_b2_sigma(data: Any) -> list[Row]:
    data, rows = data["sensitivity"], []
    for task, runs in data.settings["runs"].items():
        share = task_done(data, task).mean()
        effects = {
            "objective": _effect_ratio(f"{task}: effect of σ_base over λ, objective", _objective(data, task)),
            "reward": _effect_ratio(f"{task}: effect of σ_base over λ, reward", data[f"{task}_reward"]),
        }
        parts = {"(a) done over a wide range": share >= 0.8}
        for letter, (name, effect) in zip("bc", effects.items(), strict=True):
            sure = effect.value - 1 > 2 * effect.error
            parts[f"({letter}) σ_base slightly stronger on the {name}"] = 1 < effect.value <= 3 and sure
        stronger = "λ" if effects["reward"].value < 1 else "σ_base"
        rows.append(
            Row(
                task,
                f"{task}, Table B.1, factors {listed(data['factors'])} of λ and of σ_base, {runs['restarts']} runs "
                f"× {runs['episodes']} episodes per cell",
                parts,
                f"objective {show(effects['objective'].value)}×, reward {show(effects['reward'].value)}×",
                f"done in {share:.0%} of cells, effect of σ_base over that of λ {effects['objective']} on the "
                f"objective and {effects['reward']} on the reward, where {stronger} is the stronger one",
                [Number(f"{task}: cells in which the task is done", share), *effects.values()],
            )  # fmt: skip
        )
    return rows


def _objective(data: Any, task: Any) -> Any:
    return data[f"{task}_reward"] - data[f"{task}_cost"]


def _effect_ratio(name: str, values: Any, resamples: int = 400) -> Number:
    by_lam, by_sigma_base = main_effects(values)
    runs = values.shape[2]
    rng = np.random.default_rng(0)
    boots = []
    for _ in range(resamples):
        lam, sigma_base = main_effects(values[:, :, rng.integers(runs, size=runs)])
        boots.append(sigma_base / lam)
    return Number(name, by_sigma_base / by_lam, float(np.std(boots)))


CLAIMS = (claim_b2_sigma,)
