"""Whatever a text says, every plot function draws it: each text that one takes is given, found by its signature."""

import inspect
import io
import re

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pictures
import pytest
from matplotlib.text import Text

from sigmalloc import plot, tasks
from sigmalloc.agents import Agent
from sigmalloc.plot import style
from sigmalloc.tasks.tabular import TabularMDP

NO_TEXTS = {"cmap", "path", "quantity", "errors"}  # strings that are checked, and not drawn

ODD = {
    "invalid mathtext": r"$\frac$",
    "unbalanced": r"$ and {x}^$ or $\sum",
    "prices": "$5 or $10",
    "control characters": "a\0b\x1b\r",
    "surrogates": "a\ud800b",
    "long": "x" * 100_000,
    "long mathtext": "$" + "x" * 100_000 + "$",
    "many lines": "a\n" * 200,
    "backslashes": "\\" * 99 + "$\\",
    "percent and braces": "%s {0} % &#_^~",
    "everything": "a\0b \ud800 $\\frac$\n" + "$\\x " * 2000,
}


def a_task(text):
    """Three states in a row, whose names and whose actions' names are odd, as far as tasks take them."""
    text = "".join(character for character in text if character not in "\0\ud800")
    return TabularMDP(
        [[1, 0], [2, 0], [2, 2]], np.zeros((3, 2)), start=0, terminal=[2], action_names=[text + "1", text + "2"],
        state_names=[text + str(state) for state in range(3)], step_limit=9,
    )  # fmt: skip


def a_result(text):
    def tables(completed):
        shape = (2, 3, 2)
        return pictures.wave(*shape), 2 + pictures.wave(*shape, rate=2)

    at = np.arange(1, 5) * 100
    return pictures.trained(
        a_task(text), Agent(), tables, at=at, value=pictures.wave(2, 4), cost=pictures.wave(2, 4), snapshots=(100, 200),
        episodes=400,
    )  # fmt: skip


def planning():
    task, agent = tasks.planning(), Agent.table_b1("planning")

    def tables(completed):
        q = pictures.wave(2, task.n_states, task.n_actions)
        return q, 2 + q

    at = np.arange(1, 3)
    return pictures.trained(
        task, agent, tables, at=at, value=pictures.wave(2, 2), cost=pictures.wave(2, 2), snapshots=(1,), episodes=2
    )


def everything(text):
    """For each plot function what to call it with: all texts that it takes, if need be in several calls."""
    x, labels, task, result = np.arange(4.0), {"xlabel": text, "ylabel": text}, a_task(text), a_result(text)
    two, known = {text: 1, text + "'": 2}, {text: 2.0}
    of_a_result = [{"result": result}]
    return {
        "bars": [{"groups": dict.fromkeys(two, x), "reference": known, **labels}],
        "choice_curve": [{"difference": x, "chosen": [0, 1, 0, 1], "label": text, **labels}],
        "choice_entropy": of_a_result,
        "choice_entropy_snapshots": of_a_result,
        "choice_raster": [
            {"choices": [0, 1, 1], "action_names": [text, text], "reference": {text: 0.5}},
            {"choices": [0, 1, 1], "action_names": [text, text], "action": [0, 1]},
        ],
        "chosen_sigma": [{"trials": 1 + x, "label": text, "reference": known}],
        "confusion": [{"counts": np.eye(2), "names": [text, text], "fitted_names": [text, text]}],
        "convergence": [{"results": {text: result}, "reference": known}, {"results": result, "label": text}],
        "curves": [{"x": x, "mean": [x, x], "label": [text, text], "reference": known, **labels}],
        "discriminability": [{"results": {text: planning()}}, {"results": planning(), "label": text}],
        "effort_curve": [
            {"episodes": x, "samples": {text: 1 + x}, "reference": known},
            {"episodes": x, "samples": 1 + x, "label": text},
        ],
        "effort_map": [{"task": task, "samples": np.ones(3)}],
        "frontier": [{"agents": {text: {"lam": [1, 2], "cost": [3, 1], "reward": [5, 4]}}, **labels}],
        "heatmap": [{"values": np.eye(2), "x": [text, text], "y": [text, text], "label": text, **labels}],
        "maze": [{"task": tasks.grid_world(), "values": np.arange(54.0), "label": text}],
        "mean_sigma_vs_difference": [{"results": {text: planning()}}, {"results": planning(), "label": text}],
        "model_comparison": [{"scores": {text: x, text + "'": x + 1}, "criterion": text, "baseline": text}],
        "plane": [{"task": tasks.mountain_car(), "values": np.arange(285.0), "label": text}],
        "posterior_predictive": [
            {"observed": [0, 1, 1], "predicted": np.eye(3), "label": text, "reference": known, **labels}
        ],
        "q_map": of_a_result,
        "recovery": [{"simulated": x, "fitted": x, "parameter": text}],
        "reference_lines": [{"ax": plot.figure()[1], "reference": known}],
        "regime_plane": [
            {
                "lam": [1, 2, 4], "opportunity_cost": [0.1, 1], "values": [[1, 2, 3], [1, 1, 2]], "label": text,
                "boundaries": {text: 1.5},
            }
        ],
        "regression": [{"x": x, "y": [1, 3, 2, 4], "label": text, **labels}],
        "sigma_by_trial": [{"sigma": np.ones((4, 2)), "names": [text, text], "reference": known}],
        "sigma_map": of_a_result,
        "state_map": [{"task": task, "values": np.ones((3, 2)), "label": text}],
        "stay_probability": [{"trials": pictures.two_step_trials(2, 60)}],
        "style_axes": [{"ax": plot.figure()[1], **labels}],
        "table": [{"task": task, "values": np.ones((3, 2)), "label": text}],
        "value_function": of_a_result,
        "visits": [{"task": task, "visits": np.ones(3)}],
    }  # fmt: skip


