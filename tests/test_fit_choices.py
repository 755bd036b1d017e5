"""What people chose: every way to give it, and what is refused, by subject and row."""

import copy
import gzip
import lzma
import pickle
from pathlib import Path

import numpy as np
import pytest

import sigmalloc as sm
from sigmalloc import exact, fit

pd = pytest.importorskip("pandas")
MEMORY = np.array([[0, 1], [1, 2], [0, 2], [2, 1]])
PAYOFF = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
CHOICE = [0, 1, 1, 0]


def made(**columns):
    return fit.Choices.from_arrays(**{"memory": MEMORY, "choice": CHOICE, "payoff": PAYOFF, **columns})


def test_rows_as_the_engine_reads_them():
    data = made(known=[[0, 0], [0, 0.5], [0, 0], [0, 0]])
    (subject,) = data
    assert data.labels == (0,) and data[0] is subject and len(data) == 1
    assert repr(data) == "Choices(1 subjects, 4 rows, 4 scored)"
    assert subject.labels == ((0, 1, 2),)
    assert subject.n_memories == 3
    assert subject.situation.tolist() == [0, 1, 2, 3]
    assert subject.memory.tolist() == MEMORY.tolist()
    assert subject.outcome[1].tolist() == [3.0, 3.5]
    assert subject.episode_end.tolist() == [1, 1, 1, 1]
    assert subject.block_start.tolist() == [1, 0, 0, 0]
    with pytest.raises(ValueError, match="read-only"):
        subject.choice[0] = 1
    with pytest.raises(KeyError, match="no subject 3; there are 0"):
        data[3]


def test_rows_that_show_the_same_share_a_situation():
    subject = made(memory=[[0, 1], [1, 2], [0, 1], [1, 0]]).subjects[0]
    assert subject.situation.tolist() == [0, 1, 0, 2]
    np.testing.assert_allclose(subject.start, [0.5, 0.25, 0.25])


@pytest.mark.parametrize(
    "columns",
    [
        {"memory": np.array([["a", "b"], ["b", "c"], ["a", "c"], ["c", "b"]])},
        {"memory": MEMORY.astype(float)},
        {"choice": [1, 2, 2, 1], "coding": "from one"},
        {"choice": [0, 2, 2, 2], "coding": "memory"},
        {"choice": np.array([0.0, 1.0, 1.0, 0.0])},
        {"subject": ["x"] * 4},
        {"exists": np.ones((4, 2), dtype=bool)},
        {"forced": np.zeros(4, dtype=bool)},
        {"block": [7] * 4},
        {"episode": [1, 2, 3, 4]},
    ],
)
def test_other_ways_to_say_the_same(columns):
    one, other = made().subjects[0], made(**columns).subjects[0]
    for name in (
        "situation",
        "choice",
        "payoff",
        "outcome",
        "scored",
        "episode_end",
        "block_start",
        "memory",
        "n_options",
    ):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_payoff_of_the_chosen_alone():
    subject = made(payoff=[1.0, 2.0, 3.0, 4.0], choice=[0, 1, -1, 0]).subjects[0]
    expected = np.full((4, 2), np.nan)
    expected[[0, 1, 3], [0, 1, 0]] = [1, 2, 4]
    np.testing.assert_array_equal(subject.payoff, expected)


@pytest.mark.parametrize("nothing", [-1, np.nan, None, "", pd.NA])
def test_no_response_and_no_memory(nothing):
    choice = np.array([0, nothing, 1, 0], dtype=object)
    assert made(choice=choice).subjects[0].choice.tolist() == [0, -1, 1, 0]
    memory = MEMORY.astype(object)
    memory[2, 1] = nothing
    assert made(memory=memory).subjects[0].memory[2].tolist() == [0, -1]


@pytest.mark.parametrize("missing", [np.nan, None, "", pd.NA])
def test_payoffs_that_are_missing_among_others(missing):
    payoff = np.array([1.0, missing, 3.0, -1.0], dtype=object)
    assert np.nansum(made(payoff=payoff, choice=[0, 1, 0, 0]).subjects[0].payoff, axis=1).tolist() == [1, 0, 3, -1]
    with pytest.raises(ValueError, match="subject: row 1 has none"):
        made(subject=np.array(["a", missing, "b", "b"], dtype=object))


