// SPDX-License-Identifier: Apache-2.0
// z_ij += ((sum_s a_si x b_sj) W + bias) / (1e-3 + count_ij), a and b projections of LN(m): the outer product mean.
//
// Blocking: first a and b, both in chunks of 512 bytes of sequences: a as rows of (i, c), b as column panels of (j, e). Then a
// work item is a tile of 8 x 8 pairs. Its 256 x 256 sums of outer products stay in L2 (256 kB of float) while chunk after chunk of
// a (128 kB) meets the panels of b (16 kB, in L1); meanwhile the next chunk of both is prefetched to L2, since a and b are larger than
// L3. The last chunk's sums leave the registers as the left side of W, a pair's 1024 rounded numbers in a row, and the product is divided
// and added to z. Nothing of size [n, n, 1024] exists.
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

constexpr index kOuterTile = 8, kOuterResidues = 4, kOuterSequences = 16, kOuterRows = kOuterResidues * kOuterSequences;

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
    float* sums = nullptr;    // [panels, rows, width]
    P* left = nullptr;        // [pairs, depth]
    float* counts = nullptr;  // [kOuterTile, kOuterTile, W]
    P** places = nullptr;     // in `left`, of the row of sums of one residue and channel of a
    float* c = nullptr;       // [pairs, width]

    void lay(Arena& arena) {
        sums = arena.take<float>(panels * rows * Product<P>::width);
        counts = arena.take<float>(kOuterTile * kOuterTile * W);
        places = arena.take<P*>(rows);
        left = arena.take<P>(kOuterTile * kOuterTile * depth);
        c = arena.take<float>(kOuterTile * kOuterTile * Product<P>::width);
    }
};

// c [m, width] = mask * (c + bias); zeros below, up to `rows`.
AF2CPU_INLINE void bias_and_mask(float* c, index width, index m, index rows, const float* bias, const float* mask) {
    for (index r = 0; r < rows; ++r)
        for (index v = 0; v < width; v += W) store(c + r * width + v, r < m ? (load(c + r * width + v) + load(bias + v)) * mask[r] : F{});
}

// W channels of c, rows `stride` apart, as columns of a panel of the right side.
template <class P>
static void store_right(const float* c, index stride, index rows, P* panel) {
    constexpr index width = Product<P>::width;
    for (index r = 0; r < rows; r += Product<P>::group)
        if constexpr (sizeof(P) == 2)
            store_lanes(panel + r * width, zip(load(c + r * stride), load(c + (r + 1) * stride)));
        else
            store(panel + r * width, load(c + r * stride));
}

// a and b of residues [i, i + residues) and up to 16 sequences of the chunk from `chunk` on. Rows are in memory order: residues within
// sequences.
template <class T, class P>
static void project_outer(const OuterProduct& args, const OuterSides<P>& sides, index chunk, index first, index i, index residues,
                          OuterProjectWork<P>& work) {
    constexpr index width = Product<P>::width, group = Product<P>::group;
    const index end = min(chunk + sides.depth(chunk), first + kOuterSequences), rows = (end - first) * residues;
    const index m = max(min(end, sides.s) - first, index(0)) * residues;
    const index at = first - chunk, depth = sides.depth(chunk), a_panels = round_up(args.w.c, width) / width;
    const T* const x = static_cast<const T*>(args.m.data) + first * args.m.stride[0] + i * args.m.stride[1];
    float mask[kOuterRows];
    for (index r = 0; r < m; ++r) mask[r] = args.mask[(i + r % residues) * sides.s + first + r / residues];
    const auto row_of = [&](index r) { return x + r / residues * args.m.stride[0] + r % residues * args.m.stride[1]; };
    prepare_rows<T>(m, row_of, args.m.size[2], {args.w.scale, args.w.offset}, work.x, work.depth);
    for (index p = 0; p < a_panels; ++p) {
        multiply(m, work.x, work.depth, panel<P>(args.w.in, p), work.depth, work.c, width, false);
        bias_and_mask(work.c, width, m, rows, args.w.a_bias + p * width, mask);
        for (index k = 0; k < residues; ++k) {
            P* const out = sides.left(chunk, i + k) + p * width * depth + at;
            store_transposed(work.c + k * width, residues * width, rows / residues, min(width, args.w.c - p * width), out, depth);
        }
    }
    for (index p = 0; p * width < args.w.e; ++p) {
        multiply(m, work.x, work.depth, panel<P>(args.w.in, a_panels + p), work.depth, work.c, width, false);
        bias_and_mask(work.c, width, m, rows, args.w.b_bias + p * width, mask);
        for (index k = 0; k < residues; ++k)
            for (index v = 0; v < width && p * width + v < sides.e_pad; v += W) {
                const index column = (i + k) % kOuterTile * sides.e_pad + p * width + v;
                P* const to = sides.right(chunk, (i + k) / kOuterTile, column) + at * width + column % width * group;
                store_right(work.c + k * width + v, residues * width, rows / residues, to);
            }
    }
}

