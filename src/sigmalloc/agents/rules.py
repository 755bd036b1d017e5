"""Rules: each gradient, allocation and planner is one record that says what it needs.

The kernel, its twin and the exact solver go by the properties, not by the names; a word that one of them does not know
is an error there. A rule that combines known properties is a record here and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

GradientName = Literal["advantage", "q", "reinforce", "return", "best_path"]
AllocationName = Literal["dra", "equal", "frequency", "stakes", "fixed"]
PlannerName = Literal["rollouts", "depth-first"]


@dataclass(frozen=True)
class Gradient:
    """Ψ, what a score is multiplied with in the gradient of the reward (Eqs. 3-5).

    Attributes
    ----------
    name : str
    credit : {"now", "reward_to_go", "path_return", "best_return"}
        What Ψ is made of: q̄ of the chosen action, known at once; the discounted reward from the choice on; the
        discounted return of the path; or the best return among the paths of a trial. All but the first wait.
    baseline : {"none", "mean"}
        What is taken from q̄: nothing, or the mean q̄ of the state's actions.
    planners : tuple of str
        Planners that it goes with: a return belongs to the draws of its own path, which depth-first paths share.
    """

    name: str
    credit: str
    baseline: str = "none"
    planners: tuple[str, ...] = ("rollouts", "depth-first")

    @property
    def waits(self) -> bool:
        """Whether scores are kept until a return is known."""
        return self.credit != "now"


@dataclass(frozen=True)
class Allocation:
    """How σ is learned and shaped.

    Attributes
    ----------
    name : str
    update : {"each", "scale", "none"}
        Every memory has its own σ; one learned scale times a shape; or σ stays as it is.
    importance : {"flat", "usage", "spread"}
        The shape: none, how often a memory was recalled, or the spread of q̄ where it is shown.
    exact : bool
        Whether the exact gradient can train it.
    """

    name: str
    update: str
    importance: str = "flat"
    exact: bool = False

    @property
    def one_scale(self) -> bool:
        """Whether one number is learned for all memories."""
        return self.update == "scale"


@dataclass(frozen=True)
class Planner:
    """How the paths of a trial are drawn (section 4.3).

    Attributes
    ----------
    name : str
    depth_first : bool
        Memories are drawn once a trial and no path is explored twice; or paths are independent.
    """

    name: str
    depth_first: bool


GRADIENTS: dict[str, Gradient] = {
    rule.name: rule
    for rule in (
        Gradient("advantage", "now", "mean"),
        Gradient("q", "now"),
        Gradient("reinforce", "reward_to_go", planners=("rollouts",)),
        Gradient("return", "path_return", planners=("rollouts",)),
        Gradient("best_path", "best_return"),
    )
}
ALLOCATIONS: dict[str, Allocation] = {
    rule.name: rule
    for rule in (
        Allocation("dra", "each", exact=True),
        Allocation("equal", "scale", exact=True),
        Allocation("frequency", "scale", "usage"),
        Allocation("stakes", "scale", "spread"),
        Allocation("fixed", "none"),
    )
}
PLANNERS: dict[str, Planner] = {rule.name: rule for rule in (Planner("rollouts", False), Planner("depth-first", True))}
assert tuple(GRADIENTS) == get_args(GradientName) and tuple(ALLOCATIONS) == get_args(AllocationName)

Rule = TypeVar("Rule")


def look_up(kind: str, known: dict[str, Rule], word: str, where: str) -> Rule:
    """What a layer makes of a word of a rule.

    Raises
    ------
    ValueError
        If the layer does not know it.
    """
    try:
        return known[word]
    except KeyError:
        raise ValueError(f"{kind} {word!r} is not known to {where}, which has {', '.join(known)}") from None
