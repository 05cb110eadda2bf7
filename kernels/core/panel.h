// SPDX-License-Identifier: Apache-2.0
// The left side of a product: rows of activations, normalised and laid out for the micro-kernel; and the product.
#pragma once

#include "base/loops.h"
#include "base/scratch.h"
#include "base/tile.h"

AF2CPU_BEGIN

// Runs body(item, work) for all items on all threads. Each thread has its own copy of `work` with its own scratch, which `begin(work)`
// may fill once.
template <class Work, class Begin, class Body>
static void for_each_item(index items, const Work& sizes, Begin begin, Body body) {
    note_loop(items);
#pragma omp parallel
    {
        [[maybe_unused]] const Tiles tiles;
        Work work = sizes;
        set_up(work);
        begin(work);
#pragma omp for schedule(dynamic)
        for (index item = 0; item < items; ++item) body(item, work);
    }
}

template <class Work, class Body>
static void for_each_item(index items, const Work& sizes, Body body) {
    for_each_item(items, sizes, [](Work&) {}, body);
}

// Row r of a tensor [a, b, c] seen as [a * b, c].
template <class T>
AF2CPU_INLINE T* row(const Array& x, index r) {
    return static_cast<T*>(x.data) + r / x.size[1] * x.stride[0] + r % x.size[1] * x.stride[1];
}

// Rows [first, first + m) of the same.
template <class T>
static void find_rows(const Array& x, index first, index m, T** rows) {
    index a = first / x.size[1], b = first % x.size[1];
    for (index r = 0; r < m; ++r) {
        rows[r] = static_cast<T*>(x.data) + a * x.stride[0] + b * x.stride[1];
        if (++b == x.size[1]) b = 0, ++a;
    }
}

// W elements at p, or the first n of them where n < W.
template <class T>
AF2CPU_INLINE F load_up_to(const T* p, index n) {
    return n >= W ? load(p) : load_part(p, n);
}
template <class T>
AF2CPU_INLINE void store_up_to(T* p, F x, index n) {
    n >= W ? store(p, x) : store_part(p, x, n);
}

// out [width] = x [c], zero behind c.
template <class T, class P>
static void copy_row(const T* x, index c, P* out, index width) {
    constexpr index lanes = 4 * W / index(sizeof(T));
    index i = 0;
    if constexpr (sizeof(T) == sizeof(P))
        for (; i + lanes <= c; i += lanes) store_lanes(out + i, load_lanes(x + i));
    for (; i + W <= c; i += W) store(out + i, load(x + i));
    for (; i < c; ++i) narrow(widen(x[i]), out + i);
    for (; i < width; ++i) narrow(0.0f, out + i);
}

// add(total, x) over whole vectors of x [n], in four chains, which hide the latency of the additions.
template <class T, class Add>
AF2CPU_INLINE F accumulate(const T* x, index n, Add add) {
    F total[4] = {};
    index i = 0;
    for (; i + 4 * W <= n; i += 4 * W)
#pragma GCC unroll 4
        for (index k = 0; k < 4; ++k) total[k] = add(total[k], load(x + i + k * W));
    for (; i < n; i += W) total[0] = add(total[0], load(x + i));
    return (total[0] + total[1]) + (total[2] + total[3]);
}

// Rows that are not adjacent in memory are prefetched this many rows ahead; more would evict each other from a small cache.
constexpr index kAhead = 6;

template <class T>
AF2CPU_INLINE void prefetch_row(const T* x, index c) {
    for (index i = 0; i < c; i += 64 / index(sizeof(T))) __builtin_prefetch(x + i);
}

// Layer norm's parameters [c]; without them the row is taken as it is.
struct NormOf {
    const float *scale, *offset;
};

// Mean and variance of rows [m, width] of c channels, at most W rows, one in each lane: so their latencies overlap.
template <class P>
static void statistics(index m, const P* rows, index c, index width, F& mean, F& variance) {
    const index whole = c / W * W, rest = c - whole;
    float ones[W], means[W];
    store(ones, splat(1.0f));
    const F present = rest ? load_part(ones, rest) : F{};
    F part[W] = {};
    for (index r = 0; r < m; ++r) {
        const P* const x = rows + r * width;
        part[r] = accumulate(x, whole, [](F sum, F value) { return sum + value; });
        if (rest) part[r] += load_part(x + whole, rest);
    }
    mean = sum_each(part) * (1.0f / c);
    store(means, mean);
    for (index r = 0; r < m; ++r) {
        const P* const x = rows + r * width;
        part[r] = accumulate(x, whole, [&](F sum, F value) {
            const F d = value - means[r];
            return fma(d, d, sum);
        });
        if (rest) {
            const F d = (load_part(x + whole, rest) - means[r]) * present;
            part[r] = fma(d, d, part[r]);
        }
    }
    variance = sum_each(part) * (1.0f / c);
}

