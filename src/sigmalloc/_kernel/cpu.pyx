"""What the processor can execute."""

cdef extern from *:
    """
    #if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    static int sm_has_avx2(void) { __builtin_cpu_init(); return __builtin_cpu_supports("avx2") != 0; }
    #elif defined(_M_X64) && defined(_MSC_VER)
    #include <intrin.h>
    static int sm_has_avx2(void) {
        int leaf[4];
        __cpuid(leaf, 0);
        if (leaf[0] < 7) return 0;
        __cpuid(leaf, 1);
        if (!(leaf[2] & (1 << 27)) || (_xgetbv(0) & 6) != 6) return 0; /* the system saves the vector registers */
        __cpuidex(leaf, 7, 0);
        return (leaf[1] & (1 << 5)) != 0;
    }
    #else
    static int sm_has_avx2(void) { return 0; }
    #endif
    """
    int sm_has_avx2()


def has_avx2():
    """Whether the processor and the system can execute AVX2."""
    return bool(sm_has_avx2())
