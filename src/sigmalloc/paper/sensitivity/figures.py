"""The maps of sensitivity."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import plot
from ..figure import (
    Columns,
    Drawing,
    figure,
    joined,
    table,
)
from .claims import main_effects, task_done


@figure(
    "figB2-maps", "Section B.2: sensitivity to λ and σ_base", studies=("sensitivity",),
    caption="Final objective and reward, mean over runs, when λ and σ_base are multiplied by the same factors; 1 is "
    "Table B.1. Above each map: how far the mean moves along each axis (SD of the means over levels). Crosses: the "
    "task is not done.",
)  # fmt: skip
def fig_b2_maps(data: Any) -> Drawing:
    data = data["sensitivity"]
    factors = data["factors"]
    names = list(data.settings["runs"])
    fig, axes = plot.figure(len(names), 2, height=4.4)
    columns: Columns = {}
    ticks = [{0.25: "¼", 0.5: "½"}.get(factor, f"{factor:g}") for factor in factors.tolist()]
    for number, (row, name) in enumerate(zip(axes, names, strict=True)):
        done = task_done(data, name)
        quantities = {"objective": data[f"{name}_reward"] - data[f"{name}_cost"], "reward": data[f"{name}_reward"]}
        for ax, (quantity, values) in zip(row, quantities.items(), strict=True):
            by_lam, by_sigma = main_effects(values)
            drawn = ax.imshow(values.mean(axis=2), cmap="viridis", origin="lower", aspect="equal")
            crosses = np.argwhere(~done)
            ax.plot(crosses[:, 1], crosses[:, 0], "x", color="white", markersize=5, markeredgewidth=1.3)
            bar = fig.colorbar(drawn, cax=ax.inset_axes([1.05, 0, 0.06, 1]))
            bar.outline.set_linewidth(0.5)
            bar.ax.tick_params(labelsize=6.5, length=2)
            bar.set_label(f"{quantity.capitalize()} (reward)", fontsize=6.5)
            ax.set_xticks(range(len(factors)), ticks, fontsize=7)
            ax.set_yticks(range(len(factors)), ticks, fontsize=7)
            ax.tick_params(length=2)
            heading = f"{quantity.capitalize()}\n" if number == 0 else ""
            ax.set_title(f"{heading}λ {by_lam:.2g}, σ_base {by_sigma:.2g}", fontsize=7.5, pad=3)
            if ax is row[0]:
                ax.set_ylabel(f"{name.capitalize()}\nλ (factor)", fontsize=7.5)
            if number == len(names) - 1:
                ax.set_xlabel("σ_base (factor)", fontsize=7.5)
        part = table({"lam": data[f"{name}_lam"], "sigma_base": data[f"{name}_sigma_base"],
                       "run": range(values.shape[2])}, **quantities)  # fmt: skip
        columns = joined(columns, {"task": np.full(len(part["run"]), name)} | part)
    return fig, columns


FIGURES = (fig_b2_maps,)