ELSEWHERE = {"figure", "save"}  # they draw nothing
FILMED = {"animate_entropy"}  # draws what choice_entropy draws
DRAWING = [name for name in plot.__all__ if callable(getattr(plot, name)) and name not in ELSEWHERE | FILMED]


def render(drawn):
    figure = np.ravel(drawn)[0].figure if drawn is not None else None
    if figure is None:
        return []
    figure = figure.figure
    figure.savefig(io.BytesIO(), format="png", dpi=80)
    texts = [text.get_text() for text in figure.findobj(Text)]
    plt.close("all")
    return texts


@pytest.mark.parametrize("name", DRAWING)
def test_every_text_of_every_function_is_tried(name):
    given = {argument for call in everything("a")[name] for argument in call}
    takes = {
        parameter.name for parameter in inspect.signature(getattr(plot, name)).parameters.values()
        if re.search(r"\bstr\b|\bobject\b", str(parameter.annotation)) and parameter.name not in NO_TEXTS
    }  # fmt: skip
    assert takes <= given


@pytest.mark.parametrize("name", DRAWING)
def test_whatever_it_says(name):
    for call in everything(ODD["everything"])[name]:
        drawn = getattr(plot, name)(**call)
        render(call["ax"] if drawn is None else drawn)


@pytest.mark.slow
@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
@pytest.mark.parametrize("name", DRAWING)
def test_one_by_one(name, text):
    for call in everything(text)[name]:
        drawn = getattr(plot, name)(**call)
        render(call["ax"] if drawn is None else drawn)


class TestWritten:
    def test_mathtext_that_is_valid_stays(self):
        for text in (*plot.SYMBOLS.values(), *plot.QUANTITIES.values(), r"$\frac{1}{2}$ of $\sigma$", "a\n$b$"):
            assert style.written(text) == text == style.entry(text)

    def test_any_other_dollar_is_one(self):
        assert style.written(r"$\frac$") == r"\$\frac\$"
        assert style.written("5 $") == r"5 \$"
        assert style.written("$a\n$b$") == "\\$a\n$b$"
        assert style.name("$5 or $10") == r"\$5 or \$10"

    def test_twice_is_once(self):
        for text in (*ODD.values(), *plot.SYMBOLS.values()):
            for door in (style.written, style.entry, style.name):
                assert door(door(text)) == door(text)

    def test_what_is_drawn(self):
        ax = plot.curves([0, 1], [0, 1], label=r"$\frac$", xlabel="a\0b", ylabel=r"$\beta$")
        assert ax.get_legend().get_texts()[0].get_text() == r"\$\frac\$"
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("a\\x00b", r"$\beta$")
        ax = plot.table(a_task("$5 or $10, "), np.ones((3, 2)))
        assert [tick.get_text() for tick in ax.get_xticklabels()] == [rf"\$5 or \$10, {n}" for n in (1, 2)]

    def test_lines_are_cut_and_many_are_one(self):
        assert len(style.written("x" * 1000)) == 200 and style.entry("x" * 1000) == "x" * 49 + "…"
        assert style.written("a\nb\nc") == "a\nb\nc" and style.written("a\nb\nc\nd") == "a b c d"
        assert not style.entry("$" * 1000).endswith("\\…")

    def test_texts_for_tex_are_left_to_it(self):
        with matplotlib.rc_context({"text.usetex": True}):
            assert style.written(r"$\dfrac{1}{2}\relax$") == r"$\dfrac{1}{2}\relax$"
