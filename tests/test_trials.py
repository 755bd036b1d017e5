"""Trials out and in, agents as policies, runs that go on."""

import dataclasses
import warnings

import numpy as np
import pytest
from same_bits import WHOLE, changing_maze, differing, random_mdp

import sigmalloc as sm
from sigmalloc.agents import ALLOCATIONS, Exponential, Points, linear
from sigmalloc.runs import engine
from sigmalloc.runs.simulate import training
from sigmalloc.runs.trials import from_columns

CASES = {
    "maze that changes": (changing_maze(), sm.Agent(n_trajectories=2)),
    "stochastic": (random_mdp(3), sm.Agent(allocation="frequency", gamma=0.9)),
    "planning": (sm.tasks.planning(3), sm.Agent.table_b1("planning", search_budget=50.0)),
    "mountain car": (sm.tasks.mountain_car("uniform", 60), sm.Agent.table_b1("mountain-car")),
    "slot machines": (sm.tasks.slot_machines(payoff_sd=2.0), sm.Agent(allocation="stakes")),
    "two-step": (sm.tasks.two_step(), sm.Agent(gradient="reinforce", beta_0=1.0, beta_rate=0.1)),
    "drifting bandit": (sm.tasks.bandit(noise="bernoulli", drift=0.02), sm.Agent(allocation="equal", beta=3.0)),
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES.keys())
def case(request):
    task, agent = request.param
    trials, result = training(task, agent, episodes=9, restarts=11, seed=3, values=True, probability=True)
    return task, agent, trials, result


def test_simulation_is_training(case):
    task, agent, trials, result = case
    trained = sm.train(task, agent, episodes=9, restarts=11, seed=3)
    assert differing(result, trained, WHOLE) == []
    plain = sm.simulate(task, agent, episodes=9, restarts=11, seed=3, workers=2)
    for name, column in plain.columns.items():
        np.testing.assert_array_equal(column, getattr(trials, name), err_msg=name)


def test_replaying_a_simulation_gives_its_bits(case):
    task, agent, trials, result = case
    assert differing(sm.replay(trials, agent, seed=3), result, WHOLE) == []
    again = sm.replay(trials, [agent, agent.replace(n_trajectories=1), agent], seed=3)
    assert differing(again[0], result, WHOLE) == [] and differing(again[2], result, WHOLE) == []
    if agent.gradient == "advantage":
        assert differing(again[1], result, ("sigma",)) == ["sigma"]


def test_rows_follow_each_other(case):
    task, _, trials, result = case
    checked = from_columns(task, trials.columns)  # every check of what people bring
    assert len(checked) == len(trials)
    steps = np.bincount(trials.subject, minlength=11)
    if task.horizon is None:
        assert (trials.ended | trials.cut).sum() == 9 * 11
    assert steps.sum() == len(trials) and (steps > 0).all()


