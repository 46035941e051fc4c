/* What the processor can do.  The compiler's run-time library finds that out when the program starts, because to ask
 * the processor takes long in a virtual machine; without that library define HEMP_NO_SIMD. */
#ifndef HEMP_CPU_H
#define HEMP_CPU_H

#include "internal.h"

/* HEMP_X86_SIMD: the compiler can make code for single functions that the processor may not be able to run. */
#if !defined(HEMP_NO_SIMD) && !defined(HEMP_SMALL) && defined(__GNUC__) && defined(__x86_64__)
#define HEMP_X86_SIMD 1

#define HEMP_AVX2 __attribute__((target("avx2"))) /* a function for processors that have it */

static inline int hemp_cpu_has_avx2(void) {
    return __builtin_cpu_supports("avx2") != 0;
}

static inline int hemp_cpu_has_pclmul(void) {
    return __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0;
}

static inline int hemp_cpu_has_vpclmul(void) {
    return __builtin_cpu_supports("vpclmulqdq") != 0 && hemp_cpu_has_avx2() && hemp_cpu_has_pclmul();
}
#endif

#endif
