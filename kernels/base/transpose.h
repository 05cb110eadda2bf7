// Transposition of W x W blocks in registers, and pairs of bf16 as the right side of a product wants them.
#pragma once

#include "base/tile.h"

AF2CPU_BEGIN

// Lanes of a and b in turn: a0 b0 a1 b1 ... of their lower (upper) halves.
#if AF2CPU_ISA >= AF2CPU_IS_avx512
#define AF2CPU_LOWER 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define AF2CPU_UPPER 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif AF2CPU_ISA == AF2CPU_IS_avx2
#define AF2CPU_LOWER 0, 8, 1, 9, 2, 10, 3, 11
#define AF2CPU_UPPER 4, 12, 5, 13, 6, 14, 7, 15
#else
#define AF2CPU_LOWER 0, 4, 1, 5
#define AF2CPU_UPPER 2, 6, 3, 7
#endif

// v[i][j] <-> v[j][i]. Each of log2(W) rounds rotates the bits of (row, lane) by one.
AF2CPU_INLINE void transpose(F v[W]) {
#pragma GCC unroll 4
    for (index n = 1; n < W; n *= 2) {
        F x[W];
#pragma GCC unroll 8
        for (index i = 0; i < W / 2; ++i) {
#ifdef __clang__
            x[2 * i] = __builtin_shufflevector(v[i], v[i + W / 2], AF2CPU_LOWER);
            x[2 * i + 1] = __builtin_shufflevector(v[i], v[i + W / 2], AF2CPU_UPPER);
#else
            x[2 * i] = __builtin_shuffle(v[i], v[i + W / 2], I{AF2CPU_LOWER});
            x[2 * i + 1] = __builtin_shuffle(v[i], v[i + W / 2], I{AF2CPU_UPPER});
#endif
        }
#pragma GCC unroll 16
        for (index i = 0; i < W; ++i) v[i] = x[i];
    }
}
#undef AF2CPU_LOWER
#undef AF2CPU_UPPER

// Columns [0, n) of c [rows, width], rows a multiple of W, as rows of `out`.
template <class P>
static void store_transposed(const float* c, index width, index rows, index n, P* out, index stride) {
    for (index r = 0; r < rows; r += W)
        for (index i = 0; i < n; i += W) {
            F x[W];
            for (index k = 0; k < W; ++k) x[k] = load(c + (r + k) * width + i);
            transpose(x);
            for (index k = 0; k < least(W, n - i); ++k) store(out + (i + k) * stride + r, x[k]);
        }
}

// Two vectors rounded to bf16, as W lanes of 32 bits: `zip` puts a[i] and b[i] into lane i, `join` all of a before all of b.
AF2CPU_INLINE I join(F a, F b) {
#if AF2CPU_ISA >= AF2CPU_IS_avx512bf16
    return (I)_mm512_cvtne2ps_pbh(b, a);
#else
    bf16 both[2 * W];
    store(both, a);
    store(both + W, b);
    I x;
    __builtin_memcpy(&x, both, sizeof x);
    return x;
#endif
}
AF2CPU_INLINE I zip(F a, F b) {
#if AF2CPU_ISA >= AF2CPU_IS_avx512bf16
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19,
                                           3, 18, 2, 17, 1, 16, 0);
    return (I)_mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(b, a));
#else
    return upper_bf16(b) | ((upper_bf16(a) >> 16) & 0xffff);
#endif
}

// Two rows of the right side of a product, as W of its columns have them: p[2 j] = even[j], p[2 j + 1] = odd[j].
AF2CPU_INLINE void store_pairs(bf16* p, F even, F odd) { store_lanes(p, zip(even, odd)); }

AF2CPU_END
