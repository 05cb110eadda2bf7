// SPDX-License-Identifier: Apache-2.0
// All SIMD on floats: F holds W of them; + - * / are the compiler's for vector types, everything else is defined here.
#pragma once

#include "base/level.h"
#include "base/types.h"

#if AF2CPU_ISA >= AF2CPU_IS_avx2
#include <immintrin.h>
#endif

AF2CPU_BEGIN

#define AF2CPU_INLINE static inline __attribute__((always_inline))
#define AF2CPU_INLINE_MEMBER inline __attribute__((always_inline))

#if AF2CPU_ISA >= AF2CPU_IS_avx512
constexpr index W = 16;
#elif AF2CPU_ISA == AF2CPU_IS_avx2
constexpr index W = 8;
#else
constexpr index W = 4;
#endif

typedef float F __attribute__((vector_size(4 * W)));
typedef std::int32_t I __attribute__((vector_size(4 * W)));
typedef std::uint16_t H __attribute__((vector_size(2 * W)));

template <class T>
AF2CPU_INLINE T min(T a, T b) {
    return b < a ? b : a;
}
template <class T>
AF2CPU_INLINE T max(T a, T b) {
    return a < b ? b : a;
}
AF2CPU_INLINE index round_up(index n, index to) { return (n + to - 1) / to * to; }

AF2CPU_INLINE F splat(float x) { return x - F{}; }  // x + 0 would be an addition: it is not x for -0
AF2CPU_INLINE F as_float(I x) { return (F)x; }
AF2CPU_INLINE I as_int(F x) { return (I)x; }

AF2CPU_INLINE F load(const float* p) {
    F x;
    __builtin_memcpy(&x, p, sizeof x);
    return x;
}
AF2CPU_INLINE void store(float* p, F x) { __builtin_memcpy(p, &x, sizeof x); }
AF2CPU_INLINE I load_lanes(const void* p) {
    I x;
    __builtin_memcpy(&x, p, sizeof x);
    return x;
}
AF2CPU_INLINE void store_lanes(void* p, I x) { __builtin_memcpy(p, &x, sizeof x); }

AF2CPU_INLINE F fma(F a, F b, F c) {
#if AF2CPU_ISA >= AF2CPU_IS_avx512
    return _mm512_fmadd_ps(a, b, c);
#elif AF2CPU_ISA == AF2CPU_IS_avx2
    return _mm256_fmadd_ps(a, b, c);
#else
    return a * b + c;
#endif
}

AF2CPU_INLINE F max(F a, F b) {
#if AF2CPU_ISA >= AF2CPU_IS_avx512
    return _mm512_max_ps(a, b);
#elif AF2CPU_ISA == AF2CPU_IS_avx2
    return _mm256_max_ps(a, b);
#else
    return a > b ? a : b;
#endif
}

AF2CPU_INLINE F min(F a, F b) {
#if AF2CPU_ISA >= AF2CPU_IS_avx512
    return _mm512_min_ps(a, b);
#elif AF2CPU_ISA == AF2CPU_IS_avx2
    return _mm256_min_ps(a, b);
#else
    return a < b ? a : b;
#endif
}

// Whether a comparison holds in any lane.
AF2CPU_INLINE bool any(I x) {
#if AF2CPU_ISA >= AF2CPU_IS_avx512
    return _mm512_test_epi32_mask((__m512i)x, (__m512i)x) != 0;
#elif AF2CPU_ISA == AF2CPU_IS_avx2
    return !_mm256_testz_si256((__m256i)x, (__m256i)x);
#else
    std::int32_t bits = 0;
    for (index i = 0; i < W; ++i) bits |= x[i];
    return bits != 0;
#endif
}

// The sum and the maximum of all lanes, always in the same order.
AF2CPU_INLINE float sum(F x) {
    I lane{};
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) lane[i] = i;
#pragma GCC unroll 4
    for (int n = W / 2; n > 0; n /= 2) x += __builtin_shuffle(x, lane + n);
    return x[0];
}

