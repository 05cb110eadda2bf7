// z_ij += sigmoid(LN(z)_ij G) * LN(sum_k a_ik * b_jk) W, edges a and b gated projections of LN(z): the triangle multiplication.
// For incoming edges a_ki and b_kj: the same with z read as its transpose where the edges are made.
//
// Blocking: channels come in groups. 1. Edges: 6 x 32 pairs (48 kB of left side) through the panels of a, its gate, b and its gate;
// the results are transposed in registers: each channel is a matrix [i, k] of its own. 2. Products: a work item is 128 columns of
// one channel: its rows of b are packed once (64 kB at 256 residues), then blocks of 96 rows of a meet them, 512 bytes of depth at a
// time. 3. After all groups, by 96 pairs of a row: layer norm over the channels with a pair in each lane, transposed into a
// left side; that and LN(z) through the panels of W and G; gate and sum.
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
    Matrix edges;                               // [c_z, 4 c]: a panel of a, of its gate, of b, of its gate, in turn
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

constexpr index kEdgeRows = 6, kEdgeColumns = 32, kProductRows = 96, kProductColumns = 128, kCloseRows = 96;
constexpr index kEdgeGroup = 32;

// Elements from channel to channel for `n` of them: one cache line more than whole pages, so that many channels at one place
// do not share one set of the cache.
template <class T>
AF2CPU_INLINE index plane_of(index n) {
    return round_up(n, 4096 / index(sizeof(T))) + 64 / index(sizeof(T));
}

// The edges of one group of channels, a plane [rows, stride] each, and the product, planes [n, columns].
template <class T, class P>
struct TriangleData {
    index n, c, columns, stride, plane, x_plane, group;
    P *a = nullptr, *b = nullptr;
    T* x = nullptr;

    explicit TriangleData(const Triangle& args)
        : n(args.z.size[0]), c(args.w.c), columns(round_up(n, kEdgeColumns)),
          // No power of two: the rows of a block would share their places in the cache.
          stride(columns * index(sizeof(P)) % 1024 ? columns : columns + 32), plane(plane_of<P>(round_up(n, kRows) * stride)),
          x_plane(plane_of<T>(n * columns)) {
        const index fit = kEdgeBytes / (2 * plane * index(sizeof(P))) / kEdgeGroup * kEdgeGroup;
        group = min(max(kEdgeGroup, fit), round_up(c, kEdgeGroup));
    }

    void lay(Arena& arena) {
        a = arena.take<P>(group * plane);
        b = arena.take<P>(group * plane);
        x = arena.take<T>(c * x_plane);
    }
};

template <class P>
struct EdgeWork {
    static constexpr index rows = kEdgeRows * kEdgeColumns;
    index depth;
    P* left = nullptr;
    float *c = nullptr, *gate = nullptr;

    void lay(Arena& arena) {
        left = arena.take<P>(rows * depth);
        c = arena.take<float>(rows * Product<P>::width);
        gate = arena.take<float>(rows * Product<P>::width);
    }
};

template <class P>
struct ProductWork {
    index depth;
    P* right = nullptr;
    float* c = nullptr;

    void lay(Arena& arena) {
        right = arena.take<P>(kProductColumns * depth);
        c = arena.take<float>(kProductRows * kProductColumns);
    }
};

template <class P>
struct CloseWork {
    index x_depth, z_depth, c;
    P *x = nullptr, *z = nullptr;
    float *lanes = nullptr, *update = nullptr, *gate = nullptr;

    void lay(Arena& arena) {
        x = arena.take<P>(kCloseRows * round_up(x_depth, W));
        z = arena.take<P>(kCloseRows * z_depth);
        lanes = arena.take<float>(c * W);
        update = arena.take<float>(kCloseRows * Product<P>::width);
        gate = arena.take<float>(kCloseRows * Product<P>::width);
    }
};

