"""The top of a likelihood by L-BFGS-B from several starts, the curvature there, and how far parameters can go."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats
from scipy.stats import qmc

from .._frozen import Frozen
from .model import FloatArray
from .target import Target

_STEP = 1e-6  # of a coordinate, for the gradient: truncation 1e-6 · f″/2, rounding 1e-12 / 1e-6
_SCREENED = 32  # parameter sets looked at for each start
_FLAT = 1e-3  # nats: less is no drop
AGREE = 0.1  # nats within which two starts have found the same top
_TRIES = 14  # evaluations of a profile on the way to its end
_PRECISE = 0.02  # of a profile's drop at its end


@dataclass(frozen=True, eq=False)
class Starts(Frozen):
    """Where an optimiser went from each start, all in coordinates.

    Attributes
    ----------
    begin, end : array of float, shape (starts, f)
    value : array of float, shape (starts,)
        Log density at the end, in nats.
    converged : array of bool, shape (starts,)
    evaluations : array of int, shape (starts,)
        Parameter sets evaluated.
    """

    begin: FloatArray
    end: FloatArray
    value: FloatArray
    converged: npt.NDArray[np.bool_]
    evaluations: npt.NDArray[np.int64]

    @property
    def best(self) -> int:
        """The start that went highest."""
        return int(np.argmax(self.value))

    @property
    def agreeing(self) -> int:
        """How many came within 0.1 nats of the highest."""
        return int((self.value >= self.value.max() - AGREE).sum())


def first_points(target: Target, starts: int, seed: int) -> FloatArray:
    """Where to start: of a Sobol sequence in the box, the best of each 32, shape (starts, f)."""
    box = target.space.box
    power = int(np.ceil(np.log2(starts * _SCREENED)))
    points = qmc.Sobol(target.space.size, scramble=True, rng=np.random.default_rng(seed)).random_base2(power)
    points = (box[:, 0] + points * (box[:, 1] - box[:, 0]))[: starts * _SCREENED]
    values = target(points).reshape(starts, _SCREENED)
    return np.asarray(points.reshape(starts, _SCREENED, -1)[np.arange(starts), np.argmax(values, axis=1)])


def climb(target: Target, begin: FloatArray, free: npt.NDArray[np.bool_] | None = None) -> Starts:
    """L-BFGS-B from each start; the value and its forward differences are one pass of f + 1 parameter sets.

    Parameters
    ----------
    target : Target
    begin : array of float, shape (starts, f)
    free : array of bool, shape (f,), optional
        Coordinates that may move. Default: all.
    """
    box = target.space.box
    moving = np.flatnonzero(np.ones(len(box), dtype=bool) if free is None else free)
    ends, values, converged, evaluations = [], [], [], []
    for start in begin:
        before = target.evaluations
        point = start.copy()
        if len(moving):
            found = optimize.minimize(
                _downhill, start[moving], args=(target, start, moving), jac=True, method="L-BFGS-B", bounds=box[moving],
                options={"ftol": 1e-11, "gtol": 1e-4, "maxiter": 300, "maxls": 30},
            )  # fmt: skip
            point[moving] = found.x
            value, good = -float(found.fun), bool(found.status == 0)
        else:
            value, good = float(target(start[None])[0]), True
        ends.append(point)
        values.append(value)
        converged.append(good)
        evaluations.append(target.evaluations - before)
    return Starts(begin.copy(), np.array(ends), np.array(values), np.array(converged), np.array(evaluations))


def _downhill(
    x: FloatArray, target: Target, whole: FloatArray, moving: npt.NDArray[np.int64]
) -> tuple[float, FloatArray]:
    """Negative log density and its gradient."""
    high = target.space.box[moving, 1]
    step = np.where(x + _STEP <= high, _STEP, -_STEP)
    points = np.tile(whole, (len(moving) + 1, 1))
    points[:, moving] = x
    points[np.arange(len(moving)) + 1, moving] += step
    value = target(points)
    return -float(value[0]), -(value[1:] - value[0]) / step


def hessian(target: Target, top: FloatArray, moving: npt.NDArray[np.int64]) -> FloatArray | None:
    """Second derivatives of the log density by central differences over steps that cost about a quarter of a nat.

    Parameters
    ----------
    target : Target
    top : array of float, shape (f,)
    moving : array of int, shape (m,)
        Coordinates that are away from their bounds.

    Returns
    -------
    array of float, shape (m, m), or None
        None where a coordinate costs nothing, or its steps do not fit into the box.
    """
    box, m = target.space.box, len(moving)
    room = np.minimum(top - box[:, 0], box[:, 1] - top)[moving]
    ladder = 10.0 ** np.arange(-3.0, 0.51, 0.5)
    points = np.tile(top, (m, len(ladder), 2, 1))
    for j, i in enumerate(moving):
        reach = np.minimum(ladder, room[j])
        points[j, :, 0, i] += reach
        points[j, :, 1, i] -= reach
    values = target(np.concatenate([top[None], points.reshape(-1, len(top))]))
    centre, costs = values[0], values[0] - values[1:].reshape(m, len(ladder), 2).mean(axis=2)
    steps = np.empty(m)
    for j in range(m):
        enough = np.flatnonzero(costs[j] >= 0.05)
        if not len(enough):
            return None
        steps[j] = min(ladder[enough[0]], room[j])
    offsets = [np.zeros(m)]
    for j in range(m):
        offsets += [_unit(m, j) * sign * steps for sign in (1, -1)]
        offsets += [(_unit(m, j) * a + _unit(m, k) * b) * steps for k in range(j) for a in (1, -1) for b in (1, -1)]
    points = np.tile(top, (len(offsets), 1))
    points[:, moving] += np.array(offsets)
    values = iter(target(points).tolist())
    centre = next(values)
    out = np.empty((m, m))
    for j in range(m):
        up, down = next(values), next(values)
        out[j, j] = (up - 2 * centre + down) / steps[j] ** 2
        for k in range(j):
            pp, pm, mp, mm = (next(values) for _ in range(4))
            out[j, k] = out[k, j] = (pp - pm - mp + mm) / (4 * steps[j] * steps[k])
    return out


def _unit(m: int, j: int) -> FloatArray:
    out = np.zeros(m)
    out[j] = 1.0
    return out


def covariance_of(curvature: FloatArray | None) -> FloatArray | None:
    """Inverse of the negative Hessian; None unless that is positive definite."""
    if curvature is None or not curvature.size:
        return None
    values, vectors = np.linalg.eigh(-curvature)
    if values[0] <= 1e-6 * values[-1] or values[0] <= 0:
        return None
    return np.asarray((vectors / values) @ vectors.T)


def is_sound(
    target: Target, top: FloatArray, height: float, moving: npt.NDArray[np.int64], covariance: FloatArray, level: float
) -> npt.NDArray[np.bool_]:
    """Whether the density falls as the quadratic says at the ends of each coordinate's Laplace interval.

    The ends are looked at along the quadratic's own ridge, where the profile would be if it were exact: the drop has
    to be between 0.7 and 1.4 times that of the normal, and the ends within the box.

    Returns
    -------
    array of bool, shape (m,)
    """
    box, m = target.space.box, len(moving)
    z = float(stats.norm.ppf(0.5 + level / 2))
    spread = np.sqrt(np.diag(covariance))
    points = np.tile(top, (m, 2, 1))
    points[:, 0, moving] += z * (covariance / spread).T
    points[:, 1, moving] -= z * (covariance / spread).T
    inside = ((points >= box[:, 0]) & (points <= box[:, 1])).all(axis=(1, 2))
    drop = height - target(np.clip(points, box[:, 0], box[:, 1]).reshape(-1, len(top))).reshape(m, 2)
    ratio = drop / (0.5 * z * z)
    return np.asarray(inside & (ratio > 0.7).all(axis=1) & (ratio < 1.4).all(axis=1))


@dataclass(frozen=True)
class Profile(Frozen):
    """One end of a profile likelihood interval.

    Attributes
    ----------
    end : float
        Coordinate at which the profile has dropped, or the bound if it never does.
    open : bool
        Whether it never does.
    higher : array of float, shape (f,), or None
        A point higher than the top, if one was met.
    """

    end: float
    open: bool
    higher: FloatArray | None = None


def profile(target: Target, top: FloatArray, height: float, i: int, side: int, guess: float, drop: float) -> Profile:
    """Where the profile of coordinate ``i`` has dropped by ``drop`` nats, to one side (−1 or 1) of the top.

    Parameters
    ----------
    target : Target
    top : array of float, shape (f,)
    height : float
        Log density there.
    guess : float
        Distance at which to look first.
    """
    bound = float(target.space.box[i, (side + 1) // 2])
    reach = abs(bound - float(top[i]))
    if reach <= 0:
        return Profile(bound, True)
    near, near_point, near_drop = 0.0, top, 0.0
    far: tuple[float, float] | None = None
    distance = min(max(guess, 1e-4 * reach), reach)
    others = np.arange(len(top)) != i
    for _ in range(_TRIES):
        point = near_point.copy()
        point[i] = bound if distance >= reach else top[i] + side * distance
        found = climb(target, point[None], others)
        lost = height - float(found.value[0])
        if lost < -_FLAT:
            return Profile(float(point[i]), True, found.end[0])
        if abs(lost - drop) <= _PRECISE * drop:
            return Profile(float(point[i]), False)
        if lost < drop:
            if distance >= reach:
                return Profile(bound, True)
            near, near_point, near_drop = distance, found.end[0], lost
        else:
            far = (distance, lost)
        if far is None:
            rate = np.sqrt(drop / max(near_drop, 1e-9))  # a parabola's
            distance = min(near * min(max(1.05 * rate, 1.5), 8.0), reach)
        else:
            (high, high_drop) = far
            share = (np.sqrt(drop) - np.sqrt(max(near_drop, 0.0))) / (np.sqrt(high_drop) - np.sqrt(max(near_drop, 0.0)))
            distance = near + (high - near) * min(max(share, 0.1), 0.9)
            if high - near < 1e-6 * reach:
                break
    return Profile(float(top[i] + side * distance), False)
