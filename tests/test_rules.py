"""Rules are records: what combines known words works in every layer, and what has an unknown word is refused in all."""

from typing import get_args

import numpy as np
import pytest
from same_bits import WHOLE, changing_maze, differing, random_mdp

import sigmalloc as sm
from sigmalloc import _kernel, reference
from sigmalloc.agents import rules, schedules
from sigmalloc.fit import engine as fit_engine
from sigmalloc.reference import likelihood as fit_twin
from sigmalloc.reference import training as twin

WORDS = {
    "credit": ("now", "reward_to_go", "path_return", "best_return"),
    "baseline": ("none", "mean"),
    "update": ("each", "scale", "none"),
    "importance": ("flat", "usage", "spread"),
}
DOCUMENTED = {"credit": rules.Gradient, "baseline": rules.Gradient, "update": rules.Allocation}
DOCUMENTED |= {"importance": rules.Allocation}

# A rule with one word that nobody knows, and that word
UNKNOWN = {
    "credit": (rules.Gradient("odd", "tomorrow"), "tomorrow"),
    "baseline": (rules.Gradient("odd", "now", "median"), "median"),
    "baseline of a return": (rules.Gradient("odd", "path_return", "median", planners=("rollouts",)), "median"),
    "update": (rules.Allocation("odd", "pairs", exact=True), "pairs"),
    "importance": (rules.Allocation("odd", "scale", "novelty", exact=True), "novelty"),
    "importance of each": (rules.Allocation("odd", "each", "novelty", exact=True), "novelty"),
}


@pytest.fixture
def add(monkeypatch):
    """Adds a rule to its registry, for one test, and makes an agent that goes by it."""

    def added(rule, **fields):
        gradient = isinstance(rule, rules.Gradient)
        monkeypatch.setitem(rules.GRADIENTS if gradient else rules.ALLOCATIONS, rule.name, rule)
        return sm.Agent(**{"gradient" if gradient else "allocation": rule.name}, **fields)

    return added


def choices():
    rng = np.random.default_rng(0)
    memory = np.array([rng.permutation(4)[:2] for _ in range(30)])
    return sm.fit.Choices.from_arrays(memory, rng.integers(2, size=30), rng.normal(size=(30, 2)))


def test_registries_are_the_literal_types():
    assert tuple(rules.GRADIENTS) == get_args(rules.GradientName)
    assert tuple(rules.ALLOCATIONS) == get_args(rules.AllocationName)
    assert tuple(rules.PLANNERS) == get_args(rules.PlannerName)
    for registry in (rules.GRADIENTS, rules.ALLOCATIONS, rules.PLANNERS):
        assert all(rule.name == name for name, rule in registry.items())
    annotations = sm.Agent.__annotations__
    assert [annotations[name] for name in ("gradient", "allocation", "planner")] == [
        "GradientName", "AllocationName", "PlannerName",
    ]  # fmt: skip


@pytest.mark.parametrize("build", _kernel.available())
def test_kernel_twin_and_documentation_know_the_same_words(build):
    known = _kernel.load(build).RULES
    assert {kind: tuple(numbers) for kind, numbers in known.items() if kind in WORDS} == WORDS
    for kind, numbers in known.items():
        assert sorted(numbers.values()) == list(range(len(numbers))), kind
    assert twin.WORDS == WORDS
    assert set(known["schedule"]) == {"constant", "exponential", "points"}
    assert {kind.__name__.lower() for kind in get_args(schedules.Scheduled)} <= set(known["schedule"])
    for kind, record in DOCUMENTED.items():
        listed = record.__doc__.partition(f"{kind} : {{")[2].partition("}")[0]
        assert tuple(word.strip(' "') for word in listed.split(",")) == WORDS[kind]
    for rule in rules.GRADIENTS.values():
        assert rule.credit in WORDS["credit"] and rule.baseline in WORDS["baseline"]
    for rule in rules.ALLOCATIONS.values():
        assert rule.update in WORDS["update"] and rule.importance in WORDS["importance"]


def refused(word, call, *arguments, **keywords):
    with pytest.raises(ValueError, match=word) as caught:
        call(*arguments, **keywords)
    return str(caught.value)


