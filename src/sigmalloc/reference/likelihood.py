"""The likelihood of choices (section 11) once more, in scalar Python: the oracle of the compiled fit engine.

One parameter set after another, the same sums in the same order, so that `evaluate` gives the same bits as
`sigmalloc.fit`, a thousand times slower. It is there to be read and to be compared with; nothing falls back on it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..agents import ALLOCATIONS, GRADIENTS, Allocation, Gradient
from .training import check_words

if TYPE_CHECKING:
    from ..elementary import Stream
    from ..fit import Subject
    from ..fit.model import Setting

Row = Sequence[float]
Terms = tuple[tuple[float, float], ...]

LOG2_E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.6931471803691238, 1.9082149292705877e-10
INVERSE_ROOT_TWO_PI = 0.3989422804014327
FARTHEST = 37.0  # Φ(−37) = 6e-300 is still a normal number
SMALLEST_VARIANCE = 1e-280
REACH = 8.4  # standard deviations; Φ(−8.4) = 2e-17
FLOOR = 1e-7  # of the range of the largest recall; an error of its square

_EXP = (
    0.5, 0.1666666666664829, 0.04166666666665136, 0.008333333353729365, 0.0013888888905880397, 0.00019841208732591188,
    2.480153638956225e-05, 2.7625115550598957e-06, 2.76138067156681e-07,
)  # fmt: skip
_LOG = (
    0.666666666666667, 0.39999999999899444, 0.2857142862600332, 0.2222221113020496, 0.1818288946137801,
    0.15331710398706688, 0.1461658833526529,
)  # fmt: skip
# Hart et al. (1968), algorithm 5666, as in West (2005): Φ(−y) = e^{−y²/2} N(y) / D(y) for y ≥ 0
_NUMERATOR = (
    3.52624965998911e-02, 0.700383064443688, 6.37396220353165, 33.912866078383, 112.079291497871, 221.213596169931,
    220.206867912376,
)  # fmt: skip
_DENOMINATOR = (
    8.83883476483184e-02, 1.75566716318264, 16.064177579207, 86.7807322029461, 296.564248779674, 637.333633378831,
    793.826512519948, 440.413735824752,
)  # fmt: skip
# The logistic function as a scale mixture of normals, Σ w Φ(x/√τ): the derivation is bench/logistic_mixture.py
LOGISTIC = tuple(zip(
    (3.401567663966643e-07, 5.046658856265829e-05, 0.0013357624113994578, 0.012541675176245232, 0.05630047166203418,
     0.14417290208627043, 0.2358294428105468, 0.25860690022766336, 0.1864269762491454, 0.08239507072423342,
     0.019996366562793504, 0.0022546957763316254, 8.832181174652595e-05, 6.077562610404731e-07),
    (35.06998494265632, 24.11604869073775, 16.841558095990727, 11.691774753612952, 8.009869857045247, 5.40888384415785,
     3.616044649531258, 2.4151103562979306, 1.626437370112331, 1.1107998640104462, 0.7705901402281102,
     0.5416483422905055, 0.3827748533811696, 0.2662631432272721),
    strict=True,
))  # fmt: skip
HARD = ((1.0, 0.0),)
_NODES: tuple[float, ...] = (
    0.0020571494271915403, 0.010807277021764539, 0.026420466669142884, 0.04868106900784647, 0.07727702860575103,
    0.11180702558966055, 0.15178636979002136, 0.19665385349119097, 0.24577964258774715, 0.29847412243825683,
    0.35399758025702155, 0.4115705898215549, 0.4703849532853434,
)  # fmt: skip
_NODES += tuple(1.0 - x for x in reversed(_NODES))
_NODE_WEIGHTS: tuple[float, ...] = (
    0.005275686308671688, 0.012208925546315922, 0.018981191647181497, 0.025487912648573897, 0.031637023164787524,
    0.037342074882829784, 0.04252294715674259, 0.04710690017795705, 0.051029580547212704, 0.054235920264288244,
    0.05668090827315982, 0.05833022174264826, 0.0591607076396311,
)  # fmt: skip
_NODE_WEIGHTS += _NODE_WEIGHTS[::-1]

# Rules for G(y; s): trapezoidal in ζ for small s, half of the weights; Gauss and Gumbel (nodes, weights); a series.
# bench/gumbel_rules.py prints them.
_GUMBEL = (
    (
        -2.5967825928826813, -2.124491477211764, -1.6421781732075347, -1.1146091219772034, -0.518350841397719,
        0.1676962801053846, 0.9628638325699245, 1.8829257689616494, 2.9384009135084317, 4.13467493811678,
        5.473900210668537, 6.957168062606836, 8.585815514503688, 10.361845681203619, 12.287921476882854,
        14.367269443969581, 16.603613106226202, 19.001146251460746, 21.56453014607597, 24.29889997139137,
        27.209869388220287, 30.303522145027454, 33.58637546383073, 37.06529062094069, 40.74728869411203,
        44.639197398996224, 48.74699522146594, 53.0746051305794, 57.621667001414565, 62.379369517844935,
        67.32250529054637, 72.39404681026068, 77.47501095589881, 82.32764288871924, 86.50506926742403,
        89.28929245739707,
    ), (
        9.767212370854424e-06, 0.0009110689979794317, 0.014756510621624013, 0.08072983935558463, 0.1997430047249194,
        0.2677637492130929, 0.22293838447792674, 0.1289053060258743, 0.056513373631069105, 0.019968405254158387,
        0.005894433968976501, 0.0014792719360055156, 0.0003177551342405101, 5.850552095491889e-05,
        9.223888662328716e-06, 1.2423999836143128e-06, 1.4253404070631728e-07, 1.387701588739716e-08,
        1.1417169303080313e-09, 7.900085191541783e-11, 4.573064903160623e-12, 2.2016479317000456e-13,
        8.759979210292171e-15, 2.861181010727262e-16, 7.618011514576682e-18, 1.642069783153576e-19,
        2.847637865042918e-21, 3.955238726731534e-23, 4.396675802216904e-25, 3.935388311822702e-27,
        2.8818071733637857e-29, 1.7348974039368633e-31, 8.417177740697075e-34, 1.4457844267768996e-36,
        1.2490674940082216e-37, 3.391043966720718e-38,
    ),
)  # fmt: skip
_TRAPEZOIDAL = {
    44: (
        3.813335150589621e-16, 8.090008123820253e-15, 1.4839505046918263e-13, 2.353511642512772e-12,
        3.227303161006733e-11, 3.8263936993814935e-10, 3.922527700714986e-09, 3.476713170823885e-08,
        2.664392383517806e-07, 1.76544414232156e-06, 1.0114309899292893e-05, 5.010084008308822e-05,
        0.0002145755513764974, 0.0007945878926717029, 0.0025440762669851494, 0.007042790778317128,
        0.016857218820143113, 0.0348861897683977, 0.062423430314766, 0.09657577439007133, 0.12918593862903827,
        0.14941313144778784,
    ),
    104: (
        1.5919748686927547e-16, 5.800420062366056e-16, 2.0604990795501505e-15, 7.136333607506134e-15,
        2.4097256686330317e-14, 7.933225587166933e-14, 2.546371380668514e-13, 7.968625657968861e-13,
        2.4312792683492818e-12, 7.232292939658607e-12, 2.0975238654482008e-11, 5.930994940484657e-11,
        1.6350759725838994e-10, 4.3947893169031546e-10, 1.1516696554586289e-09, 2.942439407929785e-09,
        7.3295425973386935e-09, 1.7800653987950143e-08, 4.2148758216969896e-08, 9.730235465495574e-08,
        2.1900380304177306e-07, 4.805844377438237e-07, 1.028199742361503e-06, 2.1447418117584605e-06,
        4.361765234295603e-06, 8.648470237260732e-06, 1.671883625053772e-05, 3.1511025242612895e-05,
        5.7904026358095705e-05, 0.00010373963932349579, 0.00018120511157162302, 0.0003085928756968546,
        0.000512378723133912, 0.0008294419929868839, 0.001309093575217609, 0.0020143971774713755,
        0.003022102968648385, 0.004420416090871127, 0.0063038632760332725, 0.008764762646465828,
        0.011881281199262662, 0.01570276495242871, 0.020233859301448165, 0.025419737529075823, 0.031135306014632873,
        0.037181332987307976, 0.0432898930693586, 0.04914030084179088, 0.054384964484066364, 0.05868263789783923,
        0.06173481444584057, 0.06331992717689157,
    ),
}  # fmt: skip
_GUMBEL_MEAN = 0.5772156649015329
_POLES = (0.5614594835668851, -0.3152367516871934)
_GUMBEL_MOMENTS = (  # E[(g − mean)^k]/k! without the poles
    0.5961588922767116,
    -0.48265029564508677,
    0.30041214381812725,
    -0.1410715521999041,
    0.05719848388585487,
    -0.01959763324354937,
    0.006105345334503565,
    -0.0016702678323408159,
    0.0004311961805723547,
    -9.829330306807129e-05,
    2.217920949339135e-05,
    -4.242773682515749e-06,
    8.981669722856993e-07,
    -1.338302347606166e-07,
    3.224277851390023e-08,
    -2.2025484990761385e-09,
)
_MILLS = (  # (1 + z) exp(z²/2) Φ(−z) by powers of (z − 4)/(z + 4)
    0.4720532065026236,
    -0.09670347731792203,
    0.01399963566181283,
    0.028600363641440932,
    -0.03219785747507285,
    0.017936103229015146,
    -0.005002214232552473,
    -0.0002856590155043913,
    0.0006942286097289912,
    -9.431189681277087e-05,
    -8.63501226704618e-05,
    2.1031510217378935e-05,
    1.1687478610635341e-05,
    -3.2101368161851835e-06,
    -1.1962282917076025e-06,
    3.001876044364893e-07,
)
_TRAPEZOIDAL_END = 8.2  # standard deviations


def exponential(x: float) -> float:
    """e^x for −700 ≤ x ≤ 700, to 2e-15 of itself."""
    n = round(x * LOG2_E)
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    s = r * r
    low = (_EXP[0] + r * _EXP[1]) + s * (_EXP[2] + r * _EXP[3])
    high = (_EXP[4] + r * _EXP[5]) + s * (_EXP[6] + r * _EXP[7])
    series = low + (s * s) * (high + (s * s) * _EXP[8])
    return math.ldexp(1.0 + (r + s * series), n)


def logarithm(x: float) -> float:
    """ln x for positive normal x, to 2e-16 of itself or of 1."""
    m, k = math.frexp(x)
    if m < math.sqrt(0.5):
        m, k = 2.0 * m, k - 1
    f = (m - 1.0) / (m + 1.0)
    t = f * f
    low = (_LOG[0] + t * _LOG[1]) + (t * t) * (_LOG[2] + t * _LOG[3])
    high = (_LOG[4] + t * _LOG[5]) + (t * t) * _LOG[6]
    series = low + ((t * t) * (t * t)) * high
    return k * LN2_HIGH + (k * LN2_LOW + f * (2.0 + t * series))


def normal(z: float) -> tuple[float, float]:
    """Φ(z), to 2e-16 absolutely, and √(2π) φ(z); of ±37 beyond that."""
    y = min(abs(z), FARTHEST)
    bell = exponential(-0.5 * (y * y))
    numerator, denominator = _NUMERATOR[0], _DENOMINATOR[0]
    for coefficient in _NUMERATOR[1:]:
        numerator = numerator * y + coefficient
    for coefficient in _DENOMINATOR[1:]:
        denominator = denominator * y + coefficient
    tail = (bell * numerator) / denominator
    return tail if z < 0.0 else 1.0 - tail, bell


def of_two(gap: float, variance: float, terms: Terms, inverse_beta_squared: float) -> tuple[float, float]:
    """P of the first of two options, Σ_k w_k Φ(Δ/√(v + τ_k/β²)), and h with ∂P/∂σ_b = −σ_b h."""
    probability, slope = 0.0, 0.0
    variance = max(variance, SMALLEST_VARIANCE)
    for weight, tau in terms:
        precision = 1.0 / (variance + tau * inverse_beta_squared)
        z = gap * math.sqrt(precision)
        below, bell = normal(z)
        z = max(min(z, FARTHEST), -FARTHEST)
        probability = probability + weight * below
        slope = slope + (weight * precision) * (z * bell)
    return probability, slope * INVERSE_ROOT_TWO_PI


def soft_recall(y: float, s: float) -> tuple[float, float, float]:
    """G(y; s) = E[Λ(y − sζ)] = E[Φ((y − g)/s)] and its first two derivatives, as `exact` has them."""
    below, slope, bend = 0.0, 0.0, 0.0
    if s <= 2.0:
        nodes = 44 if s <= 0.75 else 104
        half = _TRAPEZOIDAL[nodes]
        step = 2.0 * _TRAPEZOIDAL_END / (nodes - 1)
        tau = exponential(max(min(-_TRAPEZOIDAL_END * s - y, 690.0), -690.0))
        growth = exponential(min(step * s, 690.0))
        for j in range(nodes):
            weight = half[j] if j < nodes // 2 else half[nodes - 1 - j]
            term = weight * exponential(-min(tau, 690.0))
            below = below + term
            slope = slope + term * tau
            bend = bend + (term * tau) * (tau - 1.0)
            tau = tau * growth
    elif s <= 3.0:
        precision = 1.0 / s
        for noise, weight in zip(*_GUMBEL, strict=True):
            z = (y - noise) * precision
            phi, bell = normal(z)
            z = max(min(z, FARTHEST), -FARTHEST)
            below = below + weight * phi
            slope = slope + weight * bell
            bend = bend - weight * (z * bell)
        slope = (slope * INVERSE_ROOT_TWO_PI) * precision
        bend = ((bend * INVERSE_ROOT_TWO_PI) * precision) * precision
    else:
        precision = 1.0 / s
        q, r, r_slope = expansion(precision)
        u = (y - _GUMBEL_MEAN) * precision
        phi, bell = normal(u)
        u = max(min(u, FARTHEST), -FARTHEST)
        density = bell * INVERSE_ROOT_TWO_PI
        first = _POLES[0] * exponential_tail(u, bell, s)
        second = _POLES[1] * exponential_tail(u, bell, 2.0 * s)
        shape = polynomial(r, u)
        below = (phi - (first + 0.5 * second)) + density * polynomial(q, u)
        slope = (density * shape) * precision + (first + second)
        shape = polynomial(r_slope, u) - u * shape
        bend = (density * (shape * precision + (_POLES[0] + _POLES[1]))) * precision - (first + 2.0 * second)
    return max(below, SMALLEST_VARIANCE), slope, bend


@functools.lru_cache(maxsize=64)
def expansion(precision: float) -> tuple[list[float], list[float], list[float]]:
    """Coefficients of Q, R and R' by powers of u = (y − mean)/s: G = Φ(u) + φ(u) Q(u), but for the poles, s > 3.

    R = Σ_k μ_k s^−k He_k(u), where μ_k is E[(g − mean)^k]/k! without the poles, and R − μ_0 = Q' − uQ.
    """
    n = len(_GUMBEL_MOMENTS)
    q, r, r_slope = [0.0] * n, [0.0] * n, [0.0] * n
    he, before = [1.0] + [0.0] * n, [0.0] * (n + 1)
    weight = 1.0
    for k, moment in enumerate(_GUMBEL_MOMENTS):
        for j in range(k + 1):
            r[j] = r[j] + (moment * weight) * he[j]
        weight = weight * precision
        he, before = [(he[j - 1] if j else 0.0) - float(k) * before[j] for j in range(n + 1)], he
    for j in range(n - 1, 0, -1):
        r_slope[j - 1] = float(j) * r[j]
        q[j - 1] = (float(j + 1) * q[j + 1] if j + 1 < n else 0.0) - r[j]
    return q, r, r_slope


def polynomial(c: Row, u: float) -> float:
    """Σ_j c_j u^j of sixteen terms, in Estrin's order."""
    square = u * u
    fourth = square * square
    low, high = (
        ((c[k] + u * c[k + 1]) + square * (c[k + 2] + u * c[k + 3]))
        + fourth * ((c[k + 4] + u * c[k + 5]) + square * (c[k + 6] + u * c[k + 7]))
        for k in (0, 8)
    )
    return low + (fourth * fourth) * high