// c = (c + bias) * sigmoid(gate + gate_bias) * mask, row by row.
AF2CPU_INLINE void gate_edges(float* c, const float* gate, index width, index rows, const float* bias, const float* gate_bias,
                              const float* mask) {
    for (index r = 0; r < rows; ++r)
        for (index v = 0; v < width; v += W) {
            const F x = load(c + r * width + v) + load(bias + v);
            store(c + r * width + v, x * sigmoid(load(gate + r * width + v) + load(gate_bias + v)) * mask[r]);
        }
}

// Edges from `first` on, of rows [i, i + 6) and columns [k, k + 32), as far as there are any; beyond the last column zeros.
template <class T, class P>
static void make_edges(const Triangle& args, const TriangleData<T, P>& data, index first, index i, index k, EdgeWork<P>& work) {
    constexpr index width = Product<P>::width;
    const index rows = min(kEdgeRows, data.n - i), channels = min(data.group, data.c - first);
    float mask[EdgeWork<P>::rows];
    const auto pair = [&](index r) {
        const index y = i + r / kEdgeColumns, x = k + r % kEdgeColumns;
        return x >= data.n ? -1 : args.outgoing ? y * data.n + x : x * data.n + y;
    };
    const auto z = [&](index r) { return pair(r) < 0 ? nullptr : row<const T>(args.z, pair(r)); };
    prepare_rows<T>(rows * kEdgeColumns, z, args.z.size[2], {args.w.scale, args.w.offset}, work.left, work.depth);
    for (index r = 0; r < rows * kEdgeColumns; ++r) mask[r] = pair(r) < 0 ? 0.0f : args.mask[pair(r)];
    for (index at = 0; at < channels; at += width)
        for (index side = 0; side < 2; ++side) {
            const index p = (first + at) / width * 4 + 2 * side, m = rows * kEdgeColumns;
            multiply_chunks(m, work.left, work.depth, panel<P>(args.w.edges, p), work.c);
            multiply_chunks(m, work.left, work.depth, panel<P>(args.w.edges, p + 1), work.gate);
            gate_edges(work.c, work.gate, width, m, args.w.bias[2 * side] + first + at, args.w.bias[2 * side + 1] + first + at, mask);
            for (index r = 0; r < rows; ++r)
                store_transposed(work.c + r * kEdgeColumns * width, width, kEdgeColumns, min(width, channels - at),
                                 (side ? data.b : data.a) + at * data.plane + (i + r) * data.stride + k, data.plane);
        }
}

// Rows [j, j + width) of b [n, stride] as a panel of the right side [columns, width]; rows beyond the last are zero. A lane is
// a float or a pair of bf16: what a panel has side by side.
template <class P>
static void pack_rows(const P* b, index stride, index j, index n, index columns, P* panel) {
    constexpr index width = Product<P>::width, group = Product<P>::group;
    for (index v = 0; v < width; v += W)
        for (index k = 0; k < columns; k += W * group) {
            I lanes[W];
            for (index r = 0; r < W; ++r) lanes[r] = j + v + r < n ? load_lanes(b + (j + v + r) * stride + k) : I{};
            transpose(lanes);
            for (index r = 0; r < W; ++r) store_lanes(panel + (k + r * group) * width + v * group, lanes[r]);
        }
}