def test_subjects_are_kept_in_order_and_may_alternate():
    data = made(subject=["b", "a", "b", "a"])
    assert data.labels == ("b", "a")
    assert data["b"].rows.tolist() == [0, 2]
    assert data["a"].labels == ((1, 2),)
    assert data.n_rows == data.n_scored == 4


def test_blocks_have_memories_of_their_own_where_they_reset():
    columns = {"memory": [["a", "b"], ["a", "b"], ["c", "d"], ["d", "e"]], "block": [1, 1, 2, 2]}
    reset, carry = made(**columns).subjects[0], made(**columns, blocks="carry").subjects[0]
    assert reset.labels == (("a", "b"), ("c", "d", "e"))
    assert reset.memory[reset.situation].tolist() == [[0, 1], [0, 1], [0, 1], [1, 2]]
    assert reset.block_memories.tolist() == [2, 2, 3, 3]
    assert reset.block_start.tolist() == [1, 0, 1, 0]
    assert carry.labels == (("a", "b", "c", "d", "e"),) * 2
    assert carry.block_start.tolist() == [1, 0, 3, 0]
    assert made(**columns, blocks="reset_q").subjects[0].block_start.tolist() == [1, 0, 2, 0]


def test_episodes_end_where_a_block_does():
    subject = made(episode=[1, 1, 1, 2], block=[0, 0, 1, 1]).subjects[0]
    assert subject.episode_end.tolist() == [0, 1, 1, 1]


def test_a_frame_a_mapping_and_a_file(tmp_path):
    frame = pd.DataFrame({
        "who": ["p", "p", "q", "q"], "left": list("abac"), "right": list("bccb"), "pick": [1, 2, 2, 1],
        "lw": PAYOFF[:, 0], "rw": PAYOFF[:, 1], "price": [0.0, 1.0, 2.0, 3.0], "session": [1, 1, 1, 1],
        "run": [1, 2, 1, 1], "forced": [0, 0, 0, 1],
    })  # fmt: skip
    columns = {
        "options": ("left", "right"), "choice": "pick", "payoff": ("lw", "rw"), "subject": "who", "coding": "from one",
        "known": (None, "price"), "block": ("session", "run"), "forced": "forced",
    }  # fmt: skip
    path = tmp_path / "choices.csv"
    frame.to_csv(path, index=False)
    first = fit.Choices.from_frame(frame, **columns)
    for other in (
        fit.Choices.from_frame({name: frame[name].to_numpy() for name in frame}, **columns),
        fit.Choices.from_csv(path, **columns),
    ):
        for one, two in zip(first, other, strict=True):
            assert one.labels == two.labels
            np.testing.assert_array_equal(one.outcome, two.outcome)
    assert first["p"].block_start.tolist() == [1, 1]
    assert first["q"].scored.tolist() == [1, 0]
    slot = fit.Choices.from_frame(
        frame, options=("left", None), known=(None, "price"), choice="pick", payoff="lw", coding="from one"
    ).subjects[0]
    assert slot.memory[:, 1].tolist() == [-1, -1, -1, -1]
    with pytest.raises(ValueError, match="choice: no column 'choice'; the columns are 'who', 'left'"):
        fit.Choices.from_frame(frame, **{**columns, "choice": "choice"})
    with pytest.raises(ValueError, match="known must have 2 entries"):
        fit.Choices.from_frame(frame, **{**columns, "known": ("price",)})
    with pytest.raises(ValueError, match="payoff must be numbers"):
        fit.Choices.from_frame(frame, **{**columns, "payoff": "left"})


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"choice": [0, 1, 2, 0]}, "subject 's', row 2: choice must be one of the row's 2 options, got 2"),
        ({"choice": [0, 1, 0.5, 0]}, "subject 's', row 2: choice must be the number of an option, got 0.5"),
        (
            {"choice": [0, 1, -3, 0]},
            "subject 's', row 2: choice must be the number of an option, counted from 0, got -3",
        ),
        (
            {"choice": [1, 2, 0, 1], "coding": "from one"},
            "row 2: choice must be the number of an option, counted from 1",
        ),
        (
            {"choice": list("abca"), "coding": "memory"},
            r"row 0: choice must be one of the row's memories \[0, 1\], got 'a'",
        ),
        ({"memory": [[0, 1], [1, 1], [0, 2], [2, 1]]}, r"row 1: an option's memory must be its own, got \[1, 1\]"),
        ({"payoff": np.where(PAYOFF == 6, np.inf, PAYOFF)}, "row 2: payoff of option 1 must be finite, or NaN"),
        ({"known": np.where(PAYOFF == 6, np.nan, 0)}, "row 2: known of option 1 must be finite, got nan"),
        ({"known_sigma": np.where(PAYOFF == 6, -1, 0)}, "row 2: known_sigma of option 1 must be finite and at least 0"),
        ({"exists": PAYOFF != 5}, "row 2: the options that exist must come first"),
        ({"payoff": PAYOFF[:3]}, r"payoff must have shape \(4, 2\) or \(4,\), got \(3, 2\)"),
        ({"payoff": "abc"}, "payoff must be numbers"),
        ({"memory": [0, 1, 0, 1]}, r"memory must have shape \(rows, options\)"),
        ({"memory": MEMORY + 1j}, "memory must have names of memories"),
        ({"known": np.zeros((3, 2))}, r"known must be numbers of shape \(4, 2\)"),
        ({"forced": [0, 0, 0, 1]}, r"forced must be an array of bool of shape \(4,\)"),
        ({"subject": ["s", "s", None, "s"]}, "subject: row 2 has none"),
        ({"subject": ["s", "s"]}, r"subject must have shape \(4,\)"),
        ({"blocks": "forget"}, "blocks must be one of 'reset', 'carry', 'reset_q', got 'forget'"),
        ({"coding": "letters"}, "coding must be one of"),
        ({"chosen_only": 1}, "chosen_only must be True or False"),
    ],
)
def test_what_is_refused(columns, message):
    with pytest.raises(ValueError, match=message):
        made(**{"subject": ["s"] * 4, **columns})


