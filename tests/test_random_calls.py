"""Everything public, called with anything at all: it works, or raises a documented error, and soon."""

import dataclasses
import inspect
import os
import random
import time
import warnings

import matplotlib.pyplot
import numpy as np
import pandas as pd
import pytest

import sigmalloc as sm
from sigmalloc import agents, exact, fit, metrics, paper, plot, sweeps, tasks

DOCUMENTED = (ValueError, ImportError, OSError, sm.DivergenceError)  # and what derives from them
SECONDS = 5.0  # of processor time
OTHERS = {"exp"}  # arguments that are functions of the caller's, whose errors are the caller's


class Odd:
    """Says that it is an array, and a sequence, and is none."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no array")

    def __len__(self):
        return 3

    def __iter__(self):
        return iter((1, 2, 3))


class Evil:
    """Can be neither printed, hashed nor compared."""

    def __repr__(self):
        raise RuntimeError("no repr")

    def __hash__(self):
        raise RuntimeError("no hash")

    def __eq__(self, other):
        raise RuntimeError("no eq")


class Taker:
    """A class, which can be called like a function."""

    def __init__(self, *given, **named):
        pass


MAZE = tasks.maze(("S.", "G."))
ANYTHING = [
    None, True, False, 0, 1, 2, -1, 10**30, 2**63, 2**64, 0.5, -1.5, float("nan"), float("inf"), -np.inf, 1e308, 1e-308,
    1j, "", "a", "SG", "\0", "\ud800", b"a", "bernoulli", "grid-world", [], (), {}, set(), {1}, {"a": 1}, [0], [1],
    [0, 1], [1, 0], [[0]], [[0, 1], [1, 1]], [[0.5, 0.5], [0, 1]], [[[0.5, 0.5]], [[0, 1]]], [1, [2]], [True, 1.0],
    ["a"], ["S.", "..", "G."], ("S..", "..G"), np.zeros((2, 2)), np.ones((2, 2), dtype=int), np.zeros(0), np.array(1),
    np.array("a"), np.ma.masked, np.ma.masked_array([1, 2], [0, 1]), np.int8([1, 1]), np.uint64([2**63]),
    np.array([None]), np.zeros((2, 2, 2)), np.zeros((0, 2, 2)), np.eye(2)[:, None, :], np.bool_(True),
    np.datetime64("2020"), np.float16(1), np.array([[1, 2], [3, 4]], dtype=object), [np.nan, np.nan], range(3),
    lambda *given: None, lambda *given: [], lambda *given: (1, 0.0), lambda *given: [0],
    lambda *given: [(0.5, 0, 1.0), (0.5, 1, 0.0)], [(1, MAZE)], MAZE, [[[(1, 1, 0.0)]], []], [{0: [(1, 1, 0.0)]}, {}],
    [[None], []], Odd(), Evil(), object(), sm.Agent(), Taker,
]  # fmt: skip
GOOD = {
    sm.TabularMDP: {"next_state": [[1, 1], [1, 1]], "reward": [[1.0, 0], [0, 0]], "start": 0, "terminal": [1]},
    sm.TabularMDP.from_dense: {
        "transitions": [[[0.5, 0.5]], [[0, 1]]], "rewards": [[1.0], [0.0]], "start": 0, "terminal": [1],
    },
    sm.TabularMDP.from_functions: {
        "transition": lambda state, action: (1, 0.0), "actions": lambda state: [0] if state == 0 else [], "start": 0,
    },
    sm.TabularMDP.from_outcomes: {"outcomes": [[[(1, 1, 0.0)]], []], "start": 0},
    tasks.maze: {"layout": ("S..", "..G")}, tasks.grid_world: {}, tasks.planning: {}, tasks.mountain_car: {},
    tasks.bandit: {}, tasks.two_step: {}, tasks.slot_machines: {}, tasks.two_alternatives: {},
    tasks.from_gymnasium: {"env": None},
}  # fmt: skip
OPTIONS = [  # of TabularMDP, that the others pass on
    "step_limit", "changes", "known_q", "known_sigma", "memory_map", "reward_sd", "reward_noise", "rewards_by_episode",
    "starts", "horizon", "name", "action_names", "state_names",
]  # fmt: skip


@pytest.mark.parametrize("make", GOOD, ids=lambda make: make.__name__)
def test_anything(make):
    draw = random.Random(make.__name__)
    known = inspect.signature(make).parameters.values()
    names = [parameter.name for parameter in known if parameter.kind is not parameter.VAR_KEYWORD]
    if len(names) < len(known):
        names += [name for name in OPTIONS if name not in names]
    made = 0
    for _ in range(600):
        given = {name: draw.choice(ANYTHING) for name in draw.sample(names, min(len(names), draw.choice((1, 1, 2))))}
        begin = time.process_time()
        try:
            make(**GOOD[make] | given)
            made += 1
        except ValueError as error:
            assert type(error) is ValueError
            assert str(error)
        assert time.process_time() - begin < 5
    assert made or make is tasks.from_gymnasium


class Public:
    """What is public, each with arguments that are good."""

    # What others make and nobody else does, and what only the kernel and the store ask of a task.
    INTERNAL = {
        "Allocation", "BlackBox", "Comparison", "Confusion", "CostMatch", "DesignGrid", "DivergenceError", "Estimator",
        "Evaluation", "FilterEstimate", "Fit", "Gradient", "Group", "ImproperPolicyError", "Information",
        "JointGradient", "Optimum", "Planner", "RandomEffects", "Recovery", "Regression", "Reproduction", "Result",
        "Space", "Subject", "SubjectFit", "SweepResult", "Task", "Trajectories", "Trials", "digest", "hashed",
        "kernel_arrays", "pack", "unpack", "worlds", "of_result", "go_on", "CutOffWarning",
        "ScaleWarning",
    }  # fmt: skip
    # `animate_entropy` and `reproduce` take seconds at best; samplers of other packages are not installed everywhere.
    SLOW = {"animate_entropy", "reproduce", "to_arviz"}

    def __init__(self):
        rng = np.random.default_rng(0)
        task, agent = tasks.maze(("S.", ".G")), sm.Agent()
        shape = (task.n_states, task.n_actions)
        q, sigma = np.zeros(shape), np.ones(shape)
        run, once = {"task": task, "agent": agent}, {"seed": 0, "workers": 1}
        fixed = run | {"q": q, "sigma": sigma}
        result = sm.train(task, agent, episodes=20, restarts=2, seed=0, evaluate_every=10, snapshots=(10, 20))
        later = sm.train(task, agent, episodes=40, restarts=2, seed=0)
        trials = sm.simulate(task, agent, episodes=5, seed=0, values=True)
        policy = result.policy()
        steps = sm.simulate(tasks.two_step(), sm.Agent(), episodes=20, seed=0)
        car = tasks.mountain_car()
        self.good = [
            (sm.Agent, {}), (sm.Agent.table_b1, {}), (sm.Agent.scripts, {}), (agent.replace, {"lam": 0.3}),
            (agent.at, {"name": "lam", "episode": 1}), (agent.schedule, {"name": "lam"}), (agent.to_dict, {}),
            (agent.in_episode, {"episode": 3}), (agent.averaging, {"samples": 2.0}),
            (agents.Exponential, {"start": 1.0, "rate": -0.1, "end": 0.5}),
            (agents.Exponential(1.0, -0.1, 0.5).at, {"episode": 3}), (agents.Exponential(1.0, -0.1, 0.5).to_dict, {}),
            (agents.Points, {"points": ((0, 1.0), (5, 2.0))}), (agents.Points(((0, 1.0), (5, 2.0))).at, {"episode": 3}),
            (agents.Points(((0, 1.0), (5, 2.0))).to_dict, {}),
            (agents.linear, {"start": 1.0, "end": 2.0, "episodes": 5}),
            (tasks.make, {"name": "two-step"}), (task.optimal_q, {}), (task.at, {"episode": 0}), (task.unchanging, {}),
            (task.variant_at, {"episode": 0}), (tasks.MountainCar, {}), (tasks.Maze, {"layout": ("S.", ".G")}),
            (tasks.Plane, {"x": [0.0, 1.0], "y": [0.0, 1.0], "x_label": "x", "y_label": "y"}),
            (car.state, {"position": 0.1, "velocity": 0.0}), (tasks.newest_gymnasium_id, {"name": "CliffWalking"}),
            (sm.Schedule, {"episodes": 5}), (sm.train, run | once | {"episodes": 4, "restarts": 2}),
            (sm.evaluate, fixed | once | {"episodes": 3}), (sm.simulate, run | once | {"episodes": 3}),
            (sm.replay, {"trials": trials, "agent": agent, "seed": 0}),
            (result.extend, {"episodes": 2}), (result.policy, {}), (result.joined, {"later": later}),
            (result.save, {"path": "r"}), (sm.Result.load, {"path": "r.npz"}), (result.to_frame, {}),
            (result.to_xarray, {}), (trials.save, {"path": "t"}), (sm.Trials.load, {"path": "t.npz"}),
            (trials.of, {"subject": 0}), (trials.to_csv, {"path": "t.csv"}), (trials.to_frame, {}),
            (trials.to_xarray, {}), (trials.state_labels, {}), (trials.action_labels, {}),
            (sm.Trials.read_csv, {"path": "t.csv", "task": task}),
            (sm.Trials.from_frame, {"frame": pd.DataFrame(trials.columns), "task": task}),
            (sm.Policy, fixed), (policy.act, {"state": 0, "rng": rng}), (policy.probabilities, {"state": 0}),
            (policy.step, {"state": 0, "action": 1, "reward": 0.0, "next_state": 1}), (policy.end_episode, {}),
            (exact.evaluate, fixed), (exact.gradient, fixed), (exact.expected_estimator, fixed),
            (exact.equilibrium, run | {"sigma": sigma}), (exact.optimum, run | {"starts": 1}),
            (exact.match_cost, run | {"cost": 0.5, "starts": 1}), (exact.cma_es, run | {"seed": 0, "evaluations": 20}),
            (exact.choice_probabilities, {"q": q, "sigma": sigma}), (exact.choice_gradients, {"q": q, "sigma": sigma}),
            *self._metrics(q, sigma), *self._sweeps(task, agent), *self._fits(task, agent, trials),
            *self._plots(task, result, trials, steps), (paper.names, {}),
        ]  # fmt: skip

    @staticmethod
    def _metrics(q, sigma):
        line = metrics.regression([0, 1, 2], [0, 1, 3])
        return [
            (metrics.choice_probabilities, {"q": q, "sigma": sigma}),
            (metrics.choice_entropy, {"q": q, "sigma": sigma}),
            (metrics.divergence, {"sigma": sigma, "sigma_base": 5.0}),
            (metrics.discriminability, {"q": q, "sigma": sigma}),
            (metrics.pairwise_discriminability, {"q": q, "sigma": sigma}), (metrics.mean_sigma, {"sigma": sigma}),
            (metrics.reward_difference, {"q_star": q}), (metrics.state_values, {"q": q}),
            (metrics.greedy_actions, {"q": q}), (metrics.mean_and_sem, {"values": np.arange(6.0).reshape(2, 3)}),
            (metrics.regression, {"x": [0, 1, 2], "y": [0, 1, 3]}), (line.band, {"x": [0.0, 1.0]}),
            (line.line, {"x": [0.0, 1.0]}), (line.slope_interval, {}),
            (metrics.convergence_episode, {"episodes": [1, 2, 3], "curve": [0.0, 1, 1], "tolerance": 0.1}),
            (metrics.student_t_quantile, {"p": 0.9, "degrees": 3}),
        ]  # fmt: skip

    @staticmethod
    def _sweeps(task, agent):
        given = {
            "task": task, "agent": agent, "grid": {"lam": [0.1, 0.2], "sigma_0": [1.0, 2.0]}, "episodes": 2,
            "restarts": 1, "store": "store", "seed": 0, "workers": 1, "keep": "all", "progress": False,
            "evaluate_every": 1,
        }  # fmt: skip
        found = sm.sweep(**given)

        def cell(first, second):
            return found.cell(first, second)

        def memories(first, second):
            return found.memories(first, second)

        return [
            (sm.sweep, given), (sm.open_sweep, {"store": "store"}), (cell, {"first": 0, "second": 1}),
            (memories, {"first": 0, "second": 1}),
            (found.select, {}), (found.export, {"path": "s.csv"}), (found.to_frame, {}), (found.to_records, {}),
            (found.to_xarray, {}), (sweeps.plot_curves, {"result": found, "by": "lam", "at": {"sigma_0": 1.0}}),
            (sweeps.plot_heatmap, {"result": found, "x": "lam", "y": "sigma_0"}),
            (sweeps.plot_parameter, {"result": found, "x": "lam", "by": "sigma_0"}),
            (sweeps.read_study, {"path": os.path.abspath("study.toml")}),
        ]  # fmt: skip

    @staticmethod
    def _fits(task, agent, trials):
        choice = tasks.two_alternatives()
        subject = fit.design_from_task(choice, 12, seed=0)
        learner = fit.SoftmaxLearner()
        model = fit.Model(agent=learner)
        played = subject.with_choices(fit.simulate(subject, model, seed=0)[0])
        few = {"free": ("beta",), "starts": 1, "seed": 0, "workers": 1}
        data, laplace = fit.Choices([played]), few | {"intervals": "laplace"}
        fitted = fit.fit(data, learner, **laplace)
        two = fit.Choices([played, dataclasses.replace(played, label=1)])
        rivals, named = {"a": learner, "b": learner.replace(beta=2.0)}, {"a": ("beta",), "b": ("learning_rate_q",)}
        one, space = fitted.subjects[0], fitted.subjects[0].space
        recovered = {"design": choice, "agent": learner, "trials": 4, "subjects": 3}
        pair = {
            "design": choice,
            "agents": rivals,
            "trials": 4,
            "subjects": 2,
            "free": named,
            "starts": 1,
            "workers": 1,
        }
        told = {
            "design": choice, "agent": learner, "trials": 3, "free": ("beta",), "histories": 2, "points": 1,
            "workers": 1,
        }  # fmt: skip
        over = {"grid": {"trials": [4, 5]}, "design": "two-alternatives", "agent": learner, "subjects": 3, "starts": 1}
        compared, information = fit.compare({"a": fitted, "b": fitted}), fit.information(**told)
        recovery, confused = fit.recover_parameters(**recovered | few), fit.recover_models(**pair)
        cells = fit.recover_over(**over, intervals=None)
        normal = fit.Normal(("beta",), np.array([0.0]), np.array([[1.0]]))
        frame = {"left": [0, 0], "right": [1, 1], "chosen": [0, 1], "paid": [1.0, 0.0]}
        columns = {"options": ("left", "right"), "choice": "chosen", "payoff": "paid"}
        pd.DataFrame(frame).to_csv("c.csv", index=False)
        return [
            (fit.Model, {"agent": agent}), (model.replace, {"lapse": 0.1}), (model.vector, {}),
            (model.vectors, {"free": ("beta",), "values": [[1.0]]}), (fit.SoftmaxLearner, {}),
            (learner.replace, {"beta": 2.0}), (played.part, {"rows": 3}), (played.scoring, {"rows": np.arange(12) > 3}),
            (subject.with_choices, {"choice": np.zeros(12, dtype=int)}), (fit.Choices, {"subjects": [played]}),
            (fit.Choices.from_task, {"task": task, "trials": trials}),
            (fit.Choices.from_arrays, {"memory": [[0, 1], [0, 1]], "choice": [0, 1], "payoff": [1.0, 0.0]}),
            (fit.Choices.from_frame, {"frame": frame} | columns),
            (fit.Choices.from_csv, {"path": os.path.abspath("c.csv"), "rows": "r.npz"} | columns),
            (data.save, {"path": "d"}), (fit.Choices.load, {"path": data.save(os.path.abspath("l"))}),
            (fit.compare, {"fits": {"a": fitted, "b": fitted}}), (compared.differences, {}), (compared.plot, {}),
            (compared.to_frame, {}), (fit.design_from_task, {"task": choice, "trials": 5, "seed": 0}),
            (fit.filter_log_likelihoods,
             {"subject": played, "model": fit.Model(agent=agent), "seed": 0, "particles": 8}),
            (fit.fit, laplace | {"data": data, "agent": learner}), (fitted.save, {"path": "f"}),
            (fit.Fit.load, {"path": "f.npz"}), (fitted.of, {"label": played.label}), (fitted.to_frame, {}),
            (one.trajectories, {}), (one.draw, {"n": 2, "seed": 0}),
            (one.predictive, {"draws": 2, "seed": 0, "rows": subject}),
            (fit.fit_group, few | {"data": two, "agent": learner, "iterations": 1, "draws": 16}),
            (fit.future, {"data": data, "agents": rivals, "free": named, "starts": 1, "workers": 1}),
            (fit.information, told), (information.to_frame, {}), (information.trade_offs, {}),
            (information.trials_for, {"name": "beta", "standard_error": 0.5}),
            (fit.log_likelihood, {"data": data, "agent": learner, "workers": 1}),
            (fit.log_likelihoods, {"subject": played, "model": model, "free": ("beta",), "values": [[1.0], [2.0]]}),
            (fit.random_effects, {"log_evidence": np.arange(6.0).reshape(2, 3)}),
            (fit.read_hbayesdm, {"table": pd.DataFrame({"subjID": [1, 1], "choice": [1, 2], "outcome": [1.0, 0.0]})}),
            (fit.read_cpm, {"table": pd.DataFrame({
                "ppt": [1, 1], "stimulus_left": [1, 2], "stimulus_right": [2, 1], "reward_1": [1, 0],
                "reward_2": [0, 1], "responses": [1, 2], "feedback": [1, 1]})}),
            (fit.read_hssm, {"table": pd.DataFrame({
                "participant_id": [0, 0], "response": [0, 1], "feedback": [1.0, 0.0]})}),
            (fit.recover_models, pair), (confused.plot, {}), (confused.to_frame, {}),
            (fit.recover_parameters, laplace | recovered), (recovery.coverage_limits, {}),
            (recovery.plot, {"name": "beta"}), (recovery.to_frame, {}), (fit.recover_over, over),
            (cells.table, {"quantity": "spread", "parameter": "beta"}), (cells.to_frame, {}),
            (fit.over_subjects, {"function": str, "subjects": [1, 2]}),
            (fit.simulate, {"subject": subject, "model": model, "seed": 0}),
            (fit.trajectories, {"subject": played, "model": model}),
            (fit.Normal, {"names": ("beta",), "mean": [0.0], "covariance": [[1.0]]}),
            (normal.draw, {"n": 2, "rng": np.random.default_rng(0)}), (normal.log_density, {"coordinates": [[0.5]]}),
            (space.to_values, {"coordinates": [[0.5]]}), (space.to_coordinates, {"values": [[0.5]]}),
            (space.log_jacobian, {"coordinates": [[0.5]]}), (space.at_bound, {"coordinates": [0.5]}),
        ]  # fmt: skip

    @staticmethod
    def _plots(task, result, trials, steps):
        square, pair = np.arange(6.0).reshape(2, 3), np.array([0.2, 0.7, 0.4])
        table = np.zeros((task.n_states, task.n_actions))
        mapped, axes = {"task": task, "values": table.max(axis=1)}, matplotlib.pyplot.figure().subplots()
        car = tasks.mountain_car()
        return [
            (plot.bars, {"groups": {"a": [1.0, 2.0], "b": [2.0, 3.0]}}),
            (plot.choice_curve, {"difference": pair, "chosen": [0, 1, 1]}), (plot.choice_entropy, {"result": result}),
            (plot.choice_entropy_snapshots, {"result": result}),
            (plot.choice_raster, {"choices": [[0, 1, 1], [1, 1, 0]]}), (plot.chosen_sigma, {"trials": trials}),
            (plot.confusion, {"counts": [[3, 1], [0, 4]], "names": ("a", "b")}),
            (plot.convergence, {"results": result}),
            (plot.curves, {"x": [0, 1, 2], "mean": [0.0, 1.0, 2.0]}), (plot.discriminability, {"results": result}),
            (plot.effort_curve, {"episodes": [1, 2, 3], "samples": pair + 1}),
            (plot.effort_map, {"task": task, "samples": table.max(axis=1) + 1}), (plot.figure, {}),
            (plot.frontier, {"agents": {"a": {"lam": [1, 2], "cost": [3, 1], "reward": [5, 4]}}}),
            (plot.heatmap, {"values": square}), (plot.maze, mapped), (plot.state_map, mapped),
            (plot.mean_sigma_vs_difference, {"results": result}),
            (plot.model_comparison, {"scores": {"a": [0.0, 1.0, 2.0], "b": [0.0, 1.0, 2.0]}}),
            (plot.plane, {"task": car, "values": np.zeros(car.n_states)}),
            (plot.posterior_predictive, {"observed": [0, 1, 1], "predicted": [[0, 1, 0], [1, 1, 1]]}),
            (plot.q_map, {"result": result}), (plot.sigma_map, {"result": result}),
            (plot.value_function, {"result": result}), (plot.recovery, {"simulated": pair, "fitted": pair}),
            (plot.reference_lines, {"ax": axes, "reference": 1.0}),
            (plot.regime_plane, {"lam": [0.1, 0.2], "opportunity_cost": [0.0, 1.0, 2.0], "values": square.T + 1}),
            (plot.regression, {"x": pair, "y": [1.0, 2.0, 4.0]}),
            (plot.save, {"fig": matplotlib.pyplot.figure(), "path": "p"}),
            (plot.sigma_by_trial, {"sigma": square + 1}), (plot.stay_probability, {"trials": steps}),
            (plot.style_axes, {"ax": axes}), (plot.table, {"task": task, "values": table}),
            (plot.visits, {"task": task, "visits": table + 1}),
        ]  # fmt: skip


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.chdir(tmp_path_factory.mktemp("public"))
        warnings.simplefilter("ignore")
        with open("study.toml", "w", encoding="utf-8") as file:
            file.write('task = "two-step"\nepisodes = 2\n[grid]\nlam = [1.0]\n')
        yield Public()
        matplotlib.pyplot.close("all")


def corrupted(draw, value):
    """Anything at all, or what is nearly as good as a value that is good."""
    kind = draw.randrange(9)
    if kind < 4 or value is inspect.Parameter.empty or isinstance(value, (str, type(None))):
        return draw.choice(ANYTHING)
    if kind == 4:
        return [value]
    if isinstance(value, dict) and value:
        return value | {draw.choice(list(value)): draw.choice(ANYTHING)}
    if not isinstance(value, (np.ndarray, list, tuple, int, float)) or not np.size(value):
        return draw.choice(ANYTHING)
    try:
        array = np.array(value)
        spoilt = array.astype(float)
        spoilt.reshape(-1)[draw.randrange(spoilt.size)] = draw.choice((np.nan, np.inf, -np.inf, -1.0, 1e200, 0.5))
    except (TypeError, ValueError):
        return draw.choice(ANYTHING)
    return draw.choice((
        spoilt, spoilt.tolist(), array[None], array.reshape(-1)[:-1], array.astype(object), array.astype(str), -spoilt,
        np.ma.masked_array(array, np.ones(array.shape, dtype=bool)), array.astype(complex), array > 0, array.T,
    ))  # fmt: skip


def what_is_wrong(call, arguments):
    """What is wrong with a call, or None."""
    begin = time.process_time()
    try:
        call(**arguments)
    except DOCUMENTED as error:
        found = None if str(error) else f"{type(error).__name__} without a message"
    except Exception as error:
        where = inspect.getinnerframes(error.__traceback__)[-1]
        found = f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
    else:
        found = None
    took = time.process_time() - begin
    return found or (f"{took:.1f} s" if took > SECONDS else None)


def written(arguments):
    try:
        return repr(arguments)[:300]
    except Exception:
        return ", ".join(f"{name}: {type(value).__name__}" for name, value in arguments.items())


def faults(public, draw, count, folder):
    """What was wrong with calls in each of which an argument or two are not good."""
    found = []
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.chdir(folder)
        warnings.simplefilter("ignore")
        for number in range(count):
            call, good = public.good[number % len(public.good)]
            parameters = inspect.signature(call).parameters.values()
            names = [one.name for one in parameters if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)]
            names = [name for name in names if name not in OTHERS]
            names += [name for name in good if name not in names]
            bad = draw.sample(names, min(len(names), draw.choice((1, 1, 2))))
            given = good | {name: corrupted(draw, good.get(name, inspect.Parameter.empty)) for name in bad}
            wrong = what_is_wrong(call, given)
            matplotlib.pyplot.close("all")
            if wrong:
                changed = {name: given[name] for name in bad}
                found.append(f"{getattr(call, '__qualname__', call)}({written(changed)}): {wrong}")
    return found


def test_nothing_public_is_left_out(public):
    known = {getattr(call, "__name__", "") for call, _ in public.good} | public.INTERNAL | public.SLOW
    known |= {make.__name__ for make in GOOD} | {"from_dense", "from_functions", "from_outcomes"}
    for module in (sm, agents, exact, fit, metrics, paper, plot, sweeps, tasks):
        for name in getattr(module, "__all__", None) or vars(module):
            one = getattr(module, name)
            if not callable(one) or name.startswith("_") or getattr(one, "__module__", "").split(".")[0] != "sigmalloc":
                continue
            if module is metrics and one.__module__ != metrics.__name__:
                continue
            if inspect.isclass(one) and issubclass(one, BaseException):
                continue
            assert one.__name__ in known, name
            if inspect.isclass(one):
                for method, value in vars(one).items():
                    if not method.startswith("_") and isinstance(value, (classmethod, staticmethod, type(written))):
                        assert method in known, f"{name}.{method}"


def test_good_arguments_are_good(public, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings(), np.errstate(all="raise"):  # as some people have it
        warnings.simplefilter("ignore")
        for call, arguments in public.good:
            call(**arguments)
            matplotlib.pyplot.close("all")


def test_once_each(public, tmp_path):
    found = faults(public, random.Random(0), len(public.good), tmp_path)
    assert not found, "\n".join(found)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand(public, tmp_path, seed):
    found = faults(public, random.Random(seed), 1000, tmp_path)
    assert not found, "\n".join(found)