// Columns [j, j + 128) of the product of channel `c` of the group, which is channel `first` + c of all.
template <class T, class P>
static void multiply_edges(const TriangleData<T, P>& data, index first, index c, index j, ProductWork<P>& work) {
    constexpr index width = Product<P>::width, chunk = 512 / index(sizeof(P));
    const index panels = (min(kProductColumns, data.n - j) + width - 1) / width, depth = round_up(data.n, Product<P>::depth);
    const P *const a = data.a + c * data.plane, *const b = data.b + c * data.plane;
    for (index p = 0; p < panels; ++p)
        pack_rows(b, data.stride, j + p * width, data.n, data.columns, work.right + p * width * data.columns);
    for (index i = 0; i < data.n; i += kProductRows) {
        const index rows = min(kProductRows, data.n - i);
        for (index k = 0; k < depth; k += chunk)
            for (index p = 0; p < panels; ++p)
                multiply(rows, a + i * data.stride + k, data.stride, work.right + (p * data.columns + k) * width, min(chunk, depth - k),
                         work.c + p * kProductRows * width, width, k > 0);
        T* const x = data.x + (first + c) * data.x_plane + i * data.columns + j;
        for (index r = 0; r < rows; ++r)
            for (index p = 0; p < panels; ++p)
                for (index v = 0; v < width; v += W)
                    store(x + r * data.columns + p * width + v, load(work.c + (p * kProductRows + r) * width + v));
    }
}

// Layer norm over the c channels of W pairs whose numbers lie `plane` apart from channel to channel; out [W, width].
template <class T, class P>
static void norm_lanes(const T* x, index plane, index c, const float* scale, const float* offset, float* lanes, P* out, index width) {
    F total{}, squares{};
    for (index i = 0; i < c; ++i) {
        const F value = load(x + i * plane);
        store(lanes + i * W, value);
        total += value;
    }
    const F mean = total * (1.0f / c);
    for (index i = 0; i < c; ++i) {
        const F d = load(lanes + i * W) - mean;
        squares = fma(d, d, squares);
    }
    const F factor = inverse_root(squares * (1.0f / c) + 1e-5f);
    for (index i = 0; i < width; i += W) {
        I y[W] = {};
        for (index k = 0; k < min(W, c - i); ++k)
            y[k] = as_int(fma((load(lanes + (i + k) * W) - mean) * factor, splat(scale[i + k]), splat(offset[i + k])));
        transpose(y);
        for (index r = 0; r < W; ++r) store(out + r * width + i, as_float(y[r]));
    }
}

// z of pairs (i, j) to (i, j + 96) from their products.
template <class T, class P>
static void close_triangle(const Triangle& args, const TriangleData<T, P>& data, index i, index j, CloseWork<P>& work) {
    constexpr index width = Product<P>::width;
    const index rows = min(kCloseRows, data.n - j), x_width = round_up(work.x_depth, W);
    T* const z = static_cast<T*>(args.z.data) + i * args.z.stride[0] + j * args.z.stride[1];
    for (index r = 0; r < rows; r += W)
        norm_lanes(data.x + i * data.columns + j + r, data.x_plane, data.c, args.w.center_scale, args.w.center_offset, work.lanes,
                   work.x + r * x_width, x_width);
    const auto z_row = [&](index r) { return z + r * args.z.stride[1]; };
    prepare_rows<T>(rows, z_row, args.z.size[2], {args.w.scale, args.w.offset}, work.z, work.z_depth);
    for (index p = 0; p < args.w.out.panels; ++p) {
        const index column = p * width, n = min(width, args.z.size[2] - column);
        multiply(rows, work.x, x_width, panel<P>(args.w.out, p), work.x_depth, work.update, width, false);
        multiply(rows, work.z, work.z_depth, panel<P>(args.w.gate, p), work.z_depth, work.gate, width, false);
        for (index r = 0; r < rows; ++r)
            for (index v = 0; v < n; v += W) {
                T* const to = z + r * args.z.stride[1] + column + v;
                const F update = load(work.update + r * width + v) + load(args.w.out_bias + column + v);
                F gate = sigmoid(load(work.gate + r * width + v) + load(args.w.gate_bias + column + v));
                if (args.factors) gate *= load(args.factors + (j + r) * args.z.size[2] + column + v);
                store_up_to(to, fma(gate, update, load_up_to(to, n - v)), n - v);
            }
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
        for_each_item(channels * wide_blocks, ProductWork<P>{data.columns}, [&](index item, ProductWork<P>& work) {
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
