// SPDX-License-Identifier: Apache-2.0
// z_ij += sigmoid(LN(z)_ij G) * LN(sum_k a_ik * b_jk) W, edges a and b gated projections of LN(z): the triangle multiplication.
// For incoming edges a_ki and b_kj: the same with z read as its transpose where the edges are made.
//
// Blocking: channels come in groups. 1. Edges: 16 x 32 pairs (128 kB of left side) through the panels of a and b, in which 16 channels
// have their gates beside them; gated in registers, then transposed: each channel is a matrix of its own, a [i, k] a left side and
// b [j, k] a packed right side. 2. Products: a work item is 128 columns of one channel (64 kB of b at 256 residues), which blocks of
// 96 rows of a meet, 512 bytes of depth at a time. 3. After all groups, by 96 pairs of a row: layer norm over the channels with a
// pair in each lane, transposed into a left side; that and LN(z) through the panels of W and G; gate and sum.
// Memory: the product, one pair tensor, and the edges of a group: 32 channels, or all that fit 64 MB.
// Bytes: z once per group and twice at the end; the edges and the product written once and read once. Flops: 8 n^2 c_z c +
// 2 n^3 c + 2 n^2 c_z (c + c_z).
#pragma once

#include "base/types.h"

namespace af2cpu {

// Up to so much the edges of all channels are made at once; model/memory.py counts with it.
constexpr index kEdgeBytes = index(64) << 20;

struct TriangleWeights {
    const float *scale, *offset;  // of the layer norm of z, [c_z]
    index c;
    Matrix edges;                               // [c_z, 4 c]: half a panel of a, of its gate, of b, of its gate, in turn
    const float* bias[4];                       // of these four, [c]
    const float *center_scale, *center_offset;  // of the layer norm of the product, [c]
    Matrix out, gate;                           // [c, c_z], [c_z, c_z]
    const float *out_bias, *gate_bias;

    template <class Reader>
    void read(Reader& r) {
        r.vector("norm.scale", scale);
        r.vector("norm.offset", offset);
        c = r.size("a.weight", 0);
        r.interleaved({"a.weight", "a_gate.weight", "b.weight", "b_gate.weight"}, edges);
        r.vector("a.bias", bias[0]);
        r.vector("a_gate.bias", bias[1]);
        r.vector("b.bias", bias[2]);
        r.vector("b_gate.bias", bias[3]);
        r.vector("center_norm.scale", center_scale);
        r.vector("center_norm.offset", center_offset);
        r.transposed("out.weight", out);
        r.vector("out.bias", out_bias);
        r.transposed("gate.weight", gate);
        r.vector("gate.bias", gate_bias);
    }
};

struct Triangle {
    Array z;  // [n, n, c_z]
    bool outgoing = true;
    const float* mask = nullptr;  // [n, n]
    TriangleWeights w;
    const float* factors = nullptr;  // of the update, [n (j), c_z], the same for all i: dropout's; nullptr: 1
};

}  // namespace af2cpu

#ifdef AF2CPU_LEVEL
#include "core/panel.h"

AF2CPU_BEGIN

constexpr index kEdgeRows = 16, kEdgeColumns = 32, kProductRows = 96, kProductColumns = 128, kCloseRows = 96;
constexpr index kEdgeGroup = 32;

// Elements from channel to channel for `n` of them: one cache line more than whole pages, so that many channels at one place
// do not share one set of the cache.
template <class T>
AF2CPU_INLINE index plane_of(index n) {
    return round_up(n, 4096 / index(sizeof(T))) + 64 / index(sizeof(T));
}

// The edges of one group of channels, and the product, planes [n, columns]. A plane of a: rows [n, stride] of a left side, zero behind
// column n; of b: panels [n / width] of a right side of `depth` rows.
template <class T, class P>
struct TriangleData {
    index n, c, columns, depth, stride, a_plane, b_plane, x_plane, group;
    P *a = nullptr, *b = nullptr;
    T* x = nullptr;

    explicit TriangleData(const Triangle& args)
        : n(args.z.size[0]), c(args.w.c), columns(round_up(n, kEdgeColumns)), depth(round_up(n, Product<P>::depth)),
          // No power of two: the rows of a block would share their places in the cache.
          stride(columns * index(sizeof(P)) % 1024 ? columns : columns + 32), a_plane(plane_of<P>(round_up(n, kRows) * stride)),
          b_plane(plane_of<P>(columns * depth)), x_plane(plane_of<T>(n * columns)) {
        const index fit = kEdgeBytes / ((a_plane + b_plane) * index(sizeof(P))) / kEdgeGroup * kEdgeGroup;
        group = min(max(kEdgeGroup, fit), round_up(c, kEdgeGroup));
    }