// counts[x] += number of sequences that have both the residue of `mask` and residue x of `masks`, as W partial sums. For masks of zeros
// and ones the sums are exact in any order.
static void count_pairs(const float* mask, const float* masks, index columns, index stride, index n, float* counts) {
    F total[kOuterTile];
    for (index x = 0; x < kOuterTile; ++x) total[x] = load(counts + x * W);
    const auto add = [&](index i, auto read) {
        const F left = read(mask + i);
#pragma GCC unroll 8
        for (index x = 0; x < kOuterTile; ++x)
            if (x < columns) total[x] = fma(left, read(masks + x * stride + i), total[x]);
    };
    index i = 0;
    for (; i + W <= n; i += W) add(i, [](const float* p) { return load(p); });
    if (i < n) add(i, [&](const float* p) { return load_part(p, n - i); });
    for (index x = 0; x < kOuterTile; ++x) store(counts + x * W, total[x]);
}

// Initial values of sums. Each also prefetches one cache line of the next chunk to L2.
template <class From>
struct Ahead {
    From from;
    const char* next;

    AF2CPU_INLINE_MEMBER F at(index i, index v) const {
        __builtin_prefetch(next + (i * kVectors + v) * 64, 0, 2);
        return from.at(i, v);
    }
    AF2CPU_INLINE_MEMBER void advance(index rows) { from.advance(rows), next += rows * kVectors * 64; }
};

// Complete sums of a panel, as parts of the left side of W.
template <class From, class P>
struct Gather {
    static constexpr index vectors = Product<P>::width / W;
    From from;
    P* const* places;
    index offset[vectors], n[vectors];  // of a vector in its row; elements of it that count

    AF2CPU_INLINE_MEMBER F start(index i, index v) const { return from.at(i, v); }
    template <index V>
    AF2CPU_INLINE_MEMBER void put(index i, const F (&x)[V]) const {
#pragma GCC unroll 8
        for (index v = 0; v < V; ++v) store_up_to(places[i] + offset[v], x[v], n[v]);
    }
    AF2CPU_INLINE_MEMBER void advance(index rows) { from.advance(rows), places += rows; }
};

