"""exp, ln and Φ nearly to the last bit, for likelihoods: an optimiser's finite differences see the tenth digit.

As in `elementary`: no libm, no branches, the same bits on every platform. `reference/likelihood.py` is the twin.
"""

from libc.math cimport fabs
from libc.stdint cimport uint64_t

from .elementary cimport EXPONENT, ROUND, SQRT_HALF, TWO_52, BIAS, Bits

cdef extern from *:
    """
    #define SM_LN2_HIGH 0.6931471803691238 /* its last 21 bits are 0: products with small integers are exact */
    #define SM_LN2_LOW 1.9082149292705877e-10
    #define SM_FARTHEST 37.0 /* Phi(-37) = 6e-300 is still a normal number */
    #define SM_INVERSE_ROOT_TWO_PI 0.3989422804014327
    """
    const double LN2_HIGH "SM_LN2_HIGH"
    const double LN2_LOW "SM_LN2_LOW"
    const double FARTHEST "SM_FARTHEST"
    const double INVERSE_ROOT_TWO_PI "SM_INVERSE_ROOT_TWO_PI"


cdef inline double precise_exponential(double x) noexcept nogil:
    """e^x for −700 ≤ x ≤ 700, to 2e-15 of itself."""
    cdef Bits whole, result
    cdef double n, r, s, low, high
    whole.real = x * 1.4426950408889634 + ROUND
    n = whole.real - ROUND
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    s = r * r
    low = (0.5 + r * 0.1666666666664829) + s * (0.04166666666665136 + r * 0.008333333353729365)
    high = (0.0013888888905880397 + r * 0.00019841208732591188) + s * (
        2.480153638956225e-05 + r * 2.7625115550598957e-06
    )
    result.real = 1.0 + (r + s * (low + (s * s) * (high + (s * s) * 2.76138067156681e-07)))
    result.word = result.word + (whole.word << 52)
    return result.real


cdef inline double precise_logarithm(double x) noexcept nogil:
    """ln x for positive normal x, to 2e-16 of itself or of 1."""
    cdef Bits bits, k
    cdef uint64_t exponent
    cdef double f, t, n, low, high
    bits.real = x
    exponent = bits.word - SQRT_HALF + BIAS
    k.word = (exponent >> 52) | TWO_52
    bits.word = (exponent & ~EXPONENT) + SQRT_HALF
    f = (bits.real - 1.0) / (bits.real + 1.0)
    t = f * f
    n = k.real - 4503599627371520.0
    low = (0.666666666666667 + t * 0.39999999999899444) + (t * t) * (0.2857142862600332 + t * 0.2222221113020496)
    high = (0.1818288946137801 + t * 0.15331710398706688) + (t * t) * 0.1461658833526529
    return n * LN2_HIGH + (n * LN2_LOW + f * (2.0 + t * (low + ((t * t) * (t * t)) * high)))


cdef inline double bounded(double z) noexcept nogil:
    """z within ±37."""
    z = FARTHEST if z > FARTHEST else z
    return -FARTHEST if z < -FARTHEST else z


cdef inline double bell(double z) noexcept nogil:
    """√(2π) φ(z) for |z| ≤ 37."""
    return precise_exponential(-0.5 * (z * z))


cdef inline double normal_below(double z, double height) noexcept nogil:
    """Φ(z) to 2e-16, for |z| ≤ 37, from the bell's height at z.

    Hart et al. (1968), algorithm 5666, as in West (2005): Φ(−y) = e^{−y²/2} N(y) / D(y) for y ≥ 0.
    """
    cdef double y = fabs(z)
    cdef double numerator = 3.52624965998911e-02, denominator = 8.83883476483184e-02, tail
    numerator = numerator * y + 0.700383064443688
    numerator = numerator * y + 6.37396220353165
    numerator = numerator * y + 33.912866078383
    numerator = numerator * y + 112.079291497871
    numerator = numerator * y + 221.213596169931
    numerator = numerator * y + 220.206867912376
    denominator = denominator * y + 1.75566716318264
    denominator = denominator * y + 16.064177579207
    denominator = denominator * y + 86.7807322029461
    denominator = denominator * y + 296.564248779674
    denominator = denominator * y + 637.333633378831
    denominator = denominator * y + 793.826512519948
    denominator = denominator * y + 440.413735824752
    tail = (height * numerator) / denominator
    return tail if z < 0.0 else 1.0 - tail
