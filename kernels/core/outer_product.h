// SPDX-License-Identifier: Apache-2.0
// z_ij += ((sum_s a_si x b_sj) W + bias) / (1e-3 + count_ij), a and b projections of LN(m): the outer product mean.
//
// Blocking: first a and b, both in chunks of 512 bytes of sequences: a as rows of (i, c), b as column panels of (j, e). Then a
// work item is a tile of 8 x 8 pairs. Its 256 x 256 sums of outer products stay in L2 (256 kB of float) while chunk after chunk of
// a (128 kB) meets the panels of b (16 kB, in L1). The sums of a pair then lie together: rounded they are one row of 1024 of the
// left side of W, and what comes out is divided and added to z. Nothing of size [n, n, 1024] exists.
// Bytes: m once; a and b, s n (c + e) elements each, written once and read once per 8 residues; W once per tile; z once.
// Flops: 2 s n c_m (c + e) + 2 s n^2 c e + 2 n^2 c e c_z.
#pragma once

#include "base/types.h"

namespace af2cpu {

struct OuterProductWeights {
    const float *scale, *offset;  // of the layer norm, [c_m]
    index c, e;
    Matrix in;  // [c_m, c, up to a panel's border, and e]
    const float *a_bias, *b_bias;
    Matrix out;  // [c e, c_z]
    const float* out_bias;

    template <class Reader>
    void read(Reader& r) {
        r.vector("norm.scale", scale);
        r.vector("norm.offset", offset);
        c = r.size("a.weight", 0);
        e = r.size("b.weight", 0);
        r.side_by_side({"a.weight", "b.weight"}, in);
        r.vector("a.bias", a_bias);
        r.vector("b.bias", b_bias);
        r.matrix("out", out, 2);
        r.vector("out_bias", out_bias);
    }
};

struct OuterProduct {
    Array m;                      // [s, n, c_m]
    Array z;                      // [n, n, c_z]
    const float* mask = nullptr;  // [n, s]
    OuterProductWeights w;
};

}  // namespace af2cpu

#ifdef AF2CPU_LEVEL
#include "core/panel.h"

AF2CPU_BEGIN

constexpr index kOuterTile = 8, kOuterRows = 64, kOuterResidues = 4;

// Sizes, and the projections that all threads share. Sequences come in chunks, each padded with zeros to a multiple of 32; within a
// tile of b's residues a residue has e_pad columns, so that a vector never lies in two panels.
template <class P>
struct OuterSides {
    static constexpr index width = Product<P>::width, chunk = 512 / index(sizeof(P));
    index s, n, c, e_pad, s_pad, tiles, tile_columns, rows;
    P *a = nullptr, *b = nullptr;

    explicit OuterSides(const OuterProduct& args)
        : s(args.m.size[0]), n(args.m.size[1]), c(args.w.c), e_pad(round_up(args.w.e, W)), s_pad(round_up(s, 32)),
          tiles((n + kOuterTile - 1) / kOuterTile), tile_columns(kOuterTile * e_pad), rows(round_up(n * c, kRows) + kRows) {}

    void lay(Arena& arena) {
        a = arena.take<P>(rows * s_pad);
        b = arena.take<P>(tiles * tile_columns * s_pad);
    }
    index depth(index first) const { return min(chunk, s_pad - first); }
    // The chunk that begins with sequence `first`: rows of a, of depth(first) each ...
    P* left(index first, index i) const { return a + first * rows + i * c * depth(first); }
    // ... and the panel of b in which column `column` of a tile lies.
    P* right(index first, index tile, index column) const {
        return b + first * tiles * tile_columns + (tile * tile_columns + column / width * width) * depth(first);
    }
};

template <class P>
struct OuterProjectWork {
    index depth;
    P* x = nullptr;
    float* c = nullptr;

    void lay(Arena& arena) {
        x = arena.take<P>(kOuterRows * depth);
        c = arena.take<float>(kOuterRows * Product<P>::width);
    }
};

