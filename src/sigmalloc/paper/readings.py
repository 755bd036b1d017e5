"""What the paper leaves open and how it is read here, and what has changed in how claims are judged, and why."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """Something that the paper does not define.

    Attributes
    ----------
    claims : tuple of str
    what, reading, why : str
        What is not defined, how it is read here, and why so.
    """

    claims: tuple
    what: str
    reading: str
    why: str


@dataclass(frozen=True)
class Change:
    """A rule or a setting that was changed after numbers had been seen.

    Attributes
    ----------
    claim : str
    before, verdict : str
        The old rule, and the verdict it gave.
    after : str
        The new rule.
    why : str
        On what principle.
    confirmed : str
        The verdict with each of the seeds `FRESH`, which nobody had looked at when the rule was fixed.
    """

    claim: str
    before: str
    verdict: str
    after: str
    why: str
    confirmed: str


FRESH = (1001, 1002, 1003, 1004, 1005, 1006)
"""Seeds kept for confirming changed rules."""

READINGS = (
    Reading(
        ("1-sarsa", "2-sarsa"), "When learning has converged",
        "Episodes after which the mean return first reaches a level, for many levels; the median of the ratio",
        "No single level is the right one, and choosing it would choose the ratio. Levels are spaced by the logarithm "
        "of their distance to the plateau, because learning closes a gap by halves; evenly spaced ones are reported "
        "beside",
    ),
    Reading(
        ("1-eq", "2-eq"), "What “times better” means for negative objectives",
        "Ratio of |objective|, last fifth of training", "−10 is then twice as good as −20",
    ),
    Reading(
        ("1-eq", "1-sarsa", "2-eq", "2-sarsa"), "What “about k times” includes",
        "Half to twice the improvement, k − 1", "Wide enough for a rounded number, and excludes no difference",
    ),
    Reading(
        ("1b",), "When “eventually” is", "5000 episodes with the scripts' parameters, 20,000 with Table B.1",
        "The figure was made with the scripts' parameters; with Table B.1 curves still approach each other at 5000",
    ),
    Reading(
        ("1c",), "What a trace is, and at which episode",
        "Cells of old shortest paths are more precise than cells of neither path; at 3300, and at 10,000 in runs that "
        "have left the old path",
        "In a run that still takes the old path, its precision is use and no trace",
    ),
    Reading(
        ("2d",), "What R is", "Reward to go (Eq. 3); and the return of the whole episode, as in the scripts",
        "Both are REINFORCE",
    ),
    Reading(
        ("2d",), "Which maximum the “maximum objective” is", "The mean over runs, and the best of as many runs",
        "The text says maximum, the figure has error bars",
    ),
    Reading(
        ("B2-λ",), "How much training is enough, and what it is to do the task well",
        "30,000 episodes; goal reached in 90 % of episodes", "The figures have 10,000",
    ),
    Reading(
        ("B2-σ",), "Effect on what, and how wide a range",
        "On the objective and on the reward; a quarter to four times", "λ and σ_base are in the objective themselves",
    ),
    Reading(
        ("3c",), "First step of CMA-ES", "A quarter of the range of σ", "What the cma package advises",
    ),
    Reading(
        ("3d", "B1"), "Learned or optimal", "Optimal, exactly, as the caption says; learned is a second row",
        "Noise of learning grows with the budget, so that learned agents show it and not the objective",
    ),
    Reading(
        ("3f",), "a_dec and t_nondec", "a_dec from 0.05 to 1, t_nondec = 1; judged at 0.1 and at the scripts' 0.5",
        "Whether there is an interior peak depends on them",
    ),
)  # fmt: skip

CHANGES: tuple = ()