def test_values_are_those_of_the_moment(case):
    """Before the first update q̄ and σ are the initial ones; each choice has the probability that they give it."""
    task, agent, trials, _ = case
    first = (trials.episode == 0) & (trials.step == 0) & (trials.path == 0)
    exists = task.exists[trials.state[first]]
    known = task.known[trials.state[first]]
    np.testing.assert_array_equal(np.isnan(trials.q[first]), ~exists)
    if not isinstance(agent.q_init, tuple):
        assert (trials.q[first][exists & ~known] == agent.q_init).all()
    assert (trials.sigma[first][exists & ~known] == agent.sigma_0).all()
    assert ((trials.probability > 0) & (trials.probability <= 1)).all()
    rows = np.arange(0, len(trials), max(1, len(trials) // 40))
    for row in rows:
        variant = task.at(int(trials.episode[row]))
        mask = variant.exists[trials.state[row]]
        beta = agent.at("beta", int(trials.episode[row]))
        p = sm.exact.choice_probabilities(trials.q[row][mask], trials.sigma[row][mask], policy="soft", beta=beta)
        chosen = np.flatnonzero(mask).tolist().index(trials.action[row])
        assert trials.probability[row] == pytest.approx(p[chosen], abs=1e-9)


def test_rows_have_the_names_of_states_and_actions():
    trials = sm.simulate(sm.tasks.two_step(), sm.Agent(), episodes=20, seed=0)
    assert (trials.state_labels()[trials.step == 0] == "first stage").all()
    second = trials.state_labels()[trials.step == 1]
    assert second.tolist() == ["second stage " + "AB"[state - 1] for state in trials.state[trials.step == 1]]
    assert set(second) == {"second stage A", "second stage B"}
    assert trials.action_labels().tolist() == [["left", "right"][action] for action in trials.action]
    maze = sm.simulate(sm.tasks.grid_world(), sm.Agent(), episodes=1, seed=0)  # its states have numbers only
    assert maze.state_labels().tolist() == list(map(str, maze.state)) and maze.state_labels()[0] == "18"


def test_choices_come_with_their_probabilities():
    """10⁴ first choices with given q̄ and σ: frequencies within 4 standard errors of the exact probabilities."""
    task = sm.tasks.bandit([0.0, 0.3, 0.6], trials=10)
    q, sigma = np.array([0.0, 0.3, 0.5]), np.array([0.5, 0.2, 0.8])
    for policy in ("soft", "hard"):
        trials = sm.simulate(
            task, sm.Agent(), episodes=5, restarts=2000, seed=1, learn=False, q=q, sigma=sigma, policy=policy,
            probability=True,
        )  # fmt: skip
        p = sm.exact.choice_probabilities(q, sigma, policy=policy, beta=10.0)
        frequency = np.bincount(trials.action, minlength=3) / len(trials)
        assert len(trials) == 10_000
        assert (np.abs(frequency - p) < 4 * np.sqrt(p * (1 - p) / 10_000)).all()
        np.testing.assert_allclose(trials.probability, p[trials.action], atol=1e-9)


@pytest.mark.parametrize("kind", ["npz", "csv", "frame"])
def test_round_trips(case, kind, tmp_path):
    task, _, trials, _ = case
    if kind == "npz":
        again = sm.Trials.load(trials.save(tmp_path / "new" / "trials"))
        np.testing.assert_array_equal(again.q, trials.q)
        assert again.task.digest() == task.digest()
    elif kind == "csv":
        again = sm.Trials.read_csv(trials.to_csv(tmp_path / "trials.csv"), task)
    else:
        again = sm.Trials.from_frame(trials.to_frame(), task)
        np.testing.assert_array_equal(trials.to_xarray()["sigma"], trials.sigma)
    for name, column in trials.columns.items():
        np.testing.assert_array_equal(column, getattr(again, name), err_msg=name)


def test_other_peoples_columns_and_names(tmp_path):
    task = sm.tasks.two_alternatives()
    path = tmp_path / "people.csv"
    pairs = task.state_names[0], task.state_names[1]
    path.write_text(
        "\ufeffparticipant;cue;key;points;missed\n"
        f"anna;{pairs[0]};{task.action_names[0]};3.5;0\n"
        f"anna;{pairs[1]};;;1\n"
        f"ben;{pairs[0]};1;NA;0\n",
        encoding="utf-8",
    )
    columns = {"subject": "participant", "state": "cue", "action": "key", "reward": "points"}
    trials = sm.Trials.read_csv(path, task, columns, separator=";")
    assert trials.subjects == ["anna", "ben"]
    assert trials.action.tolist() == [0, -1, 1] and trials.state.tolist() == [0, 1, 0]
    assert trials.reward[0] == 3.5 and np.isnan(trials.reward[1:]).all()
    assert trials.episode.tolist() == [0, 1, 0] and trials.ended[[0, 2]].all()
    assert trials.of("anna").action_labels().tolist() == [task.action_names[0], ""]


GOOD = ["subject,episode,step,state,action,reward,next_state,ended", "a,0,0,0,0,-1,1,false", "a,0,1,1,0,-1,2,false",
        "a,0,2,2,0,10,3,true", "a,1,0,0,0,-1,1,false", "a,1,1,1,0,-1,2,true"]  # fmt: skip


def corridor():
    return sm.TabularMDP(
        [[1, 0], [2, 0], [3, 1], [3, 3]], np.zeros((4, 2)), start=0, terminal=[3], actions=np.ones((4, 2))
        == [[1, 0], [1, 1], [1, 1], [0, 0]], state_names=["A", "B", "C", "end"], action_names=["on", "back"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (2, "a,0,0,0,1,-1,1,false", "line 2: state 'A' has no action 'back'"),
        (3, "a,0,1,1,0,-1,0,false", "line 3: action 'on' in state 'B' never leads to 'A'"),
        (3, "a,0,1,2,0,-1,3,false", "line 3: state 'C' does not follow: the row before leads to 'B'"),
        (4, "a,0,3,2,0,10,3,true", "line 4: step 3 of episode 0 follows step 1"),
        (4, "a,0,1,2,0,10,3,true", "step 1 of episode 0 is there twice"),
        (5, "a,2,0,0,0,-1,1,false", "line 6: episode 1 begins with step 1"),
        (3, ",0,1,1,0,-1,2,false", "line 3: the subject is empty"),
        (3, "a,0,1,9,0,-1,2,false", r"line 3: state must be in \[0, 3\], got 9"),
        (3, "a,0,1,D,0,-1,2,false", "line 3: state 'D' is neither a number nor a name of the task; the names are A, B"),
        (3, "a,0,1,1,7,-1,2,false", r"line 3: action must be in \[0, 1\], got 7"),
        (3, "a,0,1,1,0,much,2,false", "line 3: reward must be a number, got 'much'"),
        (3, "a,0,1,1,0,inf,2,false", "line 3: reward must be finite"),
        (3, "a,x,1,1,0,-1,2,false", "line 3: episode must be a whole number, got 'x'"),
        (3, "a,0,1,1,0,-1,2,perhaps", "line 3: ended must be true or false, got 'perhaps'"),
        (3, "a,0,1,1,0,-1,2", "line 3: 7 fields, but 8 columns"),
        (3, "a,0,1,1,0,-1,2,true", "goes on after its end"),
        (4, "a,0,2,3,0,10,3,true", "line 4: state 'end' is terminal: nobody chooses there"),
    ],
)
def test_rows_that_cannot_be(line, text, message, tmp_path):
    lines = GOOD.copy()
    lines[line - 1] = text
    path = tmp_path / "trials.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        sm.Trials.read_csv(path, corridor())


def test_files_that_are_no_tables(tmp_path):
    path = tmp_path / "trials.csv"
    for content, message in (
        ("", "is empty"),
        ("a,b\n1,2\n", "there is no column 'state'"),
        ("state,action\n", "no rows"),
    ):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(ValueError, match=message):
            sm.Trials.read_csv(path, corridor())
    path.write_bytes(b"state,action\n\xff\xfe\n")
    with pytest.raises(ValueError, match="not text in UTF-8"):
        sm.Trials.read_csv(path, corridor())
    with pytest.raises(ValueError, match="unknown column 'stat'"):
        sm.Trials.read_csv(path, corridor(), {"stat": "x"})
    result = sm.train(corridor(), sm.Agent(), episodes=1, restarts=1, seed=0)
    with pytest.raises(ValueError, match="not a readable table of trials"):
        sm.Trials.load(result.save(tmp_path / "result"))


def test_missing_and_unseen():
    """Where nobody chose nothing happens; where the reward is not shown q̄ stays, and σ is updated all the same."""
    task = sm.tasks.bandit([1.0, 2.0], sd=0.0, trials=10)
    agent = sm.Agent(learning_rate_q=0.5, n_trajectories=3)
    columns = {
        "subject": np.zeros(3, int), "session": np.zeros(3, int), "episode": np.arange(3), "path": np.zeros(3, int),
        "step": np.zeros(3, int), "state": np.zeros(3, int), "action": np.array([0, 1, -1]),
        "reward": np.array([1.0, np.nan, np.nan]), "next_state": np.array([1, 1, 1]), "ended": np.ones(3, bool),
        "cut": np.zeros(3, bool), "forced": np.zeros(3, bool),
    }  # fmt: skip
    result = sm.replay(from_columns(task, columns), agent, seed=0, snapshots=(1, 2, 3))
    np.testing.assert_array_equal(result.snapshot_memory_q[0], [[0.5, 0.0]] * 3)
    assert len({sigma.tobytes() for sigma in result.snapshot_memory_sigma[0]}) == 3


def test_simulation_is_refused_before_it_starts():
    task, agent = CASES["slot machines"]
    with pytest.raises(ValueError, match="learn=False needs q and sigma"):
        sm.simulate(task, agent, episodes=3, learn=False)
    with pytest.raises(ValueError, match="max_rows=10 is less than one row for each of 30 episodes"):
        sm.simulate(task, agent, episodes=3, restarts=10, max_rows=10)
    with pytest.raises(ValueError, match="grown beyond max_rows=40"):
        sm.simulate(sm.tasks.grid_world(step_limit=100), sm.Agent(), episodes=3, restarts=10, max_rows=40)
    with pytest.raises(ValueError, match="learn_q=False"):
        sm.simulate(task, agent.replace(learn_q=False), episodes=3)
    with pytest.raises(ValueError, match="seed and rng say the same"):
        sm.simulate(task, agent, episodes=3, seed=1, rng=np.random.default_rng(0))
    trials = sm.simulate(task, agent, episodes=3, restarts=2, seed=1)
    with pytest.raises(ValueError, match="must have 4 paths"):
        sm.replay(sm.simulate(sm.tasks.planning(3), sm.Agent.table_b1("planning"), episodes=2),
                  sm.Agent.table_b1("planning", search_budget=50.0))  # fmt: skip
    with pytest.raises(ValueError, match="as many episodes of every subject"):
        sm.replay(trials[:-1], agent)
    with pytest.raises(ValueError, match="subject must be one of 0, 1, got 7"):
        trials.of(7)


def test_a_small_buffer_gives_the_same_table(case):
    task, agent, trials, _ = case
    rows = []
    streams = np.stack([engine.stream_states(3, restart) for restart in range(11)])
    engine.run(
        task, [agent] * 11, sm.Schedule(9, None, 1), streams, workers=1, slice_work=7,
        recording=engine.Recording(False, lambda run, part, _: rows.append((run, part)), rows=2),
    )  # fmt: skip
    assert max(len(part) for _, part in rows) <= 2
    whole = np.concatenate([part for _, part in sorted(rows, key=lambda row: row[0])])
    for name in ("state", "action", "reward", "next_state", "episode", "step"):
        np.testing.assert_array_equal(whole[name], getattr(trials, name))


# policies


@pytest.mark.parametrize("policy", ["hard", pytest.param("soft", marks=pytest.mark.slow)])
def test_a_policy_in_a_loop_of_gymnasium(policy):
    """FrozenLake itself: the mean return of 600 episodes is what `evaluate` says, within 4 standard errors."""
    gymnasium = pytest.importorskip("gymnasium")
    env = gymnasium.make("FrozenLake-v1")
    task = sm.tasks.from_gymnasium(env)
    agent = sm.Agent(sigma_base=0.5, sigma_0=0.2, lam=0.001, beta=50.0)
    q, sigma = task.optimal_q(0.99), np.full((task.n_states, task.n_actions), 0.02)
    actor, rng = sm.Policy(task, agent, q, sigma, policy=policy), np.random.default_rng(1)
    returns = []
    for episode in range(600):
        state, _ = env.reset(seed=episode)
        total, over = 0.0, False
        while not over:
            state, reward, terminated, truncated, _ = env.step(actor.act(state, rng))
            total, over = total + reward, terminated or truncated
        returns.append(total)
    simulated = sm.evaluate(task, agent, q, sigma, episodes=20_000, seed=2, policy=policy)
    error = np.hypot(np.std(returns) / np.sqrt(len(returns)), simulated.reward_sem)
    assert abs(np.mean(returns) - simulated.reward) < 4 * error
    assert 0.1 < np.mean(returns) < 0.95


def test_probabilities_of_a_policy():
    result = sm.train(sm.tasks.slot_machines(), sm.Agent(), episodes=200, restarts=2, seed=0)
    for policy in ("soft", "hard"):
        actor, rng = result.policy(1, policy=policy), np.random.default_rng(0)
        for state in (0, 5, 15):
            p = actor.probabilities(state)
            exact = sm.exact.choice_probabilities(result.q[1, state], result.sigma[1, state], policy=policy, beta=10.0)
            np.testing.assert_allclose(p, exact, atol=1e-9)
            frequency = np.mean([actor.act(state, rng) for _ in range(4000)])
            assert abs(frequency - p[1]) < 4 * np.sqrt(max(p[0] * p[1], 1e-4) / 4000)


def test_a_policy_acts_whatever_seterr_says():
    """Of two actions whose recalls are apart by far more than 745/β, the better one."""
    task = sm.tasks.bandit([0.0, 1.0], sd=0.0)
    actor = sm.train(task, sm.Agent(), episodes=1, restarts=1, q=[[0.0, 1e3]], seed=0).policy()
    with np.errstate(all="raise"):
        assert actor.act(0, np.random.default_rng(0)) == 1
        actor.step(0, 1, 1.0, 1)


def test_a_policy_learns_online():
    """Bandit with certain rewards: q̄ by hand; and on average the runs of `train` are alike."""
    task = sm.tasks.bandit([0.0, 1.0], sd=0.0)
    agent = sm.Agent(learning_rate_q=0.5)
    actor = sm.Policy(task, agent, np.zeros(2), np.full(2, 3.0), episode=0, seed=4)
    for episode in range(3):
        actor.step(0, 1, 1.0, 1)
        assert actor.memory_q[1] == 1 - 0.5 ** (episode + 1) and actor.memory_q[0] == 0
        assert actor.episode == episode + 1
    finals = []
    for seed in range(60):
        actor = sm.Policy(task, agent, np.zeros(2), np.full(2, 3.0), episode=0, seed=seed)
        rng = np.random.default_rng(seed)
        for _ in range(40):
            action = actor.act(0, rng)
            actor.step(0, action, float(action), 1)
        finals.append(np.concatenate([actor.memory_q, actor.memory_sigma]))
    trained = sm.train(task, agent, episodes=40, restarts=400, seed=0)
    ours = np.concatenate([trained.memory_q, trained.memory_sigma], axis=1)
    error = np.sqrt(np.var(finals, axis=0, ddof=1) / 60 + ours.var(axis=0, ddof=1) / 400) + 1e-12
    assert (np.abs(np.mean(finals, axis=0) - ours.mean(axis=0)) < 4 * error).all()


def test_policies_are_refused():
    task, agent = CASES["stochastic"]
    result = sm.train(task, agent, episodes=2, restarts=2, seed=0)
    actor = result.policy()
    end = int(np.flatnonzero(task.terminal)[0])
    for call, message in (
        (lambda: result.policy(5), r"restart must be in \[0, 1\]"),
        (lambda: actor.act(end, np.random.default_rng(0)), "is terminal: there is nothing to choose"),
        (lambda: actor.act(99, np.random.default_rng(0)), "state must be in"),
        (lambda: actor.act(0, 3), "rng must be a numpy.random.Generator"),
        (lambda: actor.step(0, 9, 1.0, 1), "action must be one of"),
        (lambda: actor.step(0, 0, np.nan, 1), "reward must be finite"),
        (lambda: sm.Policy(task, agent, result.q[0], -result.sigma[0]), "sigma must be finite, above 0"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


# going on

SCHEDULES = {
    "constant": {}, "beta_0": {"beta_0": 1.0, "beta_rate": 0.1}, "beta": {"beta": Exponential(0.5, 0.2, 8.0)},
    "everything": {
        "lam": linear(0.5, 0.0, 12), "learning_rate_q": Exponential(0.9, -0.1, 0.05),
        "learning_rate_sigma": Points(((2, 0.3), (8, 0.1), (9, 0.0))), "beta": Points(((0, 2.0), (15, 10.0))),
    },
}  # fmt: skip


@pytest.mark.parametrize("allocation", ALLOCATIONS)
@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES.keys())
def test_going_on_gives_the_bits_of_one_long_run(allocation, schedule, tmp_path):
    task = changing_maze()
    agent = sm.Agent(allocation=allocation, n_trajectories=2, **schedule)
    keywords = {"restarts": 3, "seed": 7, "evaluate_every": 3, "evaluation_episodes": 4}
    whole = sm.train(task, agent, episodes=11, snapshots=(2, 9), **keywords)
    for first in (1, 4, 6):
        if first < 3:
            with pytest.raises(ValueError, match="evaluate_every must not exceed"):
                sm.train(task, agent, episodes=first, **keywords)
            continue
        begun = sm.train(task, agent, episodes=first, snapshots=(2,), **keywords)
        begun = sm.Result.load(begun.save(tmp_path / f"begun{first}"))
        went_on = begun.extend(episodes=2).extend(episodes=9 - first, snapshots=(9,))
        assert differing(went_on, whole, WHOLE) == []
        assert went_on.training_episodes == 11


def test_going_on_with_other_parameters():
    task = changing_maze()
    first = sm.train(task, sm.Agent(), episodes=3, restarts=3, seed=0)
    other = first.extend(episodes=4, agent=sm.Agent(lam=0.0))
    same = first.extend(episodes=4)
    assert differing(other, same, ("memory_sigma",)) == ["memory_sigma"]
    assert other.agent.lam == 0.0
    with pytest.raises(ValueError, match="cannot go on with 'equal'"):
        first.extend(episodes=4, agent=sm.Agent(allocation="equal"))
    with pytest.raises(ValueError, match="episodes must be at least 1"):
        first.extend(episodes=0)


def test_going_on_from_the_first_format_says_why_not():
    from test_golden import OLD

    old = sm.Result.load(OLD / "result.npz")
    with pytest.raises(ValueError, match="saved by a version that did not keep all that a run goes on from"):
        old.extend(episodes=2)


def test_schedules():
    agent = sm.Agent(beta=Exponential(1.0, 0.1, 5.0), lam=linear(1.0, 0.0, 10))
    assert agent.at("beta", 0) == 1.0 and agent.at("beta", 1000) == 5.0
    assert agent.at("beta", 5) == pytest.approx(np.exp(0.5))
    np.testing.assert_allclose([agent.at("lam", k) for k in (0, 3, 10, 50)], [1, 0.7, 0, 0])
    assert sm.Agent(**agent.to_dict()) == agent
    assert agent.in_episode(3).lam == agent.at("lam", 3)
    for fields, message in (
        ({"beta": {"exponential": [1.0, -0.1, 5.0]}}, "does not lead from"),
        ({"lam": {"points": []}}, "at least one point"),
        ({"lam": {"points": [[3, 1.0], [3, 2.0]]}}, "episodes must ascend"),
        ({"lam": {"exponential": [1.0]}}, "lam: exponential does not take"),
        ({"lam": {"sine": [1.0]}}, "lam must be a number or one of exponential, linear, points"),
        ({"lam": linear(0.5, -0.5, 10)}, "lam must be at least 0"),
        ({"learning_rate_q": Exponential(2.0, -0.1, 0.1)}, "learning_rate_q must be in"),
        ({"beta": linear(1.0, 2.0, 5), "beta_0": 1.0}, "beta_0 must not be given where beta is a schedule"),
    ):
        with pytest.raises(ValueError, match=message):
            sm.Agent(**fields)


def test_results_elsewhere():
    pandas = pytest.importorskip("pandas")
    result = sm.train(
        sm.tasks.grid_world(), sm.Agent(), episodes=6, restarts=3, seed=0, evaluate_every=2, snapshots=(3,)
    )
    frame = result.to_frame()
    assert isinstance(frame, pandas.DataFrame) and len(frame) == 9
    np.testing.assert_array_equal(frame["reward"], result.reward.ravel())
    data = result.to_xarray()
    np.testing.assert_array_equal(data["snapshot_sigma"], result.snapshot_sigma)
    assert data["reward"].attrs["units"] == "reward"
    trials = sm.simulate(sm.tasks.two_step(), sm.Agent(), episodes=10, restarts=2, seed=0)
    for shown in (result._repr_html_(), trials._repr_html_()):
        assert shown.startswith("<div class='sigmalloc'>") and "<script" not in shown
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "2 subjects" in repr(trials)


def test_labels_of_subjects_are_neither_cut_nor_merged(tmp_path):
    task = sm.tasks.maze(("S.", ".G"))
    right = task.action_names.index("right")

    def read(*labels):
        path = tmp_path / "labels.csv"
        rows = [f"{label},0,{right},-1,1" for label in labels]
        path.write_text("\n".join(["subject,state,action,reward,next_state", *rows]), encoding="utf-8")
        return sm.Trials.read_csv(path, task).subjects

    assert read("01", "02") == [1, 2]
    assert read("01", "1") == ["01", "1"]
    assert read("9" * 25, "3") == ["9" * 25, "3"]


def test_columns_that_do_not_go_together(tmp_path):
    task = sm.tasks.maze(("S.", ".G"))
    good = {"state": [0, 1], "action": [3, 1], "reward": [-1.0, 1.0], "next_state": [1, 3]}
    assert len(sm.Trials.from_frame(good, task)) == 2
    for name, column, message in (
        ("action", [3], "action must have 2 rows, as state has, got 1"), ("state", [[0], [1]], "state must have shape"),
        ("reward", np.ma.masked_array([-1.0, 1.0], [True, False]), "reward must not be a masked array"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            sm.Trials.from_frame(good | {name: column}, task)
    path = tmp_path / "twice.csv"
    path.write_text("state,action,reward,reward\n0,3,-1,5\n", encoding="utf-8")
    with pytest.raises(ValueError, match="there are 2 columns 'reward'"):
        sm.Trials.read_csv(path, task)


def test_a_choice_that_cannot_be_teaches_nothing():
    task = sm.tasks.maze(("S.", ".G"))
    policy = sm.Policy(task, sm.Agent(), np.zeros((4, 4)), np.ones((4, 4)), seed=0)
    with pytest.raises(ValueError, match="cut must be True or False"):
        policy.step(0, 3, 5.0, 1, cut=1)
    assert not policy.memory_q.any()


def test_only_what_goes_on_is_joined():
    task, agent = sm.tasks.maze(("S.", ".G")), sm.Agent()
    first, whole = (sm.train(task, agent, episodes=n, restarts=2, seed=0) for n in (5, 8))
    assert first.joined(whole).steps.tolist() == (first.steps + whole.steps).tolist()
    other = sm.tasks.maze(("S.", "G."))
    for later, message in (
        (first, "later must go on from episode 5"), ({}, "later must be a Result"),
        (sm.train(other, agent, episodes=8, restarts=2, seed=0), "same task"),
        (sm.train(task, agent, episodes=8, restarts=3, seed=0), "the same restarts, 2, got 3"),
        (sm.train(task, agent, episodes=8, restarts=2, seed=1), "the same seed, 0, got 1"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            first.joined(later)


class TestColumnsAndRows:
    @pytest.fixture
    def trials(self):
        task = sm.tasks.maze(("S.", ".G"))
        return sm.simulate(task, sm.Agent(), episodes=3, restarts=2, seed=0, values=True)

    @pytest.mark.parametrize(("name", "change", "message"), [
        *((name, lambda column: np.ma.array(column, mask=True), f"{name} must not be a masked array")
          for name in ("subject", "state", "action", "reward", "ended", "q")),
        ("reward", lambda column: [*column[:-1], np.ma.masked], "reward must not be a masked array"),
        ("reward", lambda column: column.astype(str), "reward must hold real numbers, got <U"),
        ("action", lambda column: column.astype(float), "action must hold whole numbers, got float64"),
        ("cut", lambda column: column.astype(int), "cut must hold booleans, got int64"),
        ("step", lambda column: column[:-1], r"step must have shape \(\d+,\), got"),
        ("sigma", lambda column: column[:, :1], r"sigma must have shape \(\d+, 4\), got"),
        ("state", lambda column: 3, r"state must have shape \(rows,\), got \(\)"),
        ("forced", lambda column: None, "forced must hold booleans, got object"),
    ])  # fmt: skip
    def test_columns_are_checked(self, trials, name, change, message):
        columns = trials.columns | trials.tables
        with pytest.raises(ValueError, match=message):
            sm.Trials(task=trials.task, **columns | {name: change(columns[name])})

    def test_rows(self, trials):
        n = len(trials)
        assert n > 20
        np.testing.assert_array_equal(trials[5:9].reward, trials.reward[5:9])
        np.testing.assert_array_equal(trials[[3, -1, 3]].q, trials.q[[3, -1, 3]])
        np.testing.assert_array_equal(trials[trials.episode == 1].step, trials.step[trials.episode == 1])
        assert len(trials[[]]) == 0 and len(trials[[0, 1, 1, 0]]) == 4

    @pytest.mark.parametrize(("rows", "message"), [
        ("reward", "got 'reward': the column is trials.reward"),
        ("rt", "rows must be a slice, a mask or indices, got 'rt'$"),
        (3, r"rows must be a slice, a mask of shape \(\d+,\) or indices, got 3"),
        ([0.5, 1.5], "rows must be an array of integers"),
        ([10**6], "rows must be in"),
        ([True, False], r"rows must have shape \(\d+,\), got \(2,\)"),
    ])  # fmt: skip
    def test_what_are_no_rows(self, trials, rows, message):
        with pytest.raises(ValueError, match=message):
            trials[rows]

    def test_masks_of_numbers_and_masks_that_are_masked(self, trials):
        mask = trials.episode == 1
        with pytest.raises(ValueError, match="look like a mask; give rows == 1"):
            trials[mask.astype(int)]
        with pytest.raises(ValueError, match="rows must not be a masked array"):
            trials[np.ma.array(mask, mask=~mask)]


@pytest.mark.parametrize(
    "label", ["=1+1", "'x", "''=x", "-1", "@a", "+a", "\t=1", "a\nb", "a\u2028b", 'q"q', "a,b", "01", "1e3", "\ufeffa"]
)
def test_labels_come_back_from_text(label, tmp_path):
    """Those that a spreadsheet would compute are marked as text, and others may have lines of their own."""
    trials = sm.simulate(sm.tasks.bandit([0.0, 1.0]), sm.Agent(), episodes=2, restarts=2, seed=0)
    subject = np.array([label.strip("\t"), "other"])[trials.subject]
    path = dataclasses.replace(trials, subject=subject).to_csv(tmp_path / "trials.csv")
    assert path.read_text(encoding="utf-8").splitlines()[1][:1] not in ("=", "+", "-", "@")
    assert sm.Trials.read_csv(path, trials.task).subject.tolist() == subject.tolist()


def test_a_field_that_is_too_long(tmp_path):
    path = tmp_path / "trials.csv"
    path.write_text("state,action\n0," + "1" * 200_000 + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"trials.csv is not a readable table: field larger than field limit"):
        sm.Trials.read_csv(path, sm.tasks.bandit([0.0, 1.0]))


def test_files_of_results_and_of_trials_are_told_apart(tmp_path):
    task = sm.tasks.two_step()
    result = sm.train(task, sm.Agent(), episodes=3, restarts=1, seed=0).save(tmp_path / "result.npz")
    trials = sm.simulate(task, sm.Agent(), episodes=3, restarts=1, seed=0).save(tmp_path / "trials.npz")
    with pytest.raises(ValueError, match="such as a result: `Result.load`"):
        sm.Trials.load(result or tmp_path / "result.npz")
    with pytest.raises(ValueError, match="it holds trials: `Trials.load`"):
        sm.runs.result.Result.load(trials or tmp_path / "trials.npz")


class TestWhatCannotBe:
    """Numbers that lead out of the task, and rows that do not follow each other."""

    TASK = sm.TabularMDP([[1, 1], [1, 1]], [[1.0, 0.0], [0, 0]], start=0, terminal=[1])

    def table(self, **columns):
        trials = sm.simulate(self.TASK, sm.Agent(), episodes=6, restarts=2, seed=0)
        return dataclasses.replace(trials, **{name: change(getattr(trials, name)) for name, change in columns.items()})

    @pytest.mark.parametrize(
        ("name", "by", "message"),
        [
            ("action", 10**6, "row 0: action 100000. is not an action"),
            ("action", -3, "row 0: action -. is not an action"),
            ("state", 10**8, r"row 0: state must be in \[0, 1\], got 100000000"),
            ("next_state", 10**8, "row 0: next_state 100000001 is not a state"),
            ("episode", -5, "row 0: episode must be at least 0, got -5"),
        ],
    )
    def test_numbers(self, name, by, message):
        with pytest.raises(ValueError, match=message):
            self.table(**{name: lambda column: column.astype(np.int64) + by})

    def test_rows_that_do_not_follow_are_not_replayed(self):
        whole = self.table()
        by_turns = np.arange(12).reshape(2, 6).T.ravel()
        for trials, message in (
            (whole[::-1], "episode 4 comes after episode 5"),
            (whole[by_turns], "all rows of a subject one after the other"),
            (whole[:0], "must have rows"),
            (self.table(episode=lambda column: column + 3), "the first episode must be 0, got 3"),
            (self.table(next_state=lambda column: column * 0), "never leads to 0"),
        ):
            with pytest.raises(ValueError, match=message):
                sm.replay(trials, sm.Agent(), seed=0)

    def test_an_empty_table_is_kept(self, tmp_path):
        assert len(sm.Trials.load(self.table()[:0].save(tmp_path / "none.npz"))) == 0

    def test_slices(self):
        with pytest.raises(ValueError, match="rows must be a slice of whole numbers"):
            self.table()["a":"b"]

    def test_times_are_no_rewards(self):
        for unit in ("M8[ns]", "m8[ns]"):
            with pytest.raises(ValueError, match="reward must be numbers or texts, got times"):
                rows = {"state": [0, 0], "action": [0, 1], "reward": np.zeros(2, unit)}
                sm.Trials.from_frame(rows, self.TASK)

    def test_a_missing_response_is_an_episode(self):
        rows = {"state": [0, 0, 0], "action": [0, None, 1], "reward": [1, np.nan, 0.0]}
        trials = sm.Trials.from_frame(rows, self.TASK)
        assert trials.episode.tolist() == [0, 1, 2]
        assert trials.cut.tolist() == [False, True, False]
        assert sm.replay(trials, sm.Agent(), seed=0).training_episodes == 3
        subject = sm.fit.Choices.from_task(self.TASK, trials)[0]
        assert subject.choice.tolist() == [0, -1, 1] and subject.episode_end.tolist() == [1, 1, 1]

    def test_a_missing_response_within_an_episode(self):
        task = sm.tasks.maze(["S.G"])
        rows = {"state": [0, 0, 1], "action": ["right", None, "right"], "next_state": [1, 1, 2], "reward": [-1, 0, 10]}
        rows |= {"state": [0, 1, 1], "episode": [0, 0, 0]}
        trials = sm.Trials.from_frame(rows, task)
        subject = sm.fit.Choices.from_task(task, trials)[0]
        assert subject.choice[1] == -1 and subject.episode_end.tolist() == [0, 0, 1]

    def test_episodes_end_where_their_variant_ends_them(self):
        later = sm.TabularMDP([[1, 1], [2, 2], [2, 2]], [[0, 0], [5, 1], [0, 0.0]], start=0, terminal=[2])
        task = sm.TabularMDP(
            [[1, 1]] * 3, [[1, 0], [0, 0], [0, 0.0]], start=0, terminal=[1], changes=[(2, later)]
        )  # fmt: skip
        trials = sm.simulate(task, sm.Agent(), episodes=6, seed=0)
        columns = {
            name: getattr(trials, name) for name in ("subject", "state", "action", "reward", "next_state", "ended")
        }
        for left_out in ((), ("ended",), ("ended", "next_state")):
            given = {name: column for name, column in columns.items() if name not in left_out}
            np.testing.assert_array_equal(sm.Trials.from_frame(given, task).episode, trials.episode)


class TestNamesThatAreNumbers:
    def test_our_own_tables_have_numbers(self, tmp_path):
        line = sm.TabularMDP.from_functions(
            lambda s, a: (s + (1 if a == 2 else -1), float(s == 5)), lambda s: () if s in (0, 6) else (2, 1), start=3
        )
        trials = sm.simulate(line, sm.Agent(), episodes=30, restarts=2, seed=0)
        for again in (
            sm.Trials.read_csv(trials.to_csv(tmp_path / "line.csv"), line),
            sm.Trials.from_frame(trials.to_frame(), line),
        ):
            for name, column in trials.columns.items():
                np.testing.assert_array_equal(getattr(again, name), column, err_msg=name)

    def test_other_tables_have_names_throughout(self):
        task = sm.TabularMDP([[1, 1, 1], [1, 1, 1]], np.eye(2, 3), start=0, terminal=[1], action_names=("1", "2", "3"))
        named = sm.Trials.from_frame({"state": [0] * 3, "action": [3, 1, 2]}, task)
        assert named.action.tolist() == [2, 0, 1]
        with pytest.raises(ValueError, match="action '0' is no name of the task, and '1' elsewhere"):
            sm.Trials.from_frame({"state": [0] * 3, "action": [0, 1, 2]}, task)


def test_counts_of_few_bits_do_not_overflow():
    task = sm.TabularMDP([[0, 0], [1, 1]], [[0, 0.0], [0, 0]], start=0, terminal=[1], step_limit=5)
    with pytest.warns(sm.CutOffWarning, match="all of 128 learning episodes"):
        sm.train(task, sm.Agent(), episodes=np.int8(64), restarts=np.int8(2), seed=0)
    with pytest.raises(ValueError, match="each of 300 episodes"):
        sm.simulate(sm.tasks.bandit(means=[0.0, 1.0]), sm.Agent(), episodes=np.int8(100), restarts=3, max_rows=200)
