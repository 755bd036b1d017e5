"""The kernel's elementary functions and random streams, in scalar Python."""

import math

import numpy as np

WORD = 2**64 - 1
LOG2_E = 1.4426950408889634


def power_of_two(x: float) -> float:
    """2^x = 2^n 2^r with |r| ≤ ½."""
    n = round(x)
    r = x - n
    upper = 0.0001546144469856913 + r * 1.5297323760701075e-05
    upper = (0.009618056678524637 + r * 0.001333350238616277) + r * r * upper
    series = (0.24022650922288757 + r * 0.055504108839096185) + r * r * upper
    return math.ldexp(1.0 + r * (0.6931471805599453 + r * series), n)


def exponential(x: float) -> float:
    """e^x; 2^-1020 for any x below −707."""
    return x if math.isnan(x) else power_of_two(max(x * LOG2_E, -1020.0))


def logarithm(x: float) -> float:
    """ln x = k ln2 + 2 atanh((m − 1) / (m + 1)) with m in [√½, √2)."""
    m, k = math.frexp(x)
    if m < math.sqrt(0.5):
        m, k = 2.0 * m, k - 1
    f = (m - 1.0) / (m + 1.0)
    t = f * f
    series = 0.28550820815960665 + t * 0.23330467216303835
    series = (0.6666666655449709 + t * 0.40000121839806124) + t * t * series
    return k * 0.6931471805599453 + f * (2.0 + t * series)


def sine_quarter(t: float) -> float:
    """sin(πt/2) for t in [−½, ½]."""
    u = t * t
    series = -0.004681266256726245 + u * 0.00015820630355647733
    for coefficient in (0.07969258272563062, -0.6459640961467954, 1.5707963267881):
        series = coefficient + u * series
    return t * series


def cosine_quarter(t: float) -> float:
    """cos(πt/2) for t in [−½, ½]."""
    u = t * t
    series = -0.020861528342199967 + u * 0.0009067398984032665
    for coefficient in (0.2536694103571085, -1.2337005493742192, 1.0):
        series = coefficient + u * series
    return series


def cosine(x: float) -> float:
    """cos x for |x| ≤ 10^4, in full precision."""
    n = round(x * 0.3183098861837907)
    r = (x - n * 3.1415926534682512) - n * 1.2154201013012384e-10
    u = r * r
    series = -1.5619206968586225e-16 + u * 4.110317623312165e-19
    for coefficient in (
        4.779477332387385e-14, -1.1470745597729725e-11, 2.08767569878681e-09, -2.755731922398589e-07,
        2.48015873015873e-05, -0.001388888888888889, 0.041666666666666664, -0.5, 1.0,
    ):  # fmt: skip
        series = coefficient + u * series
    return -series if n % 2 else series


class Stream:
    """SFC64, seeded as `numpy.random.SFC64(SeedSequence(seed, spawn_key=key))` is."""

    a: int
    b: int
    c: int
    counter: int

    def __init__(self, seed: int, key: tuple[int, ...]) -> None:
        words = np.random.SeedSequence(seed, spawn_key=key).generate_state(3, np.uint64)
        self.a, self.b, self.c = words.tolist()
        self.counter = 1
        for _ in range(12):
            self.raw()

    def raw(self) -> int:
        """64 random bits."""
        output = (self.a + self.b + self.counter) & WORD
        self.counter = (self.counter + 1) & WORD
        self.a = self.b ^ (self.b >> 11)
        self.b = (self.c + (self.c << 3)) & WORD
        self.c = (((self.c << 24) | (self.c >> 40)) + output) & WORD
        return output

    def uniform(self) -> float:
        """A number in [0, 1)."""
        return _fraction(self.raw())

    def normal_pair(self) -> tuple[float, float]:
        """Two independent standard normals (Box-Muller): 38 bits of radius, 2 of quadrant, 24 of angle."""
        word = self.raw()
        radius = math.sqrt(-2.0 * logarithm(1.0 - ((word >> 26) + 0.5) * 2.0**-38))
        turn = ((word & (2**24 - 1)) + 0.5) * 2.0**-24 - 0.5
        x, y = radius * cosine_quarter(turn), radius * sine_quarter(turn)
        if word >> 25 & 1:
            x, y = y, x
        if word >> 24 & 1:
            x, y = -x, -y
        return x, y

    @property
    def state(self) -> tuple[int, int, int, int]:
        return self.a, self.b, self.c, self.counter


def _fraction(word: int) -> float:
    return (word >> 12) * 2.0**-52
