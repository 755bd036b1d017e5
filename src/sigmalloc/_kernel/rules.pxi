"""What the words of `sigmalloc.agents.rules` are in the kernel: an unknown word has no number."""

from .lanes cimport (
    BEST_RETURN, CONSTANT, EACH, EXPONENTIAL, FIXED_SAMPLES, FLAT, MEAN_BASELINE, NOW, NO_BASELINE, NO_UPDATE,
    PATH_RETURN, POINTS, REWARD_TO_GO, SAMPLES_OF_STATE, SCALE, SHARED_SAMPLES, SPREAD, USAGE,
)

RULES = {
    "credit": {"now": NOW, "reward_to_go": REWARD_TO_GO, "path_return": PATH_RETURN, "best_return": BEST_RETURN},
    "baseline": {"none": NO_BASELINE, "mean": MEAN_BASELINE},
    "update": {"each": EACH, "scale": SCALE, "none": NO_UPDATE},
    "importance": {"flat": FLAT, "usage": USAGE, "spread": SPREAD},
    "learn_samples": {"no": FIXED_SAMPLES, "shared": SHARED_SAMPLES, "state": SAMPLES_OF_STATE},
    "schedule": {"constant": CONSTANT, "exponential": EXPONENTIAL, "points": POINTS},
}
