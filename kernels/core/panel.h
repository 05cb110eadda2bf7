// What stands in front of a product: rows of activations, normalised, as the left side of a micro-kernel; and the product.
#pragma once

#include "base/scratch.h"
#include "base/tile.h"

AF2CPU_BEGIN

// Row r of a tensor [a, b, c] seen as [a * b, c].
template <class T>
AF2CPU_INLINE T* row(const Array& x, index r) {
    return static_cast<T*>(x.data) + r / x.size[1] * x.stride[0] + r % x.size[1] * x.stride[1];
}

// W elements at p, or the first n of them where n < W.
template <class T>
AF2CPU_INLINE F load_up_to(const T* p, index n) { return n >= W ? load(p) : load_part(p, n); }
template <class T>
AF2CPU_INLINE void store_up_to(T* p, F x, index n) { n >= W ? store(p, x) : store_part(p, x, n); }

// out [width] = x [c], zero behind c.
template <class T, class P>
static void copy_row(const T* x, index c, P* out, index width) {
    index i = 0;
    for (; i + W <= c; i += W) store(out + i, load(x + i));
    for (; i < c; ++i) narrow(widen(x[i]), out + i);
    for (; i < width; ++i) narrow(0.0f, out + i);
}

// out [width] = (x - mean) / sqrt(variance + 1e-5) * scale + offset over c channels, zero behind c. Statistics in float.
template <class T, class P>
static void norm_row(const T* x, index c, const float* scale, const float* offset, P* out, index width) {
    const index whole = c / W * W, rest = c - whole;
    F total{};
    for (index i = 0; i < whole; i += W) total += load(x + i);
    if (rest) total += load_part(x + whole, rest);
    const float mean = sum(total) / c;
    F squares{};
    for (index i = 0; i < whole; i += W) {
        const F d = load(x + i) - mean;
        squares = fma(d, d, squares);
    }
    float tail = 0;
    for (index i = whole; i < c; ++i) tail += (widen(x[i]) - mean) * (widen(x[i]) - mean);
    const float factor = inverse_root((sum(squares) + tail) / c + 1e-5f);
    for (index i = 0; i < whole; i += W) store(out + i, fma((load(x + i) - mean) * factor, load(scale + i), load(offset + i)));
    for (index i = whole; i < c; ++i) narrow((widen(x[i]) - mean) * factor * scale[i] + offset[i], out + i);
    for (index i = c; i < width; ++i) narrow(0.0f, out + i);
}

// c [m, columns] = A W [:, start : start + columns], whole panels of W; start is a panel's first column.
template <class P>
static void project(index m, const P* a, index lda, const Matrix& w, index start, index columns, float* c, index ldc) {
    constexpr index width = Product<P>::width;
    for (index column = 0; column < columns; column += width)
        multiply(m, a, lda, panel<P>(w, (start + column) / width), w.depth, c + column, ldc, false);
}

// Columns [0, n) of c [rows, ldc], rows a multiple of W, as rows of `out`.
template <class P>
static void store_transposed(const float* c, index ldc, index rows, index n, P* out, index stride) {
    for (index r = 0; r < rows; r += W)
        for (index i = 0; i < n; i += W) {
            I lanes[W];
            for (index k = 0; k < W; ++k) lanes[k] = as_int(load(c + (r + k) * ldc + i));
            transpose(lanes);
            for (index k = 0; k < least(W, n - i); ++k) store(out + (i + k) * stride + r, as_float(lanes[k]));
        }
}

// Rows [first, first + m) of x += update [panels, rows, width] + bias.
template <class T>
static void add_panels(const Array& x, index first, index m, const float* update, index rows, index width, const float* bias) {
    const index c = x.size[2];
    for (index r = 0; r < m; ++r) {
        T* p = row<T>(x, first + r);
        for (index i = 0; i < c; i += W) {
            const F sum = load(update + (i / width * rows + r) * width + i % width) + load(bias + i);
            store_up_to(p + i, load_up_to(p + i, c - i) + sum, c - i);
        }
    }
}

// Layer norm's parameters [c]; without them the row is taken as it is.
struct NormOf {
    const float *scale, *offset;
};

template <class T, class P>
AF2CPU_INLINE void prepare_row(const T* x, index c, NormOf norm, P* out, index width) {
    if (norm.scale)
        norm_row(x, c, norm.scale, norm.offset, out, width);
    else
        copy_row(x, c, out, width);
}

// c [m, width] = A B for one panel of a matrix, depth cut into chunks whose panels fit the L1 cache.
constexpr index kDepthChunk = 512;

template <class P>
static void multiply_chunks(index m, const P* a, index depth, const P* b, float* c) {
    constexpr index width = Product<P>::width;
    for (index p = 0; p < depth; p += kDepthChunk)
        multiply(m, a + p, depth, b + p * width, least(kDepthChunk, depth - p), c, width, p > 0);
}

AF2CPU_END