def test_parts_and_other_choices():
    subject = made().subjects[0]
    assert subject.part(2).rows.tolist() == [0, 1]
    assert subject.scoring(np.array([True, False, False, True])).scored.tolist() == [1, 0, 0, 1]
    assert subject.with_choices([1, 1, -1, 0]).scored.tolist() == [1, 1, 0, 1]
    with pytest.raises(ValueError, match="choice: row 1 has options 0 to 1, got 2"):
        subject.with_choices([0, 2, 0, 0])
    with pytest.raises(ValueError, match="rows must be an array of bool"):
        subject.scoring([1, 0, 0, 1])
    with pytest.raises(ValueError, match="rows must be in"):
        subject.part(5)
    again = pickle.loads(pickle.dumps(subject))
    agent = sm.Agent()
    assert fit.log_likelihood(again, agent) == fit.log_likelihood(subject, agent)


def test_lists_of_subjects():
    subject = made().subjects[0]
    with pytest.raises(ValueError, match="subjects must not be empty"):
        fit.Choices([])
    with pytest.raises(ValueError, match="labels of their own"):
        fit.Choices([subject, subject])
    with pytest.raises(ValueError, match="must be a sequence of Subject"):
        fit.Choices(["a"])


# Finite tasks


def trials(**columns):
    table = {
        "state": [0, 1, 0, 2, 0, 1], "action": [0, 1, 1, 0, 0, 0], "reward": [0, 1, 0, 0, 0, 1],
        "next_state": [1, 3, 2, 3, 1, 3], "episode": [0, 0, 1, 1, 2, 2], "subject": [1, 1, 1, 1, 2, 2],
    }  # fmt: skip
    return {**table, **columns}


def test_a_task_gives_the_rows():
    task = sm.tasks.make("two-step", trials=5)
    data = fit.Choices.from_task(task, pd.DataFrame(trials()))
    assert data.labels == (1, 2)
    subject = data[1]
    assert subject.n_memories == 6
    assert subject.following.tolist() == [1, -1, 2, -1]
    assert subject.episode_end.tolist() == [0, 1, 0, 1]
    np.testing.assert_array_equal(subject.payoff[:2], [[0, np.nan], [np.nan, 1]])
    np.testing.assert_allclose(subject.transition[0, 0], [0, 0.7, 0.3, 0])
    assert subject.transition[1:].sum() == 0
    assert subject.longer_episodes
    forced = fit.Choices.from_task(task, trials(forced=[True, False, False, False, False, False]))
    assert forced[1].scored.tolist() == [0, 1, 1, 1]
    with pytest.raises(ValueError, match="row 1: paths that were planned"):
        fit.Choices.from_task(task, trials(path=[0, 1, 0, 0, 0, 0]))