// bf16: the upper half of a float, rounded to nearest even; NaN stays NaN.
AF2CPU_INLINE float widen(bf16 x) {
    const std::uint32_t bits = std::uint32_t(x.bits) << 16;
    float y;
    __builtin_memcpy(&y, &bits, 4);
    return y;
}
AF2CPU_INLINE float widen(float x) { return x; }

AF2CPU_INLINE bf16 round_to_bf16(float x) {
    std::uint32_t bits;
    __builtin_memcpy(&bits, &x, 4);
    if (x != x) return {std::uint16_t(bits >> 16 | 0x40)};
    return {std::uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}
AF2CPU_INLINE void narrow(float x, float* p) { *p = x; }
AF2CPU_INLINE void narrow(float x, bf16* p) { *p = round_to_bf16(x); }

// The bits of W bf16 numbers, each in the upper half of its lane; the lower half is zero.
AF2CPU_INLINE I upper_bf16(F x) {
    const I bits = as_int(x);
    const I rounded = bits + 0x7fff + ((bits >> 16) & 1);
    const I nan = (I)(x != x);
    return ((nan & (bits | 0x400000)) | (~nan & rounded)) & (I)(I{} - 0x10000);
}

AF2CPU_INLINE F load(const bf16* p) {
#if AF2CPU_ISA >= AF2CPU_IS_avx512
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p)), 16));
#elif AF2CPU_ISA == AF2CPU_IS_avx2
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p)), 16));
#else
    H half;
    __builtin_memcpy(&half, p, sizeof half);
    return as_float(__builtin_convertvector(half, I) << 16);
#endif
}

AF2CPU_INLINE void store(bf16* p, F x) {
#if AF2CPU_ISA >= AF2CPU_IS_avx512bf16
    _mm256_storeu_si256((__m256i*)p, (__m256i)_mm512_cvtneps_pbh(x));
#elif AF2CPU_ISA == AF2CPU_IS_avx512
    _mm256_storeu_si256((__m256i*)p, _mm512_cvtepi32_epi16(_mm512_srli_epi32((__m512i)upper_bf16(x), 16)));
#else
    const H half = __builtin_convertvector((upper_bf16(x) >> 16) & 0xffff, H);
    __builtin_memcpy(p, &half, sizeof half);
#endif
}

// Two vectors rounded to bf16, as W lanes of 32 bits: `zip` puts a[i] and b[i] into lane i, `join` puts all of a before all of b.
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
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3,
                                           18, 2, 17, 1, 16, 0);
    return (I)_mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(b, a));
#else
    return upper_bf16(b) | ((upper_bf16(a) >> 16) & 0xffff);
#endif
}

// Lanes of a and b in turn: a0 b0 a1 b1 ... of their lower and of their upper halves.
#if AF2CPU_ISA >= AF2CPU_IS_avx2
#define AF2CPU_LOWER 0, 8, 1, 9, 2, 10, 3, 11
#define AF2CPU_UPPER 4, 12, 5, 13, 6, 14, 7, 15
#else
#define AF2CPU_LOWER 0, 4, 1, 5
#define AF2CPU_UPPER 2, 6, 3, 7
#endif

#ifdef __clang__
#define AF2CPU_IN_TURN(a, b, half) __builtin_shufflevector(a, b, half)
#else
#define AF2CPU_IN_TURN(a, b, half) __builtin_shuffle(a, b, I{half})
#endif