template <class P>
struct OuterTileWork {
    index rows, panels, depth;
    float* sums = nullptr;  // [panels, rows, width]
    P* left = nullptr;      // [pairs, depth]
    float* c = nullptr;     // [pairs, width]

    void lay(Arena& arena) {
        sums = arena.take<float>(panels * rows * Product<P>::width);
        left = arena.take<P>(kOuterTile * kOuterTile * depth);
        c = arena.take<float>(kOuterTile * kOuterTile * Product<P>::width);
    }
};

// c [m, width] = mask * (c + bias); zeros below, up to `rows`.
AF2CPU_INLINE void bias_and_mask(float* c, index width, index m, index rows, const float* bias, const float* mask) {
    for (index r = 0; r < rows; ++r)
        for (index v = 0; v < width; v += W) store(c + r * width + v, r < m ? (load(c + r * width + v) + load(bias + v)) * mask[r] : F{});
}

// W channels of c [rows, width] as columns of a panel of the right side.
static void store_right(const float* c, index width, index rows, float* panel) {
    for (index r = 0; r < rows; ++r) store(panel + r * width, load(c + r * width));
}
static void store_right(const float* c, index width, index rows, bf16* panel) {
    for (index r = 0; r < rows; r += 2) store_lanes(panel + r * width, zip(load(c + r * width), load(c + (r + 1) * width)));
}

// a and b of residue i and up to 64 sequences of the chunk from `chunk` on.
template <class T, class P>
static void project_outer(const OuterProduct& args, const OuterSides<P>& sides, index chunk, index first, index i,
                          OuterProjectWork<P>& work) {
    constexpr index width = Product<P>::width, group = Product<P>::group;
    const index end = min(chunk + sides.depth(chunk), first + kOuterRows), m = min(end, sides.s) - first, rows = end - first;
    const index at = first - chunk, depth = sides.depth(chunk), a_panels = round_up(args.w.c, width) / width;
    const T* const x = static_cast<const T*>(args.m.data) + first * args.m.stride[0] + i * args.m.stride[1];
    const float* const mask = args.mask + i * sides.s + first;
    const auto row_of = [&](index r) { return x + r * args.m.stride[0]; };
    prepare_rows<T>(m, row_of, args.m.size[2], {args.w.scale, args.w.offset}, work.x, work.depth);
    for (index p = 0; p < a_panels; ++p) {
        multiply(m, work.x, work.depth, panel<P>(args.w.in, p), work.depth, work.c, width, false);
        bias_and_mask(work.c, width, m, rows, args.w.a_bias + p * width, mask);
        P* const out = sides.left(chunk, i) + p * width * depth + at;
        store_transposed(work.c, width, rows, min(width, args.w.c - p * width), out, depth);
    }
    for (index p = 0; p * width < args.w.e; ++p) {
        multiply(m, work.x, work.depth, panel<P>(args.w.in, a_panels + p), work.depth, work.c, width, false);
        bias_and_mask(work.c, width, m, rows, args.w.b_bias + p * width, mask);
        for (index v = 0; v < width && p * width + v < sides.e_pad; v += W) {
            const index column = i % kOuterTile * sides.e_pad + p * width + v;
            P* const to = sides.right(chunk, i / kOuterTile, column) + at * width + column % width * group;
            store_right(work.c + v, width, rows, to);
        }
    }
}

// The number of sequences that have both residues: exact, whatever the order, for masks of zeros and ones.
AF2CPU_INLINE float count_pairs(const float* x, const float* y, index n) {
    F total{};
    index i = 0;
    for (; i + W <= n; i += W) total = fma(load(x + i), load(y + i), total);
    if (i < n) total = fma(load_part(x + i, n - i), load_part(y + i, n - i), total);
    return sum(total);
}