    void lay(Arena& arena) {
        a = arena.take<P>(group * a_plane);
        b = arena.take<P>(group * b_plane);
        x = arena.take<T>(c * x_plane);
    }
};

template <class P>
struct EdgeWork {
    static constexpr index rows = kEdgeRows * kEdgeColumns, channels = Product<P>::width / 2;
    index depth;
    P* left = nullptr;
    float* edges = nullptr;  // [rows, channels]

    void lay(Arena& arena) {
        left = arena.take<P>(rows * depth);
        edges = arena.take<float>(rows * channels);
    }
};

template <class P>
struct ProductWork {
    float* c = nullptr;

    void lay(Arena& arena) { c = arena.take<float>(kProductRows * kProductColumns); }
};

template <class P>
struct CloseWork {
    index x_depth, z_depth, c;
    P *x = nullptr, *z = nullptr;
    float *lanes = nullptr, *update = nullptr;

    void lay(Arena& arena) {
        x = arena.take<P>(kCloseRows * round_up(x_depth, 2 * W));
        z = arena.take<P>(kCloseRows * z_depth);
        lanes = arena.take<float>(round_up(c, 2 * W) * W);
        update = arena.take<float>(kCloseRows * Product<P>::width);
    }
};

// Edges from a panel, sums that begin with the biases: its first half times sigmoid of the second, times the mask.
template <class T, index Half>
struct Edges {
    const float *bias, *gate_bias, *mask;
    float* out;  // [pair, Half * W]

    AF2CPU_INLINE_MEMBER F start(index, index v) const { return v < Half ? load(bias + v * W) : load(gate_bias + (v - Half) * W); }
    AF2CPU_INLINE_MEMBER void put(index i, const F (&x)[2 * Half]) const {
#pragma GCC unroll 4
        for (index v = 0; v < Half; ++v) store(out + (i * Half + v) * W, x[v] * sigmoid<sizeof(T) == 2 ? 3 : 5>(x[v + Half]) * mask[i]);
    }
    AF2CPU_INLINE_MEMBER void advance(index rows) { mask += rows, out += rows * Half * W; }
};

// Edges of pairs from (i, k) on, `rows` x 32 with `n` channels, into the planes of a, or into those of b.
template <class P>
static void store_left(const float* edges, index rows, index n, P* a, index plane, index stride) {
    constexpr index channels = EdgeWork<P>::channels, step = W * Product<P>::group;
    static_assert(kEdgeColumns % step == 0 && kEdgeRows % W == 0);
    for (index y = 0; y < rows; ++y)
        for (index x = 0; x < kEdgeColumns; x += step)
            for (index c = 0; c < n; c += W) {
                I lanes[W];
                columns_of<P>(edges + (y * kEdgeColumns + x) * channels + c, Product<P>::group * channels, channels, lanes);
                for (index t = 0; t < min(W, n - c); ++t) store_lanes(a + (c + t) * plane + y * stride + x, lanes[t]);
            }
}
template <class P>
static void store_right(const float* edges, index columns, index n, P* b, index plane, index depth, index i) {
    constexpr index channels = EdgeWork<P>::channels, width = Product<P>::width, group = Product<P>::group;
    for (index y = 0; y < kEdgeRows; y += W) {
        P* const to = b + (i + y) / width * width * depth + (i + y) % width * group;
        for (index x = 0; x < columns; x += group)
            for (index c = 0; c < n; c += W) {
                I lanes[W];
                columns_of<P>(edges + (y * kEdgeColumns + x) * channels + c, kEdgeColumns * channels, channels, lanes);
                for (index t = 0; t < min(W, n - c); ++t) store_lanes(to + (c + t) * plane + x * width, lanes[t]);
            }
    }
}