@pytest.mark.parametrize("kind", UNKNOWN)
def test_unknown_word_in_training(add, kind):
    rule, word = UNKNOWN[kind]
    agent = add(rule)
    for task in (random_mdp(0), sm.tasks.mountain_car(), changing_maze()):
        said = refused(word, sm.train, task, agent, episodes=2, seed=0)
        assert "'odd'" in said and "the kernel, which has" in said
        refused(word, sm.simulate, task, agent, episodes=2, restarts=1, seed=0)
        q = np.zeros((task.n_states, task.n_actions))
        refused(word, sm.evaluate, task, agent, q, q + 1, seed=0)
        policy = sm.Policy(task, agent, q, q + 1, seed=0)
        refused(word, policy.end_episode)


@pytest.mark.parametrize("kind", UNKNOWN)
def test_unknown_word_in_the_twin(add, kind):
    rule, word = UNKNOWN[kind]
    refused(word, reference.train, random_mdp(0), add(rule), episodes=2, restarts=1, seed=0)


@pytest.mark.parametrize("kind", UNKNOWN)
def test_unknown_word_in_exact_training(add, kind):
    rule, word = UNKNOWN[kind]
    refused(word, sm.train, random_mdp(0), add(rule), episodes=2, restarts=1, seed=0, estimator="exact")


def test_a_rule_that_is_not_exact(add):
    agent = add(rules.Allocation("odd", "pairs"))
    refused("'odd'", sm.train, random_mdp(0), agent, episodes=2, restarts=1, seed=0, estimator="exact")


@pytest.mark.parametrize("kind", ["credit", "baseline"])
def test_unknown_word_in_the_moments_of_the_gradient(add, kind):
    """They depend on the gradient alone."""
    rule, word = UNKNOWN[kind]
    task = random_mdp(0)
    q = task.optimal_q()
    refused(word, sm.exact.expected_estimator, task, add(rule), q, q * 0 + 1)


@pytest.mark.parametrize("kind", UNKNOWN)
def test_unknown_word_in_a_sweep(add, kind, tmp_path):
    rule, word = UNKNOWN[kind]
    agent = add(rule)
    refused(word, sm.sweep, random_mdp(0), agent, grid={"lam": [0.1, 0.2]}, episodes=2, seed=0,
            keep="all", store=tmp_path / "one")  # fmt: skip
    field = "gradient" if isinstance(rule, rules.Gradient) else "allocation"
    refused(
        word, sm.sweep, random_mdp(0), sm.Agent(), grid={field: [getattr(sm.Agent(), field), "odd"]}, episodes=2,
        seed=0, keep="all", store=tmp_path / "two",
    )  # fmt: skip
    blocks = [path for path in tmp_path.rglob("*.npz") if path.parent.name == "blocks"]
    for path in blocks:  # those of the agents that are known are whole
        assert "odd" not in str(path)


@pytest.mark.parametrize("kind", UNKNOWN)
def test_unknown_word_in_a_fit(add, kind):
    rule, word = UNKNOWN[kind]
    agent = add(rule)
    source = {"gradient_source": "experience" if agent.gradient_rule.waits else "replay"}
    data = choices()
    refused(word, sm.fit.log_likelihood, data, agent, **source)
    model = sm.fit.Model(agent=agent, **source)
    refused(word, sm.fit.log_likelihoods, data.subjects[0], model, ("lam",), [[0.1], [0.2]])
    refused(word, sm.fit.trajectories, data.subjects[0], model)
    refused(word, sm.fit.simulate, data.subjects[0], model, seed=0)
    if source["gradient_source"] == "replay":
        refused(word, sm.fit.filter_log_likelihoods, data.subjects[0], model, seed=0, particles=8, repetitions=1)


@pytest.mark.parametrize("kind", UNKNOWN)
def test_unknown_word_in_the_twin_of_the_likelihood(add, kind):
    rule, word = UNKNOWN[kind]
    agent = add(rule)
    source = {"gradient_source": "experience" if agent.gradient_rule.waits else "replay"}
    model = sm.fit.Model(agent=agent, **source)
    refused(word, fit_twin.evaluate, choices().subjects[0], model.setting, model.vector())


