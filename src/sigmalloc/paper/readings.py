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

    claims: tuple[str, ...]
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
    """

    claim: str
    before: str
    verdict: str
    after: str
    why: str


FRESH = (1001, 1002, 1003, 1004, 1005, 1006)
"""Seeds that nobody had looked at when rules were changed; `confirmed` has the verdicts with them."""

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

CHANGES = (
    Change(
        "1b", "Both parameter sets decide, after 5000 episodes", "partly",
        "The scripts' parameters decide; Table B.1 is a second row, after 20,000 episodes",
        "The figure was made with the scripts' parameters, and the sentence says eventually",
    ),
    Change(
        "1c", "Both parameter sets with α₁ = 0.1 decide; traces at 10,000 over all runs; probabilities above 0.75",
        "partly",
        "The figure's script (α₁ = 0.2) decides; traces at 3300, and at 10,000 in runs that have left the old path; "
        "probabilities above 0.75 by 3 standard errors",
        "α₁ decides how many runs move, and a path that is in use is no trace; a number that lies next to its bound "
        "must not decide by chance",
    ),
    Change(
        "1-sarsa", "Episode by which the mean objective stays within 5 % of its final level for good", "partly",
        "Episodes to first reach a level of return, median over levels",
        "The old rule judges drift: on the authors' own arrays it says 3000 for a curve that arrives at 600",
    ),
    Change(
        "2-sarsa", "As for 1-sarsa", "reproduced", "As for 1-sarsa", "As for 1-sarsa",
    ),
    Change(
        "2d", "Mean over runs; R as reward to go", "reproduced",
        "Mean and best of the runs; R also as in the scripts; sizes are a second row",
        "The sentence speaks of the maximum, and order is not size",
    ),
    Change(
        "2d", "The best of the runs with A above the others', without a margin", "reproduced",
        "By 3 standard errors, as means are",
        "With the scripts' parameters the best runs with A, Q and R are alike, so that chance decided; changed to the "
        "stricter rule after seeds 1001 and 1004 had been seen",
    ),
    Change(
        "2-eq", "A fixed number of runs", "partly",
        "The same rule; runs are added until DRA is better by 4 standard errors or cannot be 1.15 times better",
        "Fewer steps for the same power",
    ),
    Change(
        "B2-λ", "After 10,000 episodes, 8 runs of most λ", "partly", "After 30,000 episodes, runs added until decided",
        "The sentence says with enough training",
    ),
    Change(
        "B2-σ", "Effect on the objective", "reproduced", "Effect on the objective and on the reward",
        "λ and σ_base are in the objective themselves; what is done is in the reward",
    ),
    Change(
        "B2-N", "q̄ learned, N_traj = 1, 10, 30, sampled objective", "partly",
        "q̄ = q*, N_traj = 1, 10, 50, exact worth; q̄ learned is a second row", "The setting of Figure 3c, without noise",
    ),
    Change(
        "3c", "Within 5 % of CMA-ES on the exact objective, above or below", "partly",
        "At least 95 % of CMA-ES as the authors ran it; CMA-ES on the exact objective is shown beside it",
        "The paper compares with a noisy search; one that is better than the black box is comparable to it",
    ),
    Change(
        "3d", "What agents learn (part c first one-sided, which would have counted a reversal as vanishing)", "partly",
        "Optimal objectives, exactly; learned is a second row", "The caption says optimal",
    ),
    Change(
        "3f", "What DRA learns with all memories, a_dec = 0.1", "reproduced",
        "Exact optima, a_dec = 0.1 and 0.5, with both sets of memories",
        "The sentence is about F*, and a_dec is not given",
    ),
    Change(
        "B1", "What agents learn", "partly", "The optimal allocation, exactly; learned is a second row",
        "As for 3d: learned slopes at large budgets show the noise of the gradient",
    ),
)  # fmt: skip
"""Of earlier versions: the objective is undiscounted reward − cost in both parameter sets, as the scripts report it."""