def exponential_tail(u: float, bell: float, s: float) -> float:
    """X = exp(s²/2 − su) Φ(u − s): ζ plus an exponential variable of mean 1/s has distribution function Φ(u) − X."""
    z = abs(u - s)
    beyond = bell * (polynomial(_MILLS, (z - 4.0) / (z + 4.0)) / (1.0 + z))
    return exponential(max(s * (0.5 * s - u), -690.0)) - beyond if u > s else beyond


def soft_high(s: float) -> float:
    """Where 1 − G(y; s) < 1e-15."""
    return max(36.0 + 0.5 * (s * s) if s < REACH else 0.0, 4.0 + REACH * s)


def span(value: Row, deviation: Row, soft: bool) -> tuple[float, float]:
    """The highest of the recalls' lower ends, and of their upper ends."""
    low = max(u - (REACH * s + (3.7 if soft else 0.0)) for u, s in zip(value, deviation, strict=True))
    high = max(u + (soft_high(s) if soft else REACH * s) for u, s in zip(value, deviation, strict=True))
    return low, high


def of_many(value: Row, deviation: Row, beta: float | None = None) -> tuple[list[float], list[list[float]]]:
    """P_a for any number of options, and ∂P_a/∂σ_b for a ≠ b, by panels over the largest recall (as `exact` has them).

    Panels start where the last recall begins to matter, so the width of one is bounded by the narrowest recall that has
    not ended there. beta: the soft policy's, all in units of 1/β then; None: the hard policy.
    """
    n, soft, scale = len(value), beta is not None, 1.0 if beta is None else beta
    value, deviation = [u * scale for u in value], [s * scale for s in deviation]
    low, high = span(value, deviation, soft)
    largest, extent = max(value), high - low
    if extent <= 0.0:  # nothing is uncertain
        best = [1.0 if u == largest else 0.0 for u in value]
        total = sum(best)
        return [b / total for b in best], [[0.0] * n for _ in range(n)]
    deviation = [max(s, FLOOR * extent) for s in deviation]
    low, high = span(value, deviation, soft)
    top = high - low
    value = [u - low for u in value]
    precision = [1.0 / s for s in deviation]
    if soft:
        middle = [u + (4.0 + REACH * s) for u, s in zip(value, deviation, strict=True)]
        end = [u + soft_high(s) for u, s in zip(value, deviation, strict=True)]
        step = [(7.7 + 2.0 * (REACH * s)) / 2.0 for s in deviation]
        tail = [(e - m) / 2.0 for e, m in zip(end, middle, strict=True)]
    else:
        middle = end = [u + REACH * s for u, s in zip(value, deviation, strict=True)]
        step = tail = [REACH * s for s in deviation]
    probability = [0.0] * n
    pairs = [[0.0] * n for _ in range(n)]
    x = 0.0
    while x < top:
        width = top - x
        for a in range(n):
            most = step[a] if x < middle[a] else tail[a]
            if x < end[a] and most < width:
                width = most
        for node, weight in zip(_NODES, _NODE_WEIGHTS, strict=True):
            at, joint = x + width * node, width * weight
            rate: list[float] = []
            bend: list[float] = []
            for a in range(n):
                if soft:
                    below, slope, curve = soft_recall(at - value[a], deviation[a])
                    joint = joint * below
                    rate.append(slope / below)
                    bend.append(-curve / below)
                else:
                    z = (at - value[a]) * precision[a]
                    below, bell = normal(z)
                    joint = joint * below
                    rate.append(((bell * INVERSE_ROOT_TWO_PI) * precision[a]) / below)
                    bend.append((max(min(z, FARTHEST), -FARTHEST) * precision[a]) * rate[a])
            for a in range(n):
                share = joint * rate[a]
                probability[a] = probability[a] + share
                for b in range(n):
                    pairs[a][b] = pairs[a][b] - share * bend[b]
        x = x + width
    total = 0.0
    for p in probability:
        total = total + p
    by_sigma = [[(deviation[b] * pairs[a][b]) * scale if a != b else 0.0 for b in range(n)] for a in range(n)]
    return [p / total for p in probability], by_sigma