// Edges from channel `first` on, of rows [i, i + 16) and columns [k, k + 32), as far as there are any; beyond the last column zeros.
template <class T, class P>
static void make_edges(const Triangle& args, const TriangleData<T, P>& data, index first, index i, index k, EdgeWork<P>& work) {
    constexpr index unit = EdgeWork<P>::channels;
    const index rows = min(kEdgeRows, data.n - i), m = rows * kEdgeColumns, channels = min(data.group, data.c - first);
    const index y_step = args.z.stride[!args.outgoing], x_step = args.z.stride[args.outgoing];
    const T* const z = static_cast<const T*>(args.z.data) + i * y_step + k * x_step;
    const index columns = min(kEdgeColumns, data.n - k);
    const auto row_of = [&](index r) {
        const index x = r % kEdgeColumns;
        return x < columns ? z + r / kEdgeColumns * y_step + x * x_step : nullptr;
    };
    prepare_rows<T>(m, row_of, args.z.size[2], {args.w.scale, args.w.offset}, work.left, work.depth);
    float mask[EdgeWork<P>::rows];
    const float* const pairs = args.mask + (args.outgoing ? i * data.n + k : k * data.n + i);
    for (index r = 0; r < m; ++r) {
        const index y = r / kEdgeColumns, x = r % kEdgeColumns;
        mask[r] = x >= columns ? 0.0f : pairs[args.outgoing ? y * data.n + x : x * data.n + y];
    }
    for (index at = 0; at < channels; at += unit)
        for (index side = 0; side < 2; ++side) {
            const index c = first + at, n = min(unit, channels - at);
            Edges<T, unit / W> finish{args.w.bias[2 * side] + c, args.w.bias[2 * side + 1] + c, mask, work.edges};
            multiply_then(m, work.left, work.depth, panel<P>(args.w.edges, c / unit * 2 + side), work.depth, finish);
            if (side == 0)
                store_left(work.edges, rows, n, data.a + at * data.a_plane + i * data.stride + k, data.a_plane, data.stride);
            else
                store_right(work.edges, min(kEdgeColumns, data.depth - k), n, data.b + at * data.b_plane + k * Product<P>::width,
                            data.b_plane, data.depth, i);
        }
}

// Columns [j, j + 128) of the product of channel `c` of the group, which is channel `first` + c of all.
template <class T, class P>
static void multiply_edges(const TriangleData<T, P>& data, index first, index c, index j, ProductWork<P>& work) {
    constexpr index width = Product<P>::width, chunk = 512 / index(sizeof(P));
    const index panels = (min(kProductColumns, data.n - j) + width - 1) / width, depth = data.depth;
    const P *const a = data.a + c * data.a_plane, *const b = data.b + c * data.b_plane + j * depth;
    for (index i = 0; i < data.n; i += kProductRows) {
        const index rows = min(kProductRows, data.n - i);
        for (index k = 0; k < depth; k += chunk)
            for (index p = 0; p < panels; ++p) {
                const P *const left = a + i * data.stride + k, *const right = b + (p * depth + k) * width;
                float* const sums = work.c + p * kProductRows * width;
                T* const x = data.x + (first + c) * data.x_plane + i * data.columns + j + p * width;
                if (k + chunk < depth) {
                    multiply(rows, left, data.stride, right, chunk, sums, width, k > 0);
                } else if (k > 0) {
                    Into<Rows, T> finish{{sums, width}, x, data.columns};
                    multiply_then(rows, left, data.stride, right, depth - k, finish);
                } else {
                    Into<Zeros, T> finish{{}, x, data.columns};
                    multiply_then(rows, left, data.stride, right, depth, finish);
                }
            }
    }
}

// Layer norm over the c channels of W pairs whose numbers lie `plane` apart from channel to channel; out [W, width].
template <class T, class P>
static void norm_lanes(const T* x, index plane, index c, const float* scale, const float* offset, float* lanes, P* out, index width) {
    constexpr index step = W * Product<P>::group;
    F sums[4] = {}, squares[4] = {};  // chains: one would wait for its own results
    const auto every_channel = [&](auto visit) {
        for (index i = 0; i < c; i += 4)
#pragma GCC unroll 4
            for (index k = 0; k < 4; ++k)
                if (i + k < c) visit(i + k, k);
    };
    every_channel([&](index i, index k) {
        const F value = load(x + i * plane);
        store(lanes + i * W, value);
        sums[k] += value;
    });
    const F mean = ((sums[0] + sums[1]) + (sums[2] + sums[3])) * (1.0f / c);
    every_channel([&](index i, index k) {
        const F d = load(lanes + i * W) - mean;
        store(lanes + i * W, d);
        squares[k] = fma(d, d, squares[k]);
    });
    const F factor = inverse_root(((squares[0] + squares[1]) + (squares[2] + squares[3])) * (1.0f / c) + 1e-5f);
    const auto at = [&](index i) { return fma(load(lanes + i * W) * factor, splat(scale[i]), splat(offset[i])); };
    for (index i = 0; i < width; i += step) {
        I y[W] = {};
        for (index k = 0; k < W; ++k)
            if constexpr (Product<P>::group == 2) {
                const index first = i + 2 * k;
                if (first < c) y[k] = zip(at(first), first + 1 < c ? at(first + 1) : F{});
            } else if (i + k < c)
                y[k] = as_int(at(i + k));
        transpose(y);
        for (index r = 0; r < W; ++r) store_lanes(out + r * width + i, y[r]);
    }
}