def test_known_values_and_shared_memories_of_a_task():
    task = sm.tasks.make("slot-machines")
    data = fit.Choices.from_task(task, {"state": [0, 1], "action": [0, 1], "reward": [2.0, 1.0]})
    subject = data.subjects[0]
    index = task.memory_map.index
    assert subject.memory.tolist() == index.tolist()
    assert subject.n_memories == task.memory_map.n_memories
    known = task.memory_map.known
    np.testing.assert_array_equal(subject.known[known], task.known_q[known])
    assert np.isfinite(fit.log_likelihood(data, sm.Agent()))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"state": [0, 1, 0, 9, 0, 1]}, r"subject 1, row 3: state must be an integer in \[0, 3\], got 9"),
        ({"state": [0, 1, 0, 3, 0, 1]}, "subject 1, row 3: state 3 "),
        ({"action": [0, 1, 1, 4, 0, 0]}, r"row 3: action must be an integer in \[0, 1\], got 4"),
        ({"next_state": [2, 3, 2, 3, 1, 3]}, "row 0: next_state leads to 2, but the episode goes on in 1"),
        ({"next_state": None}, "next_state must be a column of trials"),
        ({"reward": None}, "trials must have 'reward'"),
        ({"reward": [0, np.inf, 0, 0, 0, 0]}, "row 1: reward must be finite"),
        ({"subject": [1, 1]}, r"subject must have shape \(6,\)"),
    ],
)
def test_trials_that_are_refused(columns, message):
    table = {name: column for name, column in trials(**columns).items() if column is not None}
    with pytest.raises(ValueError, match=message):
        fit.Choices.from_task(sm.tasks.make("two-step", trials=5), table)


def test_tasks_that_are_refused():
    with pytest.raises(ValueError, match="task must be a TabularMDP"):
        fit.Choices.from_task(sm.tasks.mountain_car(), trials())
    with pytest.raises(ValueError, match="task must not change"):
        fit.Choices.from_task(sm.tasks.grid_world(change_at=3), trials())


# Other packages' tables


def test_hbayesdm(tmp_path):
    text = "trial\tsubjID\tchoice\toutcome\n1\ta\t1\t1\n2\ta\t2\t-1\n1\tb\t2\t1\n"
    path = tmp_path / "bandit2arm_exampleData.txt"
    path.write_text(text, encoding="utf-8")
    data = fit.read_hbayesdm(path)
    assert data.labels == ("a", "b")
    assert data["a"].choice.tolist() == [0, 1]
    np.testing.assert_array_equal(data["a"].payoff, [[1, np.nan], [np.nan, -1]])
    four = pd.DataFrame({"subj_ID": [1, 1], "choice": [4, 2], "gain": [50, 10], "loss": [0, -50.0]})
    subject = fit.read_hbayesdm(four).subjects[0]
    assert subject.memory.tolist() == [[0, 1, 2, 3]]
    assert (subject.payoff[0, 3], subject.payoff[1, 1]) == (50, -40)
    assert fit.read_hbayesdm(four, n_options=6).subjects[0].memory.shape == (1, 6)
    with pytest.raises(ValueError, match="no column 'choice'"):
        fit.read_hbayesdm(four.drop(columns="choice"))
    with pytest.raises(ValueError, match="table must be a pandas.DataFrame or a path"):
        fit.read_hbayesdm(3)


def test_cpm(tmp_path):
    names = "index,ppt,trial,stimulus_left,stimulus_right,reward_1,reward_2,responses,feedback"
    text = f"{names}\n0,1,1,2,4,1,0,1,1\n1,1,2,4,1,0,1,2,1\n"
    path = tmp_path / "bandit_small.csv"
    path.write_text(text, encoding="utf-8")
    chosen, everything = fit.read_cpm(path).subjects[0], fit.read_cpm(path, shown="all").subjects[0]
    assert chosen.labels == ((2, 4, 1),)
    assert chosen.choice.tolist() == [0, 1]
    np.testing.assert_array_equal(chosen.payoff, [[1, np.nan], [np.nan, 1]])
    np.testing.assert_array_equal(everything.payoff, [[1, 0], [0, 1]])
    older = pd.read_csv(path).rename(columns={
        "stimulus_left": "arm_left", "stimulus_right": "arm_right", "reward_1": "reward_left",
        "reward_2": "reward_right", "responses": "response",
    })  # fmt: skip
    older["response"] -= 1
    np.testing.assert_array_equal(fit.read_cpm(older, coding="index").subjects[0].payoff, chosen.payoff)
    with pytest.raises(ValueError, match="shown must be one of"):
        fit.read_cpm(older, shown="none")
    with pytest.raises(ValueError, match="no column 'stimulus_left' or 'arm_left'"):
        fit.read_cpm(older.drop(columns="arm_left"))


