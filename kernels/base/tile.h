// SPDX-License-Identifier: Apache-2.0
// The micro-kernel: C [m, width] (+)= A [m, depth] B, with B one packed panel and C in float. One interface, four ways:
// register blocks of float, of bf16 pairs (AVX512-BF16), AMX tiles, and the software model of AMX tiles.
//
// A is row-major with stride lda. Rows of A and C are allocated up to a multiple of kRows (padding rows are not used), columns of A up
// to `depth`, and those must be finite. Each element of C is one chain of additions along depth, so that neither m nor the
// place of a row in its block changes a result.
#pragma once

#include "base/amx.h"
#include "base/vec.h"

AF2CPU_BEGIN

// The type in which activations of type T are multiplied: bf16 only where the level has products of bf16, else float.
template <class T>
struct Multiplied {
    using type = float;
};
#if AF2CPU_TILES || AF2CPU_ISA >= AF2CPU_IS_avx512bf16
template <>
struct Multiplied<bf16> {
    using type = bf16;
};
#endif

#if AF2CPU_TILES
constexpr index kRows = 16;
#else
constexpr index kRows = 4;
#endif

constexpr index kVectors = 2;           // of a panel's row
constexpr index kWidth = kVectors * W;  // of a panel, for both types
#if AF2CPU_ISA >= AF2CPU_IS_avx512
constexpr index kBlock = 12;  // rows: 24 accumulators of 32 registers
#elif AF2CPU_ISA == AF2CPU_IS_avx2
constexpr index kBlock = 6;  // 12 of 16
#else
constexpr index kBlock = 4;  // 8 of 16
#endif

template <index N>
struct Count {
    static constexpr index value = N;
};

template <class P>
struct Product;

template <>
struct Product<float> {
    static constexpr index group = 1, depth = 1, width = kWidth;
    using Left = F;
    using Right = F;
    AF2CPU_INLINE Left left(const float* p) { return splat(*p); }
    AF2CPU_INLINE Right right(const float* p) { return load(p); }
    AF2CPU_INLINE F dot(F c, Left a, Right b) { return fma(a, b, c); }
};

#if !AF2CPU_TILES && AF2CPU_ISA >= AF2CPU_IS_avx512bf16
template <>
struct Product<bf16> {
    static constexpr index group = 2, depth = 2, width = kWidth;
    using Left = __m512bh;
    using Right = __m512bh;
    AF2CPU_INLINE Left left(const bf16* p) {
        int pair;
        __builtin_memcpy(&pair, p, 4);
        return (__m512bh)_mm512_set1_epi32(pair);
    }
    AF2CPU_INLINE Right right(const bf16* p) { return (__m512bh)_mm512_loadu_si512(p); }
    AF2CPU_INLINE F dot(F c, Left a, Right b) { return _mm512_dpbf16_ps(c, a, b); }
};
#elif AF2CPU_TILES
template <>
struct Product<bf16> {
    static constexpr index group = 2, depth = 32, width = 32;
};
#endif

// Initial values of sums: zeros, a bias (the same for all rows), or row i of floats `step` apart (0: the same for all rows).
struct Zeros {
    AF2CPU_INLINE_MEMBER F at(index, index) const { return F{}; }
    AF2CPU_INLINE_MEMBER void advance(index) {}
};
struct Bias {
    const float* p;

    AF2CPU_INLINE_MEMBER F at(index, index v) const { return load(p + v * W); }
    AF2CPU_INLINE_MEMBER void advance(index) {}
};
struct Rows {
    const float* p;
    index step;

    AF2CPU_INLINE_MEMBER F at(index i, index v) const { return load(p + i * step + v * W); }
    AF2CPU_INLINE_MEMBER void advance(index rows) { p += rows * step; }
};

// Functions of finished sums.
struct Same {
    AF2CPU_INLINE F of(F x) { return x; }
};
struct Relu {
    AF2CPU_INLINE F of(F x) { return max(x, F{}); }
};

// Initial values and destination of a product; here the destination is rows of T, which get a function of the sums. `start(i, v)` is the initial value of vector v of row
// i; `put(i, x)` receives the finished row i as width / W vectors. Rows count from the current one, which `advance(rows)` moves. Each
// block works on its own copy, in registers.
template <class From, class T, class Function = Same>
struct Into {
    From from;
    T* to;
    index stride;