def softmax(value: Row, beta: float) -> list[float]:
    """exp(β u_a) / Σ exp(β u)."""
    largest = max(value)
    weights = [exponential(max(beta * (u - largest), -690.0)) for u in value]
    total = 0.0
    for weight in weights:
        total = total + weight
    return [weight / total for weight in weights]


@dataclass
class Course:
    """What the data alone decide: the episodes in the window, what was seen, and how often a memory was shown."""

    n_situations: int
    n_memories: int
    begin: int = 0
    episode: int = 0
    window: list[list[int]] = field(default_factory=list)
    active: list[int] = field(default_factory=list)
    seen: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.count: list[int] = [0] * self.n_situations
        self.forget()

    def empty_window(self) -> None:
        for s in self.active:
            self.count[s] = 0
        self.window, self.active = [], []

    def forget(self) -> None:
        self.empty_window()
        self.seen = []
        self.shown: list[float] = [0.0] * self.n_memories
        self.sets: list[float] = [0.0] * self.n_memories

    def see(self, situation: int, memories: Iterable[int]) -> None:
        first = situation not in self.seen
        if first:
            self.seen.append(situation)
        for m in memories:
            if m >= 0:
                self.shown[m] += 1.0
                self.sets[m] += float(first)

    def close(self, rows: list[int], limit: int) -> None:
        """An episode, given as the situations answered in it, enters the window; the oldest leaves it when full."""
        if not rows:
            return
        self.window.append(rows)
        for s in rows:
            if self.count[s] == 0:
                self.active.append(s)
            self.count[s] += 1
        if len(self.window) > limit:
            for s in self.window.pop(0):
                self.count[s] -= 1
                if self.count[s] == 0:
                    place = self.active.index(s)
                    self.active[place] = self.active[-1]
                    self.active.pop()