// z += sigmoid(gate) * update; the gate's sums begin with its bias.
template <class T>
struct Close {
    Rows bias, update;
    T* z;
    index stride, n;       // from row to row; columns that there are
    const float* factors;  // of the update, rows of c_z, or nullptr
    index c_z;

    AF2CPU_INLINE_MEMBER F start(index i, index v) const { return bias.at(i, v); }
    template <index V>
    AF2CPU_INLINE_MEMBER void put(index i, const F (&x)[V]) const {
        T* const to = z + i * stride;
#pragma GCC unroll 8
        for (index v = 0; v < V; ++v) {
            if (v * W >= n) break;
            F gate = sigmoid<sizeof(T) == 2 ? 3 : 5>(x[v]);
            if (factors) gate *= load(factors + i * c_z + v * W);
            store_up_to(to + v * W, fma(gate, update.at(i, v), load_up_to(to + v * W, n - v * W)), n - v * W);
        }
    }
    AF2CPU_INLINE_MEMBER void advance(index rows) {
        update.advance(rows), z += rows * stride;
        if (factors) factors += rows * c_z;
    }
};

// z of pairs (i, j) to (i, j + 96) from their products.
template <class T, class P>
static void close_triangle(const Triangle& args, const TriangleData<T, P>& data, index i, index j, CloseWork<P>& work) {
    constexpr index width = Product<P>::width;
    const index rows = min(kCloseRows, data.n - j), x_width = round_up(work.x_depth, 2 * W);
    const index stride = args.z.stride[1], c_z = args.z.size[2];
    T* const z = static_cast<T*>(args.z.data) + i * args.z.stride[0] + j * stride;
    for (index r = 0; r < rows; r += W)
        norm_lanes(data.x + i * data.columns + j + r, data.x_plane, data.c, args.w.center_scale, args.w.center_offset, work.lanes,
                   work.x + r * x_width, x_width);
    prepare_rows<T>(rows, [&](index r) { return z + r * stride; }, args.z.size[2], {args.w.scale, args.w.offset}, work.z, work.z_depth);
    for (index p = 0; p < args.w.out.panels; ++p) {
        const index column = p * width;
        Into<Rows, float> update{{args.w.out_bias + column, 0}, work.update, width};
        multiply_then(rows, work.x, x_width, panel<P>(args.w.out, p), work.x_depth, update);
        const float* const factors = args.factors ? args.factors + j * c_z + column : nullptr;
        Close<T> finish{{args.w.gate_bias + column, 0}, {work.update, width}, z + column, stride, min(width, c_z - column), factors, c_z};
        multiply_then(rows, work.z, work.z_depth, panel<P>(args.w.gate, p), work.z_depth, finish);
    }
}

template <class T>
static void triangle(const Triangle& args) {
    using P = typename Multiplied<T>::type;
    TriangleData<T, P> data(args);
    const Shared memory(data);
    const index row_blocks = (data.n + kEdgeRows - 1) / kEdgeRows, column_blocks = data.columns / kEdgeColumns;
    const index wide_blocks = (data.n + kProductColumns - 1) / kProductColumns, close_blocks = (data.n + kCloseRows - 1) / kCloseRows;
    for (index first = 0; first < data.c; first += data.group) {
        const index channels = min(data.group, data.c - first);
        for_each_item(row_blocks * column_blocks, EdgeWork<P>{args.w.edges.depth}, [&](index item, EdgeWork<P>& work) {
            make_edges(args, data, first, item / column_blocks * kEdgeRows, item % column_blocks * kEdgeColumns, work);
        });
        for_each_item(channels * wide_blocks, ProductWork<P>{}, [&](index item, ProductWork<P>& work) {
            multiply_edges(data, first, item / wide_blocks, item % wide_blocks * kProductColumns, work);
        });
    }
    const CloseWork<P> sizes{args.w.out.depth, args.w.gate.depth, data.c};
    for_each_item(data.n * close_blocks, sizes, [&](index item, CloseWork<P>& work) {
        close_triangle(args, data, item / close_blocks, item % close_blocks * kCloseRows, work);
    });
}

AF2CPU_END
#endif