def test_a_name_that_is_in_no_registry():
    for field in ("gradient", "allocation", "planner"):
        refused(f"{field} must be one of", sm.Agent, **{field: "odd"})
        refused(f"{field} must be one of", sm.Agent().replace, **{field: "odd"})


# Rules of known words that are not in the registries
KNOWN = [
    rules.Gradient("plain", "now"),
    rules.Gradient("togo", "reward_to_go", planners=("rollouts",)),
    rules.Gradient("centred", "now", "mean", planners=("rollouts",)),
    rules.Allocation("one", "scale", exact=True),
    rules.Allocation("free", "each", exact=True),
    rules.Allocation("wide", "scale", "spread"),
    rules.Allocation("busy", "scale", "usage"),
    rules.Allocation("still", "none"),
]


@pytest.mark.parametrize("rule", KNOWN, ids=lambda rule: rule.name)
def test_a_new_rule_of_known_words_works_everywhere(add, rule, tmp_path):
    """Its record is all that it needs: kernel and twin agree, and the same words give the same bits by another name."""
    agent = add(rule, n_trajectories=3, gamma=0.9)
    asked = {"episodes": 6, "restarts": 2, "seed": 3, "evaluate_every": 3, "evaluation_episodes": 4, "snapshots": (2,)}
    for task in (random_mdp(2), changing_maze(), sm.tasks.slot_machines()):
        kernel = sm.train(task, agent, **asked)
        assert differing(kernel, reference.train(task, agent, **asked), WHOLE) == []
    planned = agent.replace(search_budget=50, sigma_base=100.0, sigma_0=50.0)
    task = sm.tasks.planning(2)
    assert differing(sm.train(task, planned, **asked), reference.train(task, planned, **asked), WHOLE) == []
    task = random_mdp(2)
    kernel = sm.train(task, agent, **asked)
    swept = sm.sweep(task, agent, grid={"lam": [agent.lam]}, restarts=2, episodes=6, seed=3, keep="all",
                     store=tmp_path / "store")  # fmt: skip
    np.testing.assert_array_equal(swept.steps[0], kernel.steps)
    kernel.save(tmp_path / "saved.npz")
    assert differing(sm.Result.load(tmp_path / "saved.npz").extend(episodes=2), kernel.extend(episodes=2), WHOLE) == []
    field = "gradient" if isinstance(rule, rules.Gradient) else "allocation"
    own = {"plain": "q", "togo": "reinforce", "centred": "advantage", "one": "equal", "free": "dra", "wide": "stakes",
           "busy": "frequency", "still": "fixed"}[rule.name]  # fmt: skip
    ours = agent.replace(**{field: own})
    assert differing(kernel, sm.train(task, ours, **asked), WHOLE) == []
    if field == "gradient":
        moments = sm.exact.expected_estimator(task, agent, kernel.q[0], kernel.sigma[0])
        same = sm.exact.expected_estimator(task, ours, kernel.q[0], kernel.sigma[0])
        np.testing.assert_array_equal(moments.gradient, same.gradient)
    elif rule.exact:
        exact = [sm.train(task, one, episodes=3, restarts=1, seed=0, estimator="exact") for one in (agent, ours)]
        assert differing(*exact, WHOLE) == []
    source = {"gradient_source": "experience" if agent.gradient_rule.waits else "replay"}
    fitted = agent.replace(gamma=1.0)
    data, model = choices(), sm.fit.Model(agent=fitted, **source)
    subject = data.subjects[0]
    value = fit_engine.run(subject, model.setting, model.vector()[None]).total[0]
    assert value == fit_twin.evaluate(subject, model.setting, model.vector()).total
    assert value == sm.fit.log_likelihood(data, fitted.replace(**{field: own}), **source)


@pytest.mark.parametrize("credit", ["reward_to_go", "path_return", "best_return"])
def test_a_baseline_with_a_return(add, credit):
    """Either it means something, and the kernel's bits are the twin's, or the record is refused."""
    try:
        rule = rules.Gradient("odd", credit, "mean")
    except ValueError:
        return
    agent = add(rule, n_trajectories=3, gamma=0.9)
    asked = {"episodes": 4, "restarts": 2, "seed": 3}
    task = random_mdp(2)
    assert differing(sm.train(task, agent, **asked), reference.train(task, agent, **asked), WHOLE) == []