// Updates z of pairs [i, i + rows) x [j, j + columns) from their sums.
template <class T, class P>
static void finish_outer(const OuterProduct& args, index i, index rows, index j, index columns, OuterTileWork<P>& work) {
    constexpr index width = Product<P>::width;
    float factor[kOuterTile * kOuterTile];
    const index pairs = rows * columns, c_z = args.z.size[2];
    for (index r = 0; r < pairs; ++r) factor[r] = 1.0f / (1e-3f + sum(load(work.counts + (r / columns * kOuterTile + r % columns) * W)));
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

// A chunk's rows of a by a panel of b.
template <class P>
struct Piece {
    index m;
    const P* a;
    index lda;
    const P* b;
    index depth;

    // Added to the sums c (stored as these by the first chunk); lines of `next` are prefetched meanwhile.
    void add(float* c, bool first, const char* next) const {
        constexpr index width = Product<P>::width;
#if AF2CPU_TILES
        if constexpr (sizeof(P) == 2) return multiply(m, a, lda, b, depth, c, width, !first);
#endif
        if (first)
            then(Into<Ahead<Zeros>, float>{{{}, next}, c, width});
        else
            then(Into<Ahead<Rows>, float>{{{c, width}, next}, c, width});
    }
    // A function of its own: inside a larger one the loops would lack registers for addresses.
    template <class Finish>
    __attribute__((noinline)) void then(Finish finish) const {
        multiply_then(m, a, lda, b, depth, finish);
    }
};

// The last chunk: the sums of panel p, which begin as `from`, are stored into the left side of W. W is prefetched meanwhile.
template <class P, class From>
static void gather_sums(const OuterProduct& args, const OuterSides<P>& sides, const Piece<P>& piece, From from, index p, index columns,
                        const OuterTileWork<P>& work) {
    const char* const next = static_cast<const char*>(args.w.out.data) + p * piece.m * kVectors * 64;
    Gather<Ahead<From>, P> finish{{from, next}, work.places, {}, {}};
    for (index v = 0; v < finish.vectors; ++v) {
        const index column = p * Product<P>::width + v * W, x = column / sides.e_pad, e = column % sides.e_pad;
        finish.offset[v] = x * work.depth + e;
        finish.n[v] = x < columns ? args.w.e - e : 0;
    }
    piece.then(finish);
}

// Sets up the left side of W: the address of each row of sums in it, and zeros behind its c e columns.
template <class P>
static void begin_left(const OuterProduct& args, index rows, index columns, OuterTileWork<P>& work) {
    const index c = args.w.c, e = args.w.e;
    for (index r = 0; r < rows * c; ++r) work.places[r] = work.left + r / c * columns * work.depth + r % c * e;
    for (index r = 0; r < rows * columns; ++r)
        for (index k = c * e; k < work.depth; ++k) narrow(0.0f, work.left + r * work.depth + k);
    for (index k = 0; k < kOuterTile * kOuterTile; ++k) store(work.counts + k * W, F{});
}

template <class T, class P>
static void outer_tile(const OuterProduct& args, const OuterSides<P>& sides, index item, OuterTileWork<P>& work) {
    constexpr index width = Product<P>::width;
    const index i = item / sides.tiles * kOuterTile, rows = min(kOuterTile, sides.n - i), m = rows * args.w.c;
    const index tile = item % sides.tiles, j = tile * kOuterTile, columns = min(kOuterTile, sides.n - j);
    begin_left(args, rows, columns, work);
    for (index first = 0; first < max(sides.s, index(1)); first += sides.chunk) {
        const index n = min(sides.chunk, sides.s - first), next = first + sides.chunk;
        const auto ahead = [&](index p) {  // a chunk of a has as many lines as four panels of sums have vectors; then comes b's
            const P* const side = p < 4 ? sides.left(next, i) : sides.right(next, tile, 0);
            return reinterpret_cast<const char*>(side) + (p < 4 ? p : p - 4) * m * kVectors * 64;
        };
        for (index p = 0; p * width < columns * sides.e_pad; ++p) {
            const P *const a = sides.left(first, i), *const b = sides.right(first, tile, p * width);
            const Piece<P> piece{m, a, sides.depth(first), b, round_up(n, Product<P>::depth)};
            float* const c = work.sums + p * work.rows * width;
            if (next < sides.s)
                piece.add(c, first == 0, ahead(p));
            else if (first > 0)
                gather_sums(args, sides, piece, Rows{c, width}, p, columns, work);
            else
                gather_sums(args, sides, piece, Zeros{}, p, columns, work);
        }
        for (index y = 0; y < rows; ++y) {
            const float *const left = args.mask + (i + y) * sides.s + first, *const right = args.mask + j * sides.s + first;
            count_pairs(left, right, columns, sides.s, n, work.counts + y * kOuterTile * W);
        }
    }
    finish_outer<T>(args, i, rows, j, columns, work);
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
        const index stop = chunk + sides.depth(chunk), end = min(start + kOuterResidues, sides.n);
        for (index first = chunk; first < stop; first += kOuterSequences)
            project_outer<T>(args, sides, chunk, first, start, end - start, work);
    });
    const OuterTileWork<P> sizes{round_up(kOuterTile * args.w.c, kRows), sides.tile_columns / sides.width, args.w.out.depth};
    for_each_item(sides.tiles * sides.tiles, sizes, [&](index item, OuterTileWork<P>& work) { outer_tile<T>(args, sides, item, work); });
}

AF2CPU_END
#endif
