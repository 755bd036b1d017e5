"""Elementary functions in additions, multiplications, divisions and square roots only.

No libm and no branches: every platform computes the same bits, and loops that call these become vector instructions.
The polynomials are Chebyshev fits. Relative errors are below 1e-9 (`cosine`: absolute error below 1e-14), as the tests
measure.
"""

from libc.stdint cimport uint64_t

cdef extern from *:
    """
    #define SM_ROUND 6755399441055744.0 /* 1.5 * 2^52: adding it rounds to an integer, left in the low bits */
    #define SM_SQRT_HALF 0x3FE6A09E667F3BCDULL
    #define SM_EXPONENT 0xFFF0000000000000ULL
    #define SM_ONE 0x3FF0000000000000ULL
    #define SM_TWO_52 0x4330000000000000ULL
    #define SM_SIGN 0x8000000000000000ULL
    #define SM_BIAS 0x4000000000000000ULL /* 1024 in the exponent's place */
    """
    const double ROUND "SM_ROUND"
    const uint64_t SQRT_HALF "SM_SQRT_HALF"
    const uint64_t EXPONENT "SM_EXPONENT"
    const uint64_t ONE "SM_ONE"
    const uint64_t TWO_52 "SM_TWO_52"
    const uint64_t SIGN "SM_SIGN"
    const uint64_t BIAS "SM_BIAS"

cdef union Bits:
    double real
    uint64_t word


cdef inline double power_of_two(double x) noexcept nogil:
    """2^x = 2^n 2^r with |r| ≤ ½, for x in [−1020, 1022]."""
    cdef Bits whole, result
    cdef double r, square, series
    whole.real = x + ROUND
    r = x - (whole.real - ROUND)
    # Estrin's order: a shorter chain of dependent operations than Horner's
    square = r * r
    series = (0.009618056678524637 + r * 0.001333350238616277) + square * (
        0.0001546144469856913 + r * 1.5297323760701075e-05
    )
    series = (0.24022650922288757 + r * 0.055504108839096185) + square * series
    series = 0.6931471805599453 + r * series
    result.real = 1.0 + r * series
    result.word = result.word + (whole.word << 52)
    return result.real


cdef inline double exponential(double x) noexcept nogil:
    """e^x for x ≤ 708; 2^-1020, which is 9e-308, for any x below −707."""
    x = x * 1.4426950408889634
    return power_of_two(-1020.0 if x < -1020.0 else x)


cdef inline double logarithm(double x) noexcept nogil:
    """ln x for positive normal x: k ln2 + 2 atanh(f), f = (m − 1) / (m + 1), m in [√½, √2)."""
    cdef Bits bits, k
    cdef uint64_t exponent
    cdef double f, t, series
    bits.real = x
    exponent = bits.word - SQRT_HALF + BIAS
    k.word = (exponent >> 52) | TWO_52
    bits.word = (exponent & ~EXPONENT) + SQRT_HALF
    f = (bits.real - 1.0) / (bits.real + 1.0)
    t = f * f
    series = (0.6666666655449709 + t * 0.40000121839806124) + (t * t) * (
        0.28550820815960665 + t * 0.23330467216303835
    )
    return (k.real - 4503599627371520.0) * 0.6931471805599453 + f * (2.0 + t * series)


cdef inline double sine_quarter(double t) noexcept nogil:
    """sin(πt/2) for t in [−½, ½]."""
    cdef double u = t * t
    cdef double series = -0.004681266256726245 + u * 0.00015820630355647733
    series = 0.07969258272563062 + u * series
    series = -0.6459640961467954 + u * series
    return t * (1.5707963267881 + u * series)


cdef inline double cosine_quarter(double t) noexcept nogil:
    """cos(πt/2) for t in [−½, ½]."""
    cdef double u = t * t
    cdef double series = -0.020861528342199967 + u * 0.0009067398984032665
    series = 0.2536694103571085 + u * series
    return 1.0 + u * (-1.2337005493742192 + u * series)


cdef inline double cosine(double x) noexcept nogil:
    """cos x for |x| ≤ 10^4, in full precision: mountain car's slope is compared with libm step by step."""
    cdef Bits turns, sign
    cdef double n, r, u, series
    turns.real = x * 0.3183098861837907 + ROUND
    n = turns.real - ROUND
    r = (x - n * 3.1415926534682512) - n * 1.2154201013012384e-10
    u = r * r
    series = 4.110317623312165e-19 * u - 1.5619206968586225e-16
    series = 4.779477332387385e-14 + u * series
    series = -1.1470745597729725e-11 + u * series
    series = 2.08767569878681e-09 + u * series
    series = -2.755731922398589e-07 + u * series
    series = 2.48015873015873e-05 + u * series
    series = -0.001388888888888889 + u * series
    series = 0.041666666666666664 + u * series
    series = 1.0 + u * (-0.5 + u * series)
    sign.real = series
    sign.word = sign.word ^ (turns.word << 63)
    return sign.real


cdef inline double uniform(uint64_t raw) noexcept nogil:
    """A uniform number in [0, 1) from the upper 52 bits."""
    cdef Bits bits
    bits.word = (raw >> 12) | ONE
    return bits.real - 1.0