@dataclass
class Trace:
    """What `evaluate` returns: arrays by row, and the state at the end."""

    pointwise: list[float]
    total: float
    probability: list[list[float]]
    choice: list[int]
    q: list[list[float]]
    sigma: list[list[float]]
    final_q: list[float]
    final_sigma: list[float]


class Learner:
    """One parameter set on the rows of one subject."""

    subject: Subject
    setting: Setting
    stream: Stream | None
    p: dict[str, float]
    softmax: bool
    rule: Allocation
    psi: Gradient
    memory: list[list[int]]
    known: list[list[float]]
    spread: list[list[float]]
    n_options: list[int]
    terms: Terms
    inverse_beta_squared: float
    course: Course
    q: list[float]
    sigma: list[float]
    gradient: list[float]
    scale: float
    beta: float
    n_memories: int
    last: int
    t: int

    def __init__(
        self, subject: Subject, setting: Setting, parameters: Iterable[float], stream: Stream | None = None
    ) -> None:
        self.subject, self.setting, self.stream = subject, setting, stream
        self.p = dict(zip(setting.names, (float(x) for x in parameters), strict=True))
        self.softmax = setting.allocation == "softmax"
        self.rule = ALLOCATIONS["fixed" if self.softmax else setting.allocation]
        self.psi = GRADIENTS[setting.gradient]
        check_words(self.psi, self.rule)
        self.memory = subject.memory.tolist()
        self.known, self.spread = subject.known.tolist(), subject.known_sigma.tolist()
        self.n_options = subject.n_options.tolist()
        self.terms = HARD if setting.policy == "hard" else LOGISTIC
        self.inverse_beta_squared = 1.0 / (self.p["beta"] * self.p["beta"])
        self.course = Course(len(self.memory), subject.n_memories)
        self.q = [0.0] * subject.n_memories
        self.sigma = [0.0] * subject.n_memories
        self.scale = 0.0
        self.answers: list[int] = []

    def begin_block(self, mode: int, n_memories: int, row: int) -> None:
        """mode: 1 everything is new, 2 q̄ is new, 3 nothing is."""
        p, course = self.p, self.course
        self.n_memories, course.begin, course.episode = n_memories, row, 0
        if mode == 1:
            course.forget()
            self.scale = p["sigma_0"]
            self.sigma = [p["sigma_0"]] * self.subject.n_memories
            if self.setting.shape is not None:
                self.reshape()
        if mode == 2:
            course.empty_window()
        if mode < 3:
            self.q = [p["q_init"]] * self.subject.n_memories
            self.last = -1
        self.warm()

    def warm(self) -> None:
        """β of the episode, for the softmax learners."""
        exponent = max(min(self.p["beta_rate"] * self.course.episode, 50.0), -50.0)
        self.beta = self.p["beta"] * exponential(exponent)

    def options(self, s: int) -> tuple[list[float], list[float], list[int]]:
        """u, σ and memory of each option of a situation."""
        value: list[float] = []
        deviation: list[float] = []
        for m, k, spread in zip(self.memory[s], self.known[s], self.spread[s], strict=True):
            value.append(self.q[m] + k if m >= 0 else k)
            deviation.append(self.sigma[m] if m >= 0 else spread)
        n = self.n_options[s]
        return value[:n], deviation[:n], self.memory[s][:n]

    def probabilities(self, value: Row, deviation: Row, first: int = 0) -> list[float]:
        """P_a; of two options, that of ``first`` is the one computed."""
        if len(value) == 1:
            return [1.0]
        if self.softmax:
            return softmax(value, self.beta)
        if len(value) > 2:
            return self.of_many(value, deviation)[0]
        p = self.of_two(value, deviation, first)[0]
        return [p, 1.0 - p] if first == 0 else [1.0 - p, p]

    def of_many(self, value: Row, deviation: Row) -> tuple[list[float], list[list[float]]]:
        return of_many(value, deviation, None if self.setting.policy == "hard" else self.p["beta"])

    def of_two(self, value: Row, deviation: Row, first: int = 0) -> tuple[float, float]:
        variance = deviation[0] * deviation[0] + deviation[1] * deviation[1]
        return of_two(value[first] - value[1 - first], variance, self.terms, self.inverse_beta_squared)

    def open(self, t: int) -> None:
        """Begin the row's block, if one begins there."""
        self.t = t
        if self.subject.block_start[t]:
            self.begin_block(int(self.subject.block_start[t]), int(self.subject.block_memories[t]), t)

    def choose(self) -> list[float]:
        """P of the row's options, what sticks to the memory chosen last included."""
        t, s = self.t, int(self.subject.situation[self.t])
        value, deviation, memories = self.options(s)
        shifted = [
            u + self.p["stickiness"] if m >= 0 and m == self.last else u for u, m in zip(value, memories, strict=True)
        ]
        choice = int(self.subject.choice[t])
        return self.probabilities(shifted, deviation, choice if choice >= 0 and self.stream is None else 0)

    def responses(self, p: Row) -> list[float]:
        """(1 − ε) P_a + ε/n."""
        lapse = self.p["lapse"]
        return [(1.0 - lapse) * share + lapse / len(p) for share in p]

    def close(self, choice: int) -> None:
        """Learn from the row's choice, and end its episode if it ends there."""
        subject, t = self.subject, self.t
        self.answers.append(choice)
        if choice >= 0:
            value, deviation, memories = self.options(int(subject.situation[t]))
            self.course.see(int(subject.situation[t]), memories)
            self.learn(value, deviation, memories, choice, subject.outcome[t].tolist(), int(subject.following[t]))
            self.last = memories[choice]
        if subject.episode_end[t]:
            self.end_episode(t)

    def run(self) -> Trace:
        subject = self.subject
        trace = Trace([], 0.0, [], [], [], [], [], [])
        for t in range(subject.n_rows):
            self.open(t)
            trace.q.append(list(self.q))
            trace.sigma.append(list(self.sigma))
            p, choice, term = self.choose(), int(subject.choice[t]), 0.0
            if subject.scored[t] and self.stream is not None:
                choice, u, below = 0, self.stream.uniform(), 0.0
                for response in self.responses(p)[:-1]:
                    below = below + response
                    choice += below <= u
            elif subject.scored[t]:
                term = logarithm(self.responses(p)[choice])
            trace.pointwise.append(term)
            trace.total = trace.total + term
            trace.probability.append(p)
            trace.choice.append(choice)
            self.close(choice)
        trace.final_q, trace.final_sigma = list(self.q), list(self.sigma)
        return trace

    def learn(
        self, value: Row, deviation: Row, memories: Sequence[int], choice: int, outcome: Row, following: int
    ) -> None:
        """q̄_m += α₁ (o − q̄_m) of the options whose payoff was seen."""
        ahead = 0.0
        if following >= 0:
            next_value, next_deviation, _ = self.options(following)
            p = self.probabilities(next_value, next_deviation)
            for share, u in zip(p, next_value, strict=True):
                ahead = ahead + share * u
            ahead = self.p["gamma"] * ahead
        updates = []
        for a, m in enumerate(memories):
            shown = a == choice or not self.subject.chosen_only
            if m < 0 or not shown or math.isnan(outcome[a]):
                continue
            target = outcome[a] + (ahead if a == choice else 0.0)
            updates.append((m, self.q[m] + self.p["learning_rate_q"] * (target - self.q[m])))
        for m, q in updates:
            self.q[m] = q

    def end_episode(self, row: int) -> None:
        course = self.course
        if self.rule.update != "none":
            rows = range(course.begin, row + 1)
            answered = [int(self.subject.situation[t]) for t in rows if self.answers[t] >= 0]
            course.close(answered, self.setting.window)
            self.gradient = [0.0] * self.subject.n_memories
            gain = {"replay": self.replay, "experience": self.experience, "task": self.whole_task}[
                self.setting.gradient_source
            ](rows)
            self.allocate(gain)
        course.episode += 1
        course.begin = row + 1
        self.warm()

    def replay(self, _: range) -> float:
        course = self.course
        for s in course.active:
            self.add_expected(s, float(course.count[s]))
        return 1.0 / len(course.window) if course.window else 0.0

    def add_expected(self, s: int, weight: float) -> None:
        """weight · Σ_a u_a ∂P_a/∂σ_b, for every memory b of a situation."""
        value, deviation, memories = self.options(s)
        if len(value) == 2:
            _, slope = self.of_two(value, deviation)
            pull = (weight * (value[0] - value[1])) * slope
            for s_b, m in zip(deviation, memories, strict=True):
                if m >= 0:
                    self.gradient[m] = self.gradient[m] - s_b * pull
        elif len(value) > 2 and max(memories) >= 0:
            _, by_sigma = self.of_many(value, deviation)
            for b, m in enumerate(memories):
                if m >= 0:
                    pull = 0.0
                    for a in range(len(value)):
                        if a != b:
                            pull = pull + (value[a] - value[b]) * by_sigma[a][b]
                    self.gradient[m] = self.gradient[m] + weight * pull

    def experience(self, rows: range) -> float:
        subject = self.subject
        returns: dict[int, float] = {}
        if self.psi.waits:
            ahead = 0.0
            for t in reversed(rows):
                if self.answers[t] >= 0:
                    ahead = float(subject.payoff[t, self.answers[t]]) + self.p["gamma"] * ahead
                    returns[t] = ahead
            if self.psi.credit == "path_return":
                returns = dict.fromkeys(returns, ahead)
        for t in rows:
            c = self.answers[t]
            if c < 0:
                continue
            value, deviation, memories = self.options(int(subject.situation[t]))
            n = len(value)
            if n == 1:
                continue
            psi = returns.get(t, value[c])
            if self.psi.baseline == "mean":
                total = 0.0
                for u in value:
                    total = total + u
                psi = psi - total / n
            if n == 2:
                p, slope = self.of_two(value, deviation, c)
                pull = (psi * slope) / p
                for s_b, m in zip(deviation, memories, strict=True):
                    if m >= 0:
                        self.gradient[m] = self.gradient[m] - s_b * pull
            elif max(memories) >= 0:
                shares, by_sigma = self.of_many(value, deviation)
                pull = psi / max(shares[c], 1e-280)
                own = 0.0
                for b, m in enumerate(memories):
                    if b == c:
                        continue
                    own = own + by_sigma[b][c]
                    if m >= 0:
                        self.gradient[m] = self.gradient[m] + pull * by_sigma[c][b]
                if memories[c] >= 0:
                    self.gradient[memories[c]] = self.gradient[memories[c]] - pull * own
        return 1.0

    def whole_task(self, _: range) -> float:
        subject = self.subject
        occupancy = subject.start.tolist()
        if subject.transition is not None:
            occupancy = self.occupancy()
        for s, d in enumerate(occupancy):
            if self.n_options[s] > 1:
                self.add_expected(s, d)
        return 1.0

    def occupancy(self) -> list[float]:
        """d = (I − P_πᵀ)⁻¹ d₀ by elimination without pivots: the matrix is an M-matrix, its columns dominated."""
        subject = self.subject
        n = len(self.memory)
        transition: Any = subject.transition
        matrix = [[0.0] * n for _ in range(n)]
        for s in range(n):
            matrix[s][s] = 1.0
            if self.n_options[s]:
                value, deviation, _ = self.options(s)
                p = self.probabilities(value, deviation)
                for a in range(len(value)):
                    for r in range(n):
                        matrix[r][s] = matrix[r][s] - p[a] * float(transition[s, a, r])
        d: list[float] = subject.start.tolist()
        for k in range(n):
            inverse = 1.0 / matrix[k][k]
            for r in range(k + 1, n):
                factor = matrix[r][k] * inverse
                for j in range(k + 1, n):
                    matrix[r][j] = matrix[r][j] - factor * matrix[k][j]
                d[r] = d[r] - factor * d[k]
        for k in reversed(range(n)):
            total = d[k]
            for j in range(k + 1, n):
                total = total - matrix[k][j] * d[j]
            d[k] = total / matrix[k][k]
        return d

    def cost_slope(self, m: int) -> float:
        base = self.p["sigma_base"]
        return self.sigma[m] * (1.0 / (base * base)) - 1.0 / self.sigma[m]

    def clipped(self, sigma: float) -> float:
        return min(max(sigma, self.p["sigma_min"]), self.p["sigma_max"])

    def allocate(self, gain: float) -> None:
        """σ ← clip(σ + α₂ (∇ − λ ∂D_KL/∂σ)) (Eq. 7), or the same of the one scale."""
        p = self.p
        climb = [gain * self.gradient[m] - p["lam"] * self.cost_slope(m) for m in range(self.n_memories)]
        if self.rule.update == "each":
            for m in range(self.n_memories):
                self.sigma[m] = self.clipped(self.sigma[m] + p["learning_rate_sigma"] * climb[m])
            return
        if not self.n_memories:
            return
        slope = 0.0
        for m in range(self.n_memories):
            slope = slope + (self.sigma[m] / self.scale) * climb[m]
        self.scale = self.clipped(self.scale + p["learning_rate_sigma"] * (slope / self.n_memories))
        self.reshape()

    def importance(self) -> list[float]:
        setting, course = self.setting, self.course
        if setting.shape is not None:
            return list(setting.shape)
        if self.rule.importance == "usage":
            return list(course.shown)
        spread = [0.0] * self.subject.n_memories
        if self.rule.importance == "spread":
            for s in course.seen:
                value, _, memories = self.options(s)
                extent = max(value) - min(value)
                for m in memories:
                    if m >= 0:
                        spread[m] = spread[m] + extent
            spread = [x / n if n > 0.0 else 0.0 for x, n in zip(spread, course.sets, strict=True)]
        return spread

    def reshape(self) -> None:
        """σ = clip(c w), w = 1/√(1 + importance / mean importance)."""
        importance, total = self.importance(), 0.0
        for m in range(self.n_memories):
            total = total + importance[m]
        for m in range(self.n_memories):
            w = 1.0
            if total > 0.0:
                w = 1.0 / math.sqrt(1.0 + (importance[m] * self.n_memories) / total)
            self.sigma[m] = self.clipped(self.scale * w)


