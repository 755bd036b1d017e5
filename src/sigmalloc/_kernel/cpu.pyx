"""What the processor can execute."""

cdef extern from *:
    """
    /* by the instructions themselves: builds of Zig's Clang answer the compiler's own question with no */
    #if defined(_M_X64) && defined(_MSC_VER)
    #include <intrin.h>
    static void sm_cpuid(int *leaf, int number) { __cpuidex(leaf, number, 0); }
    static int sm_saved(void) { return (int)_xgetbv(0); }
    #elif defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    #include <cpuid.h>
    static void sm_cpuid(int *leaf, int number) { __cpuid_count(number, 0, leaf[0], leaf[1], leaf[2], leaf[3]); }
    static int sm_saved(void) { int low, high; __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0)); return low; }
    #else
    static void sm_cpuid(int *leaf, int number) { leaf[0] = leaf[1] = leaf[2] = leaf[3] = number & 0; }
    static int sm_saved(void) { return 0; }
    #endif
    static int sm_has_avx2(void) {
        int leaf[4];
        sm_cpuid(leaf, 0);
        if (leaf[0] < 7) return 0;
        sm_cpuid(leaf, 1);
        if (!(leaf[2] & (1 << 27)) || (sm_saved() & 6) != 6) return 0; /* the system saves the vector registers */
        sm_cpuid(leaf, 7);
        return (leaf[1] & (1 << 5)) != 0;
    }
    """
    int sm_has_avx2()


def has_avx2():
    """Whether the processor and the system can execute AVX2."""
    return bool(sm_has_avx2())