def test_hssm():
    frame = pd.DataFrame(
        {"participant_id": [0, 0, 1], "response": [0, 1, 1], "feedback": [1.0, 0.0, 1.0], "rt": [0.5, -999, 1]}
    )
    data = fit.read_hssm(frame)
    assert data[0].choice.tolist() == [0, -1]
    assert data[1].choice.tolist() == [1]
    signs = frame.assign(response=[-1, 1, 1])
    assert fit.read_hssm(signs)[0].choice.tolist() == [0, -1]
    with pytest.raises(ValueError, match="response must be 0 and 1, or −1 and 1"):
        fit.read_hssm(frame.assign(response=[0, 1, 2]))


def test_masked_and_ragged_arrays_are_refused():
    good = {"memory": [[0, 1], [0, 1]], "choice": [0, 1], "payoff": [1.0, 0.0]}
    masked = {
        "memory": np.ma.masked_array(good["memory"], [[0, 1], [0, 0]]), "choice": np.ma.masked_array([0, 1], [1, 0]),
        "payoff": np.ma.masked_array([-999.0, 0.0], [1, 0]), "subject": np.ma.masked_array([1, 2], [0, 1]),
        "known": np.ma.masked_array(np.zeros((2, 2)), np.eye(2)), "forced": np.ma.masked_array([True, False], [1, 0]),
        "block": [np.ma.masked, 1],
    }  # fmt: skip
    for name, value in masked.items():
        with pytest.raises(ValueError, match=f"{name} must not be a masked array"):
            fit.Choices.from_arrays(**good | {name: value})
    frame = {"a": [0, 0], "b": [1, 1], "chosen": [0, 1], "paid": masked["payoff"]}
    with pytest.raises(ValueError, match="paid must not be a masked array"):
        fit.Choices.from_frame(frame, options=("a", "b"), choice="chosen", payoff="paid")
    for name, value in {"memory": [[0, 1], [0]], "choice": [0, [1]], "payoff": [[1.0], [1.0, 2.0]]}.items():
        with pytest.raises(ValueError, match=f"{name} must be"):
            fit.Choices.from_arrays(**good | {name: value})


def test_words_and_complex_numbers_are_no_numbers():
    table = {"l": [0, 0], "r": [1, 1], "c": [0, 1], "p": [1.0, 0.0]}
    names = {"options": ("l", "r"), "choice": "c", "payoff": "p"}

    def forced(column):
        return fit.Choices.from_frame(table | {"f": column}, **names, forced="f")[0].scored.tolist()

    assert forced([False, True]) == forced([0, 1]) == [1, 0]
    for column in (["False", "True"], [0.0, np.nan], [2, 0]):  # each of these is True to Python
        with pytest.raises(ValueError, match="forced must be True and False, or 0 and 1"):
            forced(column)
    for payoff in ([1j, 0.0], ["1", "0"], [np.datetime64("2020"), 0]):
        with pytest.raises(ValueError, match="payoff must be numbers"):
            fit.Choices.from_frame(table | {"p": payoff}, **names)
    for payoff in ([10**400, 0], [None, 1e400]):
        with pytest.raises(ValueError, match="payoff of option . must be finite"):
            fit.Choices.from_frame(table | {"p": payoff}, **names)
    for choice in ([0, 1j], [0, 10**30], [0, np.inf], ["0", "1"]):
        with pytest.raises(ValueError, match="choice must be"):
            fit.Choices.from_frame(table | {"c": choice}, **names)


def test_rows_cannot_be_written_to_wherever_they_come_from():
    subject = fit.Choices.from_arrays([[0, 1]] * 2, [0, 1], [1.0, 0.0])[0]
    for twin in (subject, pickle.loads(pickle.dumps(subject)), copy.deepcopy(subject)):
        with pytest.raises(ValueError, match="read-only"):
            twin.payoff[0, 0] = 5.0
    mean = np.zeros(1)
    normal = pickle.loads(pickle.dumps(fit.Normal(("beta",), mean, [[1.0]])))
    assert not normal.mean.flags.writeable and mean.flags.writeable