    AF2CPU_INLINE_MEMBER F start(index i, index v) const { return from.at(i, v); }
    template <index V>
    AF2CPU_INLINE_MEMBER void put(index i, const F (&x)[V]) const {
#pragma GCC unroll 8
        for (index v = 0; v < V; ++v) store(to + i * stride + v * W, Function::of(x[v]));
    }
    AF2CPU_INLINE_MEMBER void advance(index rows) { from.advance(rows), to += rows * stride; }
};

// M rows, of which the first `valid` are finished.
template <index M, class P, class Finish>
static void block(const P* a, index lda, const P* b, index depth, index valid, Finish& finish) {
    using D = Product<P>;
    Finish own = finish;
    F acc[M][kVectors];
#pragma GCC unroll 12
    for (index i = 0; i < M; ++i)
#pragma GCC unroll 2
        for (index v = 0; v < kVectors; ++v) acc[i][v] = own.start(i, v);
    for (index p = 0; p < depth; p += D::group) {
        typename D::Right right[kVectors];
#pragma GCC unroll 2
        for (index v = 0; v < kVectors; ++v) right[v] = D::right(b + p * kWidth + v * W * D::group);
#pragma GCC unroll 12
        for (index i = 0; i < M; ++i) {
            const auto left = D::left(a + i * lda + p);
#pragma GCC unroll 2
            for (index v = 0; v < kVectors; ++v) acc[i][v] = D::dot(acc[i][v], left, right[v]);
        }
    }
    const auto close = [&](auto whole) {
#pragma GCC unroll 12
        for (index i = 0; i < M; ++i)
            if (decltype(whole)::value || i < valid) own.put(i, acc[i]);
    };
    valid < M ? close(Count<0>{}) : close(Count<1>{});
    own.advance(M);
    finish = own;
}

// Rows [0, m) of A B; `finish` gives the initial values and receives the rows.
template <class P, class Finish>
static void multiply_then(index m, const P* a, index lda, const P* b, index depth, Finish& finish) {
#if AF2CPU_TILES
    if constexpr (sizeof(P) == 2) {
        constexpr index width = Product<P>::width, V = width / W;
        alignas(64) float c[2 * kRows * width];
        for (index i = 0; i < m; i += 2 * kRows) {
            const index rows = min(2 * kRows, m - i);
            multiply_tiles(rows, a + i * lda, lda, b, depth, c, width, false);
            for (index r = 0; r < rows; ++r) {
                F x[V];
                for (index v = 0; v < V; ++v) x[v] = load(c + r * width + v * W) + finish.start(r, v);
                finish.put(r, x);
            }
            finish.advance(rows);
        }
        return;
    } else {
#endif
        const auto go = [=, &finish](auto rows, index i) { block<decltype(rows)::value>(a + i * lda, lda, b, depth, m - i, finish); };
        index i = 0;
        const index rows = round_up(m, 4);
        // 16 rows are two blocks of 8, not 12 and 4: 4 rows have too few sums to hide the latency of their products.
        for (; rows - i >= kBlock && rows - i != 8 && (kBlock < 8 || rows - i != 16); i += kBlock) go(Count<kBlock>{}, i);
        if constexpr (kBlock > 8)
            for (; rows - i >= 8; i += 8) go(Count<8>{}, i);
        for (; i < rows; i += 4) go(Count<4>{}, i);
#if AF2CPU_TILES
    }
#endif
}

// C [m, width] = A B, or with `add` C + A B.
template <class P>
static void multiply(index m, const P* a, index lda, const P* b, index depth, float* c, index ldc, bool add) {
#if AF2CPU_TILES
    if constexpr (sizeof(P) == 2) return multiply_tiles(m, a, lda, b, depth, c, ldc, add);
#endif
    if (add) {
        Into<Rows, float> finish{{c, ldc}, c, ldc};
        multiply_then(m, a, lda, b, depth, finish);
    } else {
        Into<Zeros, float> finish{{}, c, ldc};
        multiply_then(m, a, lda, b, depth, finish);
    }
}

template <class P>
constexpr Layout layout_of() {
    return {Product<P>::width, Product<P>::group, Product<P>::depth, sizeof(P) == 2 ? Type::bf16 : Type::fp32};
}

// Panel j of a packed matrix.
template <class P>
AF2CPU_INLINE const P* panel(const Matrix& b, index j) {
    return static_cast<const P*>(b.data) + j * Product<P>::width * b.depth;
}

AF2CPU_END