// One pair's sums [c, e], which lie in the panels from `column` on, as a row of the left side of W.
template <class P>
static void gather_pair(const OuterProduct& args, const OuterTileWork<P>& work, index row, index column, P* out) {
    constexpr index width = Product<P>::width;
    for (index c = 0; c < args.w.c; ++c)
        for (index v = 0; v < args.w.e; v += W) {
            const index at = column + v;
            const F x = load(work.sums + (at / width * work.rows + row + c) * width + at % width);
            store_up_to(out + c * args.w.e + v, x, args.w.e - v);
        }
    for (index k = args.w.c * args.w.e; k < work.depth; ++k) narrow(0.0f, out + k);
}

// z of pairs [i, i + rows) x [j, j + columns) from their sums.
template <class T, class P>
static void finish_outer(const OuterProduct& args, const OuterSides<P>& sides, index i, index rows, index j, index columns,
                         OuterTileWork<P>& work) {
    constexpr index width = Product<P>::width;
    float factor[kOuterTile * kOuterTile];
    const index pairs = rows * columns, c_z = args.z.size[2];
    for (index r = 0; r < pairs; ++r) {
        const index y = r / columns, x = r % columns;
        gather_pair(args, work, y * args.w.c, x * sides.e_pad, work.left + r * work.depth);
        factor[r] = 1.0f / (1e-3f + count_pairs(args.mask + (i + y) * sides.s, args.mask + (j + x) * sides.s, sides.s));
    }
    for (index p = 0; p < args.w.out.panels; ++p) {
        multiply_chunks(pairs, work.left, work.depth, panel<P>(args.w.out, p), work.c);
        const index column = p * width, n = min(width, c_z - column);
        for (index r = 0; r < pairs; ++r) {
            T* z = static_cast<T*>(args.z.data) + (i + r / columns) * args.z.stride[0] + (j + r % columns) * args.z.stride[1] + column;
            for (index v = 0; v < n; v += W) {
                const F update = (load(work.c + r * width + v) + load(args.w.out_bias + column + v)) * factor[r];
                store_up_to(z + v, load_up_to(z + v, n - v) + update, n - v);
            }
        }
    }
}

template <class T, class P>
static void outer_tile(const OuterProduct& args, const OuterSides<P>& sides, index item, OuterTileWork<P>& work) {
    constexpr index width = Product<P>::width;
    const index i = item / sides.tiles * kOuterTile, rows = min(kOuterTile, sides.n - i);
    const index tile = item % sides.tiles, j = tile * kOuterTile, columns = min(kOuterTile, sides.n - j);
    for (index first = 0; first < max(sides.s, index(1)); first += sides.chunk) {
        const index stride = sides.depth(first), depth = round_up(min(sides.chunk, sides.s - first), Product<P>::depth);
        for (index p = 0; p * width < columns * sides.e_pad; ++p)
            multiply(rows * args.w.c, sides.left(first, i), stride, sides.right(first, tile, p * width), depth,
                     work.sums + p * work.rows * width, width, first > 0);
    }
    finish_outer<T>(args, sides, i, rows, j, columns, work);
}

template <class T>
static void outer_product(const OuterProduct& args) {
    using P = typename Multiplied<T>::type;
    OuterSides<P> sides(args);
    const Shared memory(sides);
    const index residue_blocks = (sides.n + kOuterResidues - 1) / kOuterResidues;
    const index chunks = (sides.s + sides.chunk - 1) / sides.chunk;
    for_each_item(chunks * residue_blocks, OuterProjectWork<P>{args.w.in.depth}, [&](index item, OuterProjectWork<P>& work) {
        const index chunk = item / residue_blocks * sides.chunk, start = item % residue_blocks * kOuterResidues;
        const index stop = min(sides.s, chunk + sides.chunk), end = min(start + kOuterResidues, sides.n);
        for (index first = chunk; first < stop; first += kOuterRows)
            for (index i = start; i < end; ++i) project_outer<T>(args, sides, chunk, first, i, work);
    });
    const OuterTileWork<P> sizes{round_up(kOuterTile * args.w.c, kRows), sides.tile_columns / sides.width, args.w.out.depth};
    for_each_item(sides.tiles * sides.tiles, sizes, [&](index item, OuterTileWork<P>& work) { outer_tile<T>(args, sides, item, work); });
}

AF2CPU_END
#endif