// Rows [m, width] of c channels, at most W rows, become (x - mean) / sqrt(variance + 1e-5) * scale + offset. Statistics in float.
template <class P>
static void norm_rows(index m, P* rows, index c, NormOf norm, index width) {
    const index whole = c / W * W, rest = c - whole;
    float means[W], factor[W];
    F mean, variance;
    statistics(m, rows, c, width, mean, variance);
    store(means, mean);
    store(factor, inverse_root(variance + 1e-5f));
    for (index r = 0; r < m; ++r) {
        P* const x = rows + r * width;
        for (index i = 0; i < whole; i += W)
            store(x + i, fma((load(x + i) - means[r]) * factor[r], load(norm.scale + i), load(norm.offset + i)));
        if (rest) {
            const F scale = load_part(norm.scale + whole, rest), offset = load_part(norm.offset + whole, rest);
            store_part(x + whole, fma((load_part(x + whole, rest) - means[r]) * factor[r], scale, offset), rest);
        }
    }
}

#if AF2CPU_ISA >= AF2CPU_IS_avx512bf16
// out [m, c] = rows x[r] normalised, for c a multiple of 2 W. Statistics by dot products of bf16 pairs; variance as mean square less squared
// mean: its error is small beside the rounding of 8-bit mantissas, whatever the mean.
static void norm_pairs(index m, const bf16* const (&x)[W], index c, NormOf norm, bf16* out) {
    constexpr index half = W / 2;  // rows whose sums fit the registers
    const __m512bh ones = (__m512bh)_mm512_set1_epi16(0x3f80);
    F sums[W], squares[W];
    for (index first = 0; first < W; first += half) {
        F sum[half] = {}, square[half] = {};
        for (index i = 0; i < c; i += 2 * W)
#pragma GCC unroll 8
            for (index r = 0; r < half; ++r) {
                const __m512bh pairs = (__m512bh)_mm512_loadu_si512(x[first + r] + i);
                sum[r] = _mm512_dpbf16_ps(sum[r], pairs, ones);
                square[r] = _mm512_dpbf16_ps(square[r], pairs, pairs);
            }
#pragma GCC unroll 8
        for (index r = 0; r < half; ++r) sums[first + r] = sum[r], squares[first + r] = square[r];
    }
    const F mean = sum_each(sums) * (1.0f / c);
    float means[W], factor[W];
    store(means, mean);
    store(factor, inverse_root(max(sum_each(squares) * (1.0f / c) - mean * mean, F{}) + 1e-5f));
    for (index i = 0; i < c; i += 2 * W) {
        const F scale[2] = {load(norm.scale + i), load(norm.scale + i + W)}, offset[2] = {load(norm.offset + i), load(norm.offset + i + W)};
        for (index r = 0; r < m; ++r) {
            const F a = fma((load(x[r] + i) - means[r]) * factor[r], scale[0], offset[0]);
            const F b = fma((load(x[r] + i + W) - means[r]) * factor[r], scale[1], offset[1]);
            store_lanes(out + r * c + i, join(a, b));
        }
    }
}
#endif

// out [m, width] = rows row(r) of c channels, normalised; zero behind c. A row that is nullptr counts as zeros; its norm is the
// offset.
template <class T, class P, class Row>
static void prepare_rows(index m, Row row, index c, NormOf norm, P* out, index width) {
    const auto prefetch = [&](index r) {
        if (const T* x = r < m ? row(r) : nullptr) prefetch_row(x, c);
    };
    for (index first = 0; first < m; first += W, out += W * width) {
        const index n = min(W, m - first);
#if AF2CPU_ISA >= AF2CPU_IS_avx512bf16
        if constexpr (sizeof(T) == 2 && sizeof(P) == 2)
            if (norm.scale && c % (2 * W) == 0 && c == width) {
                const bf16* x[W];
                for (index r = 0; r < W; ++r) {
                    prefetch(first + r + W);
                    x[r] = r < n ? row(first + r) : x[0];
                    if (!x[r]) copy_row(x[r], 0, out + r * width, width), x[r] = out + r * width;
                }
                norm_pairs(n, x, c, norm, out);
                continue;
            }
#endif
        for (index r = 0; r < n; ++r) {
            prefetch(first + r + kAhead);
            const T* const x = row(first + r);
            copy_row(x, x ? c : 0, out + r * width, width);
        }
        if (norm.scale) norm_rows(n, out, c, norm, width);
    }
}