// `transpose`: r[i][j] becomes r[j][i], for a square of 32-bit lanes. `sum_each`: lane i is the sum of the lanes of x[i], added in the
// same order for all i; x is overwritten. AVX-512 uses shuffles within and of 128-bit lanes, which do not use the multipliers' ports.
#if AF2CPU_ISA >= AF2CPU_IS_avx512
AF2CPU_INLINE void transpose(I (&r)[W]) {
    __m512i t[W];
#pragma GCC unroll 4
    for (index i = 0; i < W; i += 4) {
        const auto row = [&](index k) { return (__m512i)r[i + k]; };
        const __m512i a = _mm512_unpacklo_epi32(row(0), row(1)), b = _mm512_unpackhi_epi32(row(0), row(1));
        const __m512i c = _mm512_unpacklo_epi32(row(2), row(3)), d = _mm512_unpackhi_epi32(row(2), row(3));
        t[i] = _mm512_unpacklo_epi64(a, c), t[i + 1] = _mm512_unpackhi_epi64(a, c);
        t[i + 2] = _mm512_unpacklo_epi64(b, d), t[i + 3] = _mm512_unpackhi_epi64(b, d);
    }
#pragma GCC unroll 4
    for (index i = 0; i < 4; ++i) {
        const __m512i a = _mm512_shuffle_i32x4(t[i], t[4 + i], 0x88), b = _mm512_shuffle_i32x4(t[i], t[4 + i], 0xdd);
        const __m512i c = _mm512_shuffle_i32x4(t[8 + i], t[12 + i], 0x88), d = _mm512_shuffle_i32x4(t[8 + i], t[12 + i], 0xdd);
        r[i] = (I)_mm512_shuffle_i32x4(a, c, 0x88), r[8 + i] = (I)_mm512_shuffle_i32x4(a, c, 0xdd);
        r[4 + i] = (I)_mm512_shuffle_i32x4(b, d, 0x88), r[12 + i] = (I)_mm512_shuffle_i32x4(b, d, 0xdd);
    }
}
AF2CPU_INLINE F sum_each(F (&x)[W]) {
#pragma GCC unroll 4
    for (index i = 0; i < W; i += 4) {
        const F a = _mm512_unpacklo_ps(x[i], x[i + 1]) + _mm512_unpackhi_ps(x[i], x[i + 1]);
        const F b = _mm512_unpacklo_ps(x[i + 2], x[i + 3]) + _mm512_unpackhi_ps(x[i + 2], x[i + 3]);
        x[i] = (F)(_mm512_unpacklo_pd((__m512d)a, (__m512d)b)) + (F)(_mm512_unpackhi_pd((__m512d)a, (__m512d)b));
    }
    const F a = _mm512_shuffle_f32x4(x[0], x[4], 0x88) + _mm512_shuffle_f32x4(x[0], x[4], 0xdd);
    const F b = _mm512_shuffle_f32x4(x[8], x[12], 0x88) + _mm512_shuffle_f32x4(x[8], x[12], 0xdd);
    return _mm512_shuffle_f32x4(a, b, 0x88) + _mm512_shuffle_f32x4(a, b, 0xdd);
}
#else
// Each of log2(W) rounds rotates the bits of (row, lane) by one.
AF2CPU_INLINE void transpose(I (&r)[W]) {
#pragma GCC unroll 4
    for (index n = 1; n < W; n *= 2) {
        I x[W];
#pragma GCC unroll 8
        for (index i = 0; i < W / 2; ++i) {
            x[2 * i] = AF2CPU_IN_TURN(r[i], r[i + W / 2], AF2CPU_LOWER);
            x[2 * i + 1] = AF2CPU_IN_TURN(r[i], r[i + W / 2], AF2CPU_UPPER);
        }
#pragma GCC unroll 16
        for (index i = 0; i < W; ++i) r[i] = x[i];
    }
}

AF2CPU_INLINE F sum_each(F (&x)[W]) {
#pragma GCC unroll 4
    for (index n = W / 2; n > 0; n /= 2)
#pragma GCC unroll 8
        for (index i = 0; i < n; ++i) x[i] = AF2CPU_IN_TURN(x[i], x[i + n], AF2CPU_LOWER) + AF2CPU_IN_TURN(x[i], x[i + n], AF2CPU_UPPER);
    return x[0];
}
#endif
#undef AF2CPU_IN_TURN
#undef AF2CPU_LOWER
#undef AF2CPU_UPPER