class Particle(Learner):
    """A learner whose σ update is sampled: Algorithm 1 with finitely many trajectories, replayed from the window."""

    draws: Stream
    n_trajectories: int

    def __init__(
        self, subject: Subject, setting: Setting, parameters: Iterable[float], stream: Stream, n_trajectories: int
    ) -> None:
        super().__init__(subject, setting, parameters)
        self.draws, self.n_trajectories = stream, n_trajectories

    def replay(self, _: range) -> float:
        window = self.course.window
        if not window:
            return 0.0
        # every episode is as likely as every other, and each is replayed once where there are as many trajectories
        offset = int(self.draws.uniform() * len(window))
        longest = max(map(len, window))
        for j in range(self.n_trajectories):
            episode = window[(offset + j) % len(window)]
            for step in range(longest):
                self.add_sampled(episode[step] if step < len(episode) else None)
        return self.p["beta"] / self.n_trajectories

    def add_sampled(self, s: int | None) -> None:
        """Ψ ∂log π(a)/∂σ_b / β of a recall and an action drawn from it (Eqs. 4, 5), for every memory b."""
        pairs = (self.subject.payoff.shape[1] + 1) // 2
        zeta = [z for _ in range(pairs) for z in self.draws.normal_pair()]
        u = self.draws.uniform()
        if s is None:
            return
        value, deviation, memories = self.options(s)
        n = len(value)
        recalled = [mean + z * sd for mean, z, sd in zip(value, zeta, deviation, strict=False)]
        largest = max(recalled)
        weights = [exponential(max(self.p["beta"] * (x - largest), -690.0)) for x in recalled]
        total, mean = 0.0, 0.0
        for weight, x in zip(weights, value, strict=True):
            total, mean = total + weight, mean + x
        target, below, action = u * total, 0.0, 0
        for weight in weights[:-1]:
            below = below + weight
            action += below <= target
        psi = value[action]
        if self.psi.baseline == "mean":
            psi = psi - mean / n
        for a, m in enumerate(memories):
            if m >= 0:
                score = zeta[a] * (float(a == action) - weights[a] / total)
                self.gradient[m] = self.gradient[m] + psi * score