// c [m, columns] = A W [:, start : start + columns], whole panels of W; start is a panel's first column.
template <class P>
static void project(index m, const P* a, index lda, const Matrix& w, index start, index columns, float* c, index ldc) {
    constexpr index width = Product<P>::width;
    for (index column = 0; column < columns; column += width)
        multiply(m, a, lda, panel<P>(w, (start + column) / width), w.depth, c + column, ldc, false);
}

// Its precision is that of activations of type T.
template <class T>
struct Sigmoid {
    AF2CPU_INLINE F of(F x) { return sigmoid<sizeof(T) == 2 ? 3 : 5>(x); }
};

// c [m, columns] = sigmoid(A W [:, start : start + columns] + bias), as `project`.
template <class T, class P>
static void project_gates(index m, const P* a, index lda, const Matrix& w, const float* bias, index start, index columns, float* c,
                          index ldc) {
    constexpr index width = Product<P>::width;
    for (index column = 0; column < columns; column += width) {
        Into<Bias, float, Sigmoid<T>> finish{{bias + start + column}, c + column, ldc};
        multiply_then(m, a, lda, panel<P>(w, (start + column) / width), w.depth, finish);
    }
}

// W lanes of columns from c on: r[t] is column t, as P. Lanes are rows `step` apart; where P is multiplied in pairs, pairs of rows, the
// second of which is `pair` behind the first.
template <class P>
AF2CPU_INLINE void columns_of(const float* c, index step, index pair, I (&r)[W]) {
#pragma GCC unroll 16
    for (index i = 0; i < W; ++i) {
        if constexpr (Product<P>::group == 2)
            r[i] = zip(load(c + i * step), load(c + i * step + pair));
        else
            r[i] = as_int(load(c + i * step));
    }
    transpose(r);
}

// Columns [0, n) of c [rows, ldc], rows a multiple of W, as rows of `out`.
template <class P>
static void store_transposed(const float* c, index ldc, index rows, index n, P* out, index stride) {
    for (index r = 0; r < rows; r += W)
        for (index i = 0; i < n; i += W) {
            I lanes[W];
            for (index k = 0; k < W; ++k) lanes[k] = as_int(load(c + (r + k) * ldc + i));
            transpose(lanes);
            for (index k = 0; k < min(W, n - i); ++k) store(out + (i + k) * stride + r, as_float(lanes[k]));
        }
}

// Columns from `column` on of rows of c channels += a product, times factors [row, c] if given. Factors are read as whole vectors:
// they are allocated with padding.
template <class T>
struct Residual {
    Rows from;
    T* const* rows;
    index column, c;
    const float* factors = nullptr;

    AF2CPU_INLINE_MEMBER F start(index i, index v) const { return from.at(i, v); }
    template <index V>
    AF2CPU_INLINE_MEMBER void put(index i, const F (&x)[V]) const {
        T* const to = rows[i] + column;
        const index n = c - column;
#pragma GCC unroll 8
        for (index v = 0; v < V; ++v) {
            if (v * W >= n) break;
            const F update = factors ? x[v] * load(factors + i * c + column + v * W) : x[v];
            store_up_to(to + v * W, load_up_to(to + v * W, n - v * W) + update, n - v * W);
        }
    }
    AF2CPU_INLINE_MEMBER void advance(index m) {
        from.advance(m), rows += m;
        if (factors) factors += m * c;
    }
};

// m rows of c channels += (A W + bias) * factors [m, c], A [m, depth of W]; without factors they count as 1.
template <class T, class P>
static void project_onto(index m, T* const* rows, index c, const P* a, index lda, const Matrix& w, const float* bias,
                         const float* factors = nullptr) {
    constexpr index width = Product<P>::width;
    for (index j = 0; j < w.panels; ++j) {
        Residual<T> finish{{bias + j * width, 0}, rows, j * width, c, factors};
        multiply_then(m, a, lda, panel<P>(w, j), w.depth, finish);
    }
}

// c [m, width] = A B for one panel of a matrix, depth cut into chunks whose panels fit the L1 cache.
constexpr index kDepthChunk = 512;

template <class P>
static void multiply_chunks(index m, const P* a, index depth, const P* b, float* c) {
    constexpr index width = Product<P>::width;
    for (index p = 0; p < depth; p += kDepthChunk) multiply(m, a + p, depth, b + p * width, min(kDepthChunk, depth - p), c, width, p > 0);
}

AF2CPU_END