@pytest.mark.parametrize("allocation", ["dra", "equal", "frequency", "stakes", "fixed"])
def test_people_who_have_nothing_to_remember(allocation):
    """Two prices, with noise: the first is chosen with probability Φ-like p, whatever σ is learned of nothing."""
    names = np.full((4, 2), None)
    data = fit.Choices.from_arrays(names, [0, 1, 0, 1], [1.0, 0, 1, 0], known=[[1, 2]] * 4, known_sigma=[[1.0, 1]] * 4)
    agent = sm.Agent(allocation=allocation, beta=10.0)
    p = exact.choice_probabilities([1.0, 2.0], [1.0, 1.0], "soft", 10.0)
    lapse = fit.Model(agent=agent).lapse
    expected = 2 * np.log((1 - lapse) * p + lapse / 2).sum()
    assert fit.log_likelihood(data, agent) == pytest.approx(expected, abs=1e-6)
    course = fit.trajectories(data[0], fit.Model(agent=agent))
    assert course.q.shape == (1, 4, 0) and fit.simulate(data[0], fit.Model(agent=agent), seed=0).shape == (1, 4)
    mixed = fit.Choices.from_arrays(
        [[None, None]] * 4 + [["a", "b"]] * 4, [0, 1] * 4, [1.0, 0.0] * 4, known=[[1, 2]] * 4 + [[0, 0]] * 4,
        known_sigma=[[1.0, 1.0]] * 8, block=[0] * 4 + [1] * 4,
    )  # fmt: skip
    alone = fit.Choices.from_arrays([["a", "b"]] * 4, [0, 1] * 2, [1.0, 0.0] * 2)
    assert fit.log_likelihood(mixed, agent) == pytest.approx(expected + fit.log_likelihood(alone, agent), abs=1e-6)


def test_payoffs_that_would_overflow_are_refused():
    for columns in ({"payoff": [1e101, 0.0]}, {"payoff": [1.0, 0.0], "known": [[1e200, 0.0]] * 2}):
        with pytest.raises(ValueError, match="of option 0 must be within ±1e.100"):
            fit.Choices.from_arrays([[0, 1]] * 2, [0, 1], **columns)


@pytest.mark.parametrize(("column", "given", "message"), [
    ("forced", [0, 1, 2, 0], "forced must be True and False, or 0 and 1"),
    ("forced", ["no"] * 4, "forced must be True and False, or 0 and 1"),
    ("forced", [0, 1, np.nan, 0], "forced must be True and False, or 0 and 1"),
    ("forced", [None] * 4, "forced must be True and False, or 0 and 1"),
    ("reward", ["1"] * 4, "reward must be numbers, NaN where there is none"),
    ("reward", [1j] * 4, "reward must be numbers, NaN where there is none"),
    ("reward", [0, 10**400, 0, 0], "subject 0, row 1: reward must be finite"),
    ("reward", [0, 0, -1e200, 0], r"subject 0, row 2: reward must be within ±1e\+100, got -1e\+200"),
    ("state", [0, np.inf, 0, 0], r"row 1: state must be an integer in \[0, 12\], got inf"),
    ("state", [None] * 4, r"row 0: state must be an integer in \[0, 12\], got None"),
    ("state", [1j] * 4, r"row 0: state must be an integer in \[0, 12\], got 1j"),
    ("state", np.array(["2020"] * 4, "M8[s]"), r"row 0: state must be an integer in"),
    ("next_state", [np.inf] * 4, r"row 0: next_state must be an integer in"),
    ("subject", [{}] * 4, "subject must have numbers or texts, got {}"),
    ("episode", [{}] * 4, "episode must have numbers or texts, got {}"),
    ("session", [{}] * 4, "block must have numbers or texts, got {}"),
    ("path", ["a"] * 4, "path must be numbers"),
])  # fmt: skip
def test_columns_of_choices_in_a_task(column, given, message):
    task = sm.tasks.two_alternatives()
    good = {"state": [0, 1, 2, 3], "action": [0, 1, 1, 0], "reward": [1.0, np.nan, 0.0, 1.0], "forced": [0, 1, 0, 0]}
    assert fit.Choices.from_task(task, good)[0].scored.tolist() == [1, 0, 1, 1]
    with pytest.raises(ValueError, match=message):
        fit.Choices.from_task(task, good | {column: given})