// The first n < W elements; the others are zero on load and untouched on store.
template <class T>
AF2CPU_INLINE F load_part(const T* p, index n) {
    T part[W] = {};
    for (index i = 0; i < n; ++i) part[i] = p[i];
    return load(part);
}
template <class T>
AF2CPU_INLINE void store_part(T* p, F x, index n) {
    T part[W];
    store(part, x);
    for (index i = 0; i < n; ++i) p[i] = part[i];
}

// 2^x; zero below 2^-126, and 2^127 or infinite for x above 127. Relative error: degree 3 (for what is rounded to bf16) 8e-5, degree 5
// 8e-8.
template <int Degree>
AF2CPU_INLINE F exp2(F x) {
    static_assert(Degree == 3 || Degree == 5);
    // Minimax fits of 2^f on [0, 1) by relative error, highest power first.
    constexpr float c3[] = {0.0780245226f, 0.226067155f, 0.69583354f, 0.999925219f};
    constexpr float c5[] = {0.00187757667f, 0.00898934009f, 0.0558263181f, 0.240153617f, 0.693153073f, 0.999999925f};
    const float* const c = Degree == 3 ? c3 : c5;
#if AF2CPU_ISA >= AF2CPU_IS_avx512
    const F f = x - _mm512_roundscale_ps(x, 0x09);  // floor: faster than _mm512_reduce_ps on Zen 4
#elif AF2CPU_ISA == AF2CPU_IS_avx2
    x = min(max(x, splat(-127.0f)), splat(127.0f));
    const F whole = _mm256_floor_ps(x);
    const F f = x - whole;
#else
    x = min(max(x, splat(-127.0f)), splat(127.0f));
    const F near = __builtin_convertvector(__builtin_convertvector(x, I), F);
    const F whole = near - (near > x ? splat(1.0f) : splat(0.0f));
    const F f = x - whole;
#endif
    F y = splat(c[0]);
#pragma GCC unroll 8
    for (int i = 1; i <= Degree; ++i) y = fma(y, f, splat(c[i]));
#if AF2CPU_ISA >= AF2CPU_IS_avx512
    return _mm512_scalef_ps(y, x);
#else
    return y * as_float((__builtin_convertvector(whole, I) + 127) << 23);
#endif
}

constexpr float kLog2E = 1.44269504088896340736f;

AF2CPU_INLINE F reciprocal(F x) {
#if AF2CPU_ISA >= AF2CPU_IS_avx512
    const F r = _mm512_rcp14_ps(x);
    return r * (splat(2.0f) - x * r);
#else
    return splat(1.0f) / x;
#endif
}

// Relative error: degree 3 (for what is rounded to bf16) 2e-4, degree 5 2e-7.
template <int Degree = 5>
AF2CPU_INLINE F sigmoid(F x) {
#if AF2CPU_ISA >= AF2CPU_IS_avx512
    if (Degree == 3) return _mm512_rcp14_ps(splat(1.0f) + exp2<Degree>(x * splat(-kLog2E)));
#endif
    return reciprocal(splat(1.0f) + exp2<Degree>(min(x * splat(-kLog2E), splat(126.0f))));
}

AF2CPU_INLINE F inverse_root(F x) {
#if AF2CPU_ISA >= AF2CPU_IS_avx512
    return splat(1.0f) / _mm512_sqrt_ps(x);
#elif AF2CPU_ISA == AF2CPU_IS_avx2
    return splat(1.0f) / _mm256_sqrt_ps(x);
#else
    for (index i = 0; i < W; ++i) x[i] = 1.0f / __builtin_sqrtf(x[i]);
    return x;
#endif
}

AF2CPU_END
