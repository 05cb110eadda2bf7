// The micro-kernel: C [m, width] (+)= A [m, depth] B, with B one packed panel and C in float. One interface, four ways:
// register blocks of float, of bf16 pairs (AVX512-BF16), AMX tiles, and the software model of AMX tiles.
//
// A is row-major with stride lda, its rows and C's exist up to a multiple of kRows (what they hold there is not used), its columns
// up to `depth`, where A must be finite. Each element of C is one chain of additions along depth, so that neither m nor the
// place of a row in its block changes a result.
#pragma once

#include "base/amx.h"
#include "base/vec.h"

AF2CPU_BEGIN

// What activations of type T are multiplied as: bf16 only where the level has products of bf16, else float.
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

// What is done to C: rows lie `stride()` apart; `start(i, v)` is what vector v of the i-th row from where it stands begins with,
// `at(i, v, x)` what is stored of it; `advance(rows)` goes on. A copy works on each block, in registers.
struct Identity {
    index ldc;

    AF2CPU_INLINE_MEMBER index stride() const { return ldc; }
    AF2CPU_INLINE_MEMBER F start(index, index) const { return F{}; }
    AF2CPU_INLINE_MEMBER F at(index, index, F x) { return x; }
    AF2CPU_INLINE_MEMBER void advance(index) {}
};

// M rows, of which the first `valid` are finished and stored.
template <index M, class P, class Finish>
static void block(const P* a, index lda, const P* b, index depth, float* c, bool add, index valid, Finish& finish) {
    using D = Product<P>;
    Finish own = finish;
    const index ldc = own.stride();
    F acc[M][kVectors];
    if (add) {
#pragma GCC unroll 12
        for (index i = 0; i < M; ++i)
#pragma GCC unroll 2
            for (index v = 0; v < kVectors; ++v) acc[i][v] = load(c + i * ldc + v * W);
    } else {
#pragma GCC unroll 12
        for (index i = 0; i < M; ++i)
#pragma GCC unroll 2
            for (index v = 0; v < kVectors; ++v) acc[i][v] = own.start(i, v);
    }
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
#pragma GCC unroll 2
            for (index v = 0; v < kVectors; ++v)
                if (decltype(whole)::value || i < valid) store(c + i * ldc + v * W, own.at(i, v, acc[i][v]));
    };
    valid < M ? close(Count<0>{}) : close(Count<1>{});
    own.advance(M);
    finish = own;
}

template <class P, class Finish>
static void multiply_then(index m, const P* a, index lda, const P* b, index depth, float* c, bool add, Finish& finish) {
    const index ldc = finish.stride();
#if AF2CPU_TILES
    if constexpr (sizeof(P) == 2) {
        multiply_tiles(m, a, lda, b, depth, c, ldc, add);
        for (index i = 0; i < m; ++i, finish.advance(1))
            for (index v = 0; v < Product<P>::width / W; ++v) {
                float* const x = c + i * ldc + v * W;
                store(x, finish.at(0, v, add ? load(x) : load(x) + finish.start(0, v)));
            }
        return;
    } else {
#endif
        const auto go = [=, &finish](auto rows, index i) {
            constexpr index M = decltype(rows)::value;
            block<M>(a + i * lda, lda, b, depth, c + i * ldc, add, m - i, finish);
        };
        index i = 0;
        const index rows = round_up(m, 4);
        for (; rows - i >= kBlock && rows - i != 8; i += kBlock) go(Count<kBlock>{}, i);
        if constexpr (kBlock > 8)
            for (; rows - i >= 8; i += 8) go(Count<8>{}, i);
        for (; i < rows; i += 4) go(Count<4>{}, i);
#if AF2CPU_TILES
    }
#endif
}

template <class P>
static void multiply(index m, const P* a, index lda, const P* b, index depth, float* c, index ldc, bool add) {
#if AF2CPU_TILES
    if constexpr (sizeof(P) == 2) return multiply_tiles(m, a, lda, b, depth, c, ldc, add);
#endif
    Identity finish{ldc};
    multiply_then(m, a, lda, b, depth, c, add, finish);
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