COLUMNS = {"options": ["l", "r"], "choice": "c", "payoff": "p"}
TEXT = b"l,r,c,p\n0,1,0,1.0\n0,1,1,0.5\n"
TABLES = {
    "a.csv.gz": (b"not packed", "is not a readable table: Not a gzipped"),
    "b.csv.gz": (gzip.compress(TEXT)[:-9], "is not a readable table: Compressed file ended before"),
    "c.csv.xz": (b"not packed", "is not a readable table: Input format not supported"),
    "d.csv.bz2": (b"not packed", "is not a readable table: Invalid data stream"),
    "e.csv.zip": (b"not packed", "is not a readable table: File is not a zip file"),
    "f.csv": (b"", "is not a readable table: No columns"),
    "g.csv": (b"\n\n", "is not a readable table: No columns"),
    "h.csv": ("l,r,c,p,\xe9\n0,1,0,1,\n".encode("latin-1"), "is not text in UTF-8"),
    "i.csv": (TEXT.decode().encode("utf-16"), "is not text in UTF-8"),
    "j.csv": (b'l,r,c,p\n"0,1,0,1\n', "is not a readable table: .*EOF inside string"),
    "k.csv": (TEXT.replace(b"\n0", b"\n1,0"), "is not a readable table: .*Expected 4 fields in line 2, saw 5"),
    "l.csv": (TEXT.replace(b"0\n", b"0,\n").replace(b"5\n", b"5,\n"), "Expected 4 fields in line 2, saw 5"),
    "n.csv": (TEXT + b"0,1,1", "is not a readable table: line 4 has 3 fields, and its first row 4"),
    "o.csv": (TEXT + b"0,1\n\n", "line 4 has 2 fields, and its first row 4"),
    "p.csv": (TEXT + b"\n0,1\n0,1,1,2\n", "line 5 has 2 fields, and its first row 4"),
    "q.csv": (TEXT + b'0,1\n0,1,1,"2"\n', "line 4 has 2 fields, and its first row 4"),
    "r.csv": (TEXT + b'"0",1,1,2\n0,1\n0,1,1,2\n', "line 5 has 2 fields, and its first row 4"),
    "s.csv.gz": (gzip.compress(TEXT + b"0,1\n0,1,1,2\n"), "line 4 has 2 fields, and its first row 4"),
    "t.csv.xz": (lzma.compress(TEXT + b"0,1\n0,1,1,2\n"), "line 4 has 2 fields, and its first row 4"),
    "m.csv": (TEXT + b"0,1,1,0.5,7\n", "Expected 4 fields in line 4, saw 5"),
}


@pytest.mark.parametrize("rows", [None, "rows"])
@pytest.mark.parametrize("name", TABLES)
def test_tables_that_cannot_be_read(name, rows, tmp_path, monkeypatch):
    """Rows with more fields than names, too: pandas would take the first field for the name of the row."""
    monkeypatch.chdir(tmp_path)
    content, message = TABLES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"^{name} {message}" if message[:2] == "is" else message) as raised:
        fit.Choices.from_csv(name, rows=rows, **COLUMNS)
    assert type(raised.value) is ValueError and name in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_tables_that_can_be_read(tmp_path):
    for name, content in {
        "a.csv": TEXT, "b.csv": b"\xef\xbb\xbf" + TEXT, "c.csv": TEXT.replace(b"\n", b"\r\n"),
        "d.csv.gz": gzip.compress(TEXT), "e.csv": TEXT.replace(b"\n", b",\n"), "f.csv": b"\n" + TEXT,
        "g.csv": TEXT[:-1], "h.csv": TEXT + b"\n\n", "i.csv": TEXT.replace(b"0,1,1,0.5", b'"0",1,1,"0.5"'),
    }.items():  # fmt: skip
        (tmp_path / name).write_bytes(content)
        for rows in (None, tmp_path / "rows"):
            subject = fit.Choices.from_csv(tmp_path / name, rows=rows, **COLUMNS)[0]
            np.testing.assert_array_equal(subject.payoff, [[1.0, np.nan], [np.nan, 0.5]], err_msg=name)