def evaluate_filter(
    subject: Subject, setting: Setting, parameters: npt.ArrayLike, n_trajectories: int, streams: Sequence[Stream],
    resampling: Stream,
) -> list[float]:  # fmt: skip
    """Log-likelihood of a sampled agent by a particle filter: exact weights, systematic resampling, sampled update.

    Parameters
    ----------
    subject, setting, parameters
        As for `evaluate`.
    n_trajectories : int
    streams : list of sigmalloc.reference.Stream
        One a particle.
    resampling : sigmalloc.reference.Stream

    Returns
    -------
    list of float
        Its terms by row.
    """
    vector = np.asarray(parameters, dtype=float)
    particles = [Particle(subject, setting, vector, stream, n_trajectories) for stream in streams]
    terms = []
    for t in range(subject.n_rows):
        for particle in particles:
            particle.open(t)
        choice, term = int(subject.choice[t]), 0.0
        if subject.scored[t]:
            weights = [particle.responses(particle.choose())[choice] for particle in particles]
            total = 0.0
            for weight in weights:
                total = total + weight
            term = logarithm(total / len(weights))
            u, step = resampling.uniform(), total / len(weights)
            states = [(list(p.q), list(p.sigma), p.scale) for p in particles]
            j, below = 0, weights[0]
            for i, particle in enumerate(particles):
                target = (u + i) * step
                while below < target and j < len(weights) - 1:
                    j += 1
                    below = below + weights[j]
                particle.q, particle.sigma, particle.scale = list(states[j][0]), list(states[j][1]), states[j][2]
        terms.append(term)
        for particle in particles:
            particle.close(choice)
    return terms


def evaluate(subject: Subject, setting: Setting, parameters: npt.ArrayLike, stream: Stream | None = None) -> Trace:
    """One parameter set on the rows of one subject.

    Parameters
    ----------
    subject : sigmalloc.fit.Subject
    setting : sigmalloc.fit.model.Setting
    parameters : sequence of float, in the order of ``setting.names``
    stream : sigmalloc.reference.Stream, optional
        Scored choices are drawn from it instead of read.

    Returns
    -------
    Trace
    """
    return Learner(subject, setting, np.asarray(parameters, dtype=float), stream).run()