@pytest.mark.parametrize("missing", [pd.NA, pd.NaT, np.nan])
def test_where_a_column_has_nothing(missing):
    """Each row without a block would be a block of its own, with new memories."""
    column = np.array(["a", missing, missing, "b"], dtype=object)
    for name in ("episode", "block"):
        with pytest.raises(ValueError, match=f"subject 0, row 1: {name} is missing"):
            made(**{name: column})
    with pytest.raises(ValueError, match="subject: row 1 has none"):
        made(subject=column)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "options must be given"),
        ({**COLUMNS, "payof": "r"}, "unknown keyword 'payof'; did you mean 'payoff'"),
    ],
)
def test_columns_are_asked_for_before_a_table_is_read(tmp_path, columns, message):
    with pytest.raises(ValueError, match=message):
        fit.Choices.from_csv(tmp_path / "none.csv", **columns)


def test_trials_of_a_name_say_how_to_make_the_task():
    with pytest.raises(ValueError, match=r"got 'two-step'; sigmalloc\.tasks\.make"):
        fit.Choices.from_task("two-step", None)


@pytest.mark.parametrize("rows", [None, "rows.npz"])
def test_one_memory_has_one_name(rows, tmp_path, monkeypatch):
    """pandas makes numbers of one column and texts of another: "1" and 1 would be two memories."""
    monkeypatch.chdir(tmp_path)
    Path("machines.csv").write_text("a,b,c,r\n1,2,0,1\n2,1,1,2\n1,none,0,3\n")
    read = fit.Choices.from_csv("machines.csv", options=["a", "b"], choice="c", payoff="r", rows=rows)
    assert read[0].labels == (("1", "2", "none"),)


def test_names_of_two_kinds():
    choice, payoff = [0, 0], [1.0, 2.0]
    frame = pd.DataFrame({"a": [1, 2], "b": ["2", "none"], "c": choice, "r": payoff})
    mixed = fit.Choices.from_frame(frame, options=["a", "b"], choice="c", payoff="r")
    assert mixed[0].labels == (("1", "2", "none"),)
    assert fit.Choices.from_arrays([["a", np.nan], ["b", np.nan]], choice, payoff)[0].labels == (("a", "b"),)
    pairs = [["a", "b"], ["a", "b"]]
    assert fit.Choices.from_arrays(pairs, choice, payoff, subject=["a", 1]).labels == ("a", 1)
    with pytest.raises(ValueError, match="subject: row 1 has none"):
        fit.Choices.from_arrays(pairs, choice, payoff, subject=["a", np.nan])
    named = fit.Choices.from_arrays(pairs, ["a", np.nan], payoff, coding="memory")
    assert named[0].choice.tolist() == [0, -1]


@pytest.mark.parametrize("rows", [None, "rows.npz"])
def test_people_whose_numbers_look_alike(rows, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    columns = {"subject": "s", "options": ["a", "b"], "choice": "c", "payoff": "r", "rows": rows}
    for labels, expected in ((("01", "1"), ("01", "1")), (("01", "02"), (1, 2)), (("1", " 2 "), (1, 2)),
                             (("1_1", "1_2"), ("1_1", "1_2")), (("0.5", "2"), (0.5, 2))):  # fmt: skip
        Path("people.csv").write_text("s,a,b,c,r\n" + "".join(f"{label},x,y,0,1\n" for label in labels))
        assert fit.Choices.from_csv("people.csv", **columns).labels == expected


@pytest.mark.parametrize("rows", [None, "rows.npz"])
def test_two_columns_of_one_name(rows, tmp_path):
    (tmp_path / "two.csv").write_text("a,b,c,r,r\nx,y,0,1,9\n")
    with pytest.raises(ValueError, match=r"two\.csv is not a readable table: there are 2 columns 'r'"):
        fit.Choices.from_csv(tmp_path / "two.csv", options=["a", "b"], choice="c", payoff="r", rows=rows)


def test_tuples_are_no_labels():
    """Files would give them back as texts, and two people one label."""
    frame = pd.DataFrame({"a": ["x"] * 2, "b": ["y"] * 2, "c": [0, 1], "r": [1.0, 2.0], "s": [(1, 2), "(1, 2)"]})
    with pytest.raises(ValueError, match="subject must have numbers or texts, got a tuple"):
        fit.Choices.from_frame(frame, options=["a", "b"], choice="c", payoff="r", subject="s")
