// SPDX-License-Identifier: Apache-2.0
// x += (sigmoid(gate) * softmax(q k^T / sqrt(d) + bias + mask) v) W + b along the rows of each item: the gated attentions.
//
// Everything is transposed: S^T = K Q^T has keys as rows and 32 queries as lanes, so that softmax needs no sum across lanes, the
// sums begin with the bias lane by lane, and O^T = V^T P^T wastes nothing on small heads (8 rows for d = 8).
// Blocking: an item (one row of x) goes through a thread in two phases:
// 1. 96 rows at a time: layer norm into a left side that stays, keys as rows [n, d], values transposed in tiles [d, 64];
// 2. 96 queries at a time, head by head: q and gate from the left side; for each 32 queries all tiles of 64 keys: logits
//    (8 kB, in L1), exp2 as they leave the registers, O^T += V^T P^T; gate; then the output projection and the sum.
// The bias lies as it is read: a stream of 32 queries for key after key.
// Scratch: n (c + 2 h d) for left side, keys and values, 0.3 MB besides; never [n, n].
// Bytes: x once in and out; the bias (float) once per item. Flops: 10 n c h d + 4 n^2 h d per item.
#pragma once

#include "core/pair_bias.h"

namespace af2cpu {

struct AttentionWeights {
    const float *scale, *offset;  // of the layer norm, [c]
    index heads, dim;
    Matrix q, k, v, gate;  // [c, h d]
    const float* gate_bias;
    Matrix out;  // [h d, c]
    const float* out_bias;

    template <class Reader>
    void read(Reader& r) {
        r.vector("norm.scale", scale);
        r.vector("norm.offset", offset);
        heads = r.size("heads.q", 1);
        dim = r.size("heads.q", 2);
        r.matrix("heads.q", q);
        r.matrix("heads.k", k);
        r.matrix("heads.v", v);
        r.matrix("heads.gate", gate);
        r.vector("heads.gate_bias", gate_bias);
        r.matrix("heads.out", out, 2);
        r.vector("heads.out_bias", out_bias);
    }
};

struct Attention {
    Array x;     // [b, n, c], updated
    Block mask;  // [b, n], of the keys, of x's type
    Array bias;  // as pair_bias makes it, or no data
    AttentionWeights w;
    const float* factors = nullptr;  // of the update, [n, c], the same for all items: dropout's; nullptr: 1
};

}  // namespace af2cpu

#ifdef AF2CPU_LEVEL
#include "core/narrow_heads.h"

AF2CPU_BEGIN

constexpr index kQueries = 96;
constexpr float kMasked = -1e9f;  // added to a masked key's logit, as in the definition

// W rows of W * group columns, times a factor: r[t] = columns [t group, (t + 1) group) of each of them, as P.
template <class P>
AF2CPU_INLINE void rows_of(const float* c, index ldc, float factor, I (&r)[W]) {
#pragma GCC unroll 16
    for (index i = 0; i < W; ++i) {
        if constexpr (Product<P>::group == 2)
            r[i] = join(load(c + i * ldc) * factor, load(c + i * ldc + W) * factor);
        else
            r[i] = as_int(load(c + i * ldc) * factor);
    }
    transpose(r);
}

template <class P>
struct AttentionWork {
    static constexpr index width = Product<P>::width, vectors = width / W;
    index n, heads, dim;  // keys; heads and channels of each
    index left_depth, out_depth;
    index head_depth = round_up(dim, Product<P>::depth);  // of a query or a key
    index value_rows = round_up(dim, kRows);
    index tiles = (n + kKeys - 1) / kKeys;
    index group = group_of();                                  // heads whose channels are computed together, in whole panels
    index columns = round_up(group * dim, max(width, 2 * W));  // of a group
    index out_stride = round_up(heads * dim, max(width, out_depth));

    P* left = nullptr;        // [n, left_depth]
    P* keys = nullptr;        // [heads, tiles * kKeys, head_depth], each head with room behind
    P* values = nullptr;      // [heads, tiles, value_rows, kKeys]
    float* mask = nullptr;    // [tiles * kKeys], what is added to the logits
    bool masked = false;      // whether that is ever other than 0
    float* c = nullptr;       // [kQueries, columns], a group's keys, values, or queries
    float* gate = nullptr;    // [kQueries, columns]
    P* queries = nullptr;     // [group, kQueries / width, head_depth, width], packed
    float* logits = nullptr;  // [kKeys, width], then the probabilities, packed
    float* o = nullptr;       // [columns, width]
    P* out = nullptr;         // [kQueries, out_stride]

    index group_of() const {
        index g = 1;
        while (g < heads && g * dim % width != 0) ++g;
        return g;
    }
    index key_stride() const { return tiles * kKeys * head_depth + 2 * W; }
    index value_stride() const { return tiles * value_rows * kKeys; }
    index query_stride() const { return kQueries * head_depth; }

    void lay(Arena& arena) {
        left = arena.take<P>(round_up(n, kQueries) * left_depth);
        keys = arena.take<P>(heads * key_stride());
        values = arena.take<P>(heads * value_stride());
        mask = arena.take<float>(tiles * kKeys);
        c = arena.take<float>(kQueries * columns + 2 * W);
        gate = arena.take<float>(kQueries * columns + 2 * W);
        queries = arena.take<P>(group * query_stride());
        logits = arena.take<float>(kKeys * width);
        o = arena.take<float>((columns + kRows) * width);
        out = arena.take<P>(kQueries * out_stride);
    }
};

// Keys [first, first + m) of a group's heads, from c. A row is stored in whole vectors: what is too much, the next row overwrites.
template <class P>
static void store_keys(AttentionWork<P>& work, index head, index first, index m) {
    const index end = min(work.group, work.heads - head);
    for (index h = 0; h < end; ++h) {
        P* out = work.keys + (head + h) * work.key_stride() + first * work.head_depth;
        const float* c = work.c + h * work.dim;
        for (index r = 0; r < m; ++r, out += work.head_depth, c += work.columns)
            for (index i = 0; i < work.head_depth; i += W) store(out + i, i < work.dim ? load(c + i) : F{});
    }
}

// The same of the values, transposed. Values behind the last key are zero: their probabilities are, and 0 * NaN is not.
template <class P>
static void store_values(AttentionWork<P>& work, index head, index first, index m) {
    constexpr index rows = W * Product<P>::group;
    static_assert(kQueries % 32 == 0 && 32 % rows == 0 && kKeys % 32 == 0);
    const index filled = round_up(m, 32), used = min(work.group, work.heads - head) * work.dim;
    for (index i = m * work.columns; i < filled * work.columns; ++i) work.c[i] = 0;
    for (index r = 0; r < filled; r += rows)
        for (index column = 0; column < used; column += W) {
            I lanes[W];
            columns_of<P>(work.c + r * work.columns + column, Product<P>::group * work.columns, work.columns, lanes);
            const index key = first + r;
            for (index t = 0; t < min(W, used - column); ++t) {
                const index h = head + (column + t) / work.dim, d = (column + t) % work.dim;
                P* out = work.values + h * work.value_stride() + (key / kKeys * work.value_rows + d) * kKeys + key % kKeys;
                store_lanes(out, lanes[t]);
            }
        }
}

// The queries of a block, as right sides; logits are in units of log 2.
template <class P>
static void store_queries(AttentionWork<P>& work, index head, index m) {
    constexpr index width = Product<P>::width, pairs = Product<P>::group;
    const index used = min(work.group, work.heads - head) * work.dim;
    const float factor = kLog2E / __builtin_sqrtf(float(work.dim));
    for (index r = 0; r < m; r += W)
        for (index column = 0; column < used; column += W * pairs) {
            I lanes[W];
            rows_of<P>(work.c + r * work.columns + column, work.columns, factor, lanes);
            for (index t = 0; t < min(W, (used - column) / pairs); ++t) {
                const index h = (column + t * pairs) / work.dim, d = (column + t * pairs) % work.dim;
                P* out = work.queries + h * work.query_stride() + r / width * work.head_depth * width;
                store_lanes(out + d * width + r % width * pairs, lanes[t]);
            }
        }
    for (index h = 0; h < work.group && work.head_depth > work.dim; ++h)
        for (index r = 0; r < kQueries; r += width) {
            P* out = work.queries + h * work.query_stride() + r * work.head_depth;
            __builtin_memset((void*)(out + work.dim * width), 0, sizeof(P) * (work.head_depth - work.dim) * width);
        }
}

// Logits q k^T begin with bias and mask. The order of a sum matters: next to a mask of -1e9 everything else is rounded away.
template <index V, bool Biased, bool Masked>
struct Logits {
    const float* bias;  // [key, 32] from the next key on
    const float* mask;  // [key]

    AF2CPU_INLINE_MEMBER F start(index i, index v) const {
        F x = Biased ? load(bias + i * kBiasQueries + v * W) : F{};
        // The next tile's, past the L2 cache: what is read once per item must not drive the keys and values out of it.
        if constexpr (Biased) __builtin_prefetch(bias + (i + kKeys) * kBiasQueries + v * W, 0, 0);
        if constexpr (Masked) x += mask[i];
        return x;
    }
    AF2CPU_INLINE_MEMBER void advance(index keys) {
        if constexpr (Biased) bias += keys * kBiasQueries;
        mask += keys;
    }
};

// The largest of logits.
template <index V, bool Biased, bool Masked>
struct Largest : Logits<V, Biased, Masked> {
    F top[V];

    AF2CPU_INLINE_MEMBER void put(index, const F (&x)[V]) {
        for (index v = 0; v < V; ++v) top[v] = max(top[v], x[v]);
    }
};

// What makes probabilities 2^(logit - high), packed as a right side of P.
template <class P, int Degree, index V, bool Biased, bool Masked>
struct Probabilities : Logits<V, Biased, Masked> {
    char* out;
    F high[V];
    F total[V];  // of all probabilities so far
    F held[V];   // the first of a pair of keys

    AF2CPU_INLINE_MEMBER void put(index i, const F (&x)[V]) {
#pragma GCC unroll 8
        for (index v = 0; v < V; ++v) {
            const F p = exp2<Degree>(x[v] - high[v]);
            total[v] += p;
            if (Product<P>::group == 1)
                store_lanes(out + (i * V + v) * 4 * W, as_int(p));
            else if (i % 2)
                store_lanes(out + (i / 2 * V + v) * 4 * W, zip(held[v], p));
            else
                held[v] = p;
        }
    }
    // Behind the last of m keys: probabilities of zero.
    void close(char* begin, index m) const {
        constexpr index group = Product<P>::group, row = V * W * 4;
        if (m % group)
            for (index v = 0; v < V; ++v) store_lanes(begin + m / group * row + v * W * 4, zip(held[v], F{}));
        const index used = (m + group - 1) / group, filled = round_up(m, Product<P>::depth) / group;
        __builtin_memset(begin + used * row, 0, std::size_t((filled - used) * row));
    }
    AF2CPU_INLINE_MEMBER void advance(index keys) {
        Logits<V, Biased, Masked>::advance(keys);
        out += keys / Product<P>::group * V * W * 4;
    }
};

// The largest logits of the first n keys.
template <class P, bool Biased, bool Masked, index V>
static void largest_logits(const AttentionWork<P>& work, index n, const P* keys, const P* queries, const float* bias, F (&top)[V]) {
    Largest<V, Biased, Masked> finish;
    finish.bias = bias, finish.mask = work.mask;
    for (index v = 0; v < V; ++v) finish.top[v] = splat(-3e38f);
    multiply_then(n, keys, work.head_depth, queries, work.head_depth, finish);
    for (index v = 0; v < V; ++v) top[v] = finish.top[v];
}

// O^T [d, width] of one head and `width` queries over all keys, which sum up to `total`, with probabilities relative to 2^high.
template <class P, int Degree, bool Biased, bool Masked, index V>
static void add_keys(const AttentionWork<P>& work, const P* keys, const P* values, const P* queries, const float* bias, const F (&high)[V],
                     F (&total)[V], float* o) {
    for (index v = 0; v < V; ++v) total[v] = F{};
    for (index tile = 0; tile < work.tiles; ++tile) {
        const index first = tile * kKeys, m = min(kKeys, work.n - first);
        Probabilities<P, Degree, V, Biased, Masked> finish;
        finish.bias = Biased ? bias + first * kBiasQueries : nullptr, finish.mask = work.mask + first;
        finish.out = reinterpret_cast<char*>(work.logits);
        for (index v = 0; v < V; ++v) finish.high[v] = high[v], finish.total[v] = total[v];
        multiply_then(m, keys + first * work.head_depth, work.head_depth, queries, work.head_depth, finish);
        finish.close(reinterpret_cast<char*>(work.logits), m);
        for (index v = 0; v < V; ++v) total[v] = finish.total[v];
        multiply(work.dim, values + tile * work.value_rows * kKeys, kKeys, reinterpret_cast<const P*>(work.logits),
                 round_up(m, Product<P>::depth), o, V * W, tile > 0);
    }
}

// O^T [d, width] of one head and `width` queries over all keys. bias: [key, 32] from these queries on, or nullptr.
template <class P, int Degree, bool Biased, bool Masked>
static void attend(const AttentionWork<P>& work, const P* keys, const P* values, const P* queries, const float* bias, float* o) {
    constexpr index width = Product<P>::width, V = width / W;
    if constexpr (AF2CPU_ISA >= AF2CPU_IS_avx512 && Product<P>::depth == Product<P>::group)
        if (work.dim == 8) {
            for (index i = 0; i < width; i += W) {
                const P* const q = queries + i * Product<P>::group;
                const float* const b = Biased ? bias + i : nullptr;
                NarrowHead<P, Degree, Biased, Masked>{work.n, keys, q, values, work.value_rows * kKeys, b, work.mask}.attend(o + i);
            }
            return;
        }
    F high[V], total[V], top[V];
    largest_logits<P, Biased, Masked>(work, min(kFirstKeys, work.n), keys, queries, bias, high);
    for (index v = 0; v < V; ++v) high[v] += kHeadroom;
    add_keys<P, Degree, Biased, Masked>(work, keys, values, queries, bias, high, total, o);
    I again{};
    for (index v = 0; v < V; ++v) again |= out_of_range(total[v]);
    if (any(again)) {
        largest_logits<P, Biased, Masked>(work, work.n, keys, queries, bias, top);
        // The others as before: a query must not feel its neighbours.
        for (index v = 0; v < V; ++v) high[v] = out_of_range(total[v]) ? top[v] : high[v];
        add_keys<P, Degree, Biased, Masked>(work, keys, values, queries, bias, high, total, o);
    }
    for (index v = 0; v < V; ++v) {
        const F factor = splat(1.0f) / total[v];
        for (index d = 0; d < work.dim; ++d) store(o + d * width + v * W, load(o + d * width + v * W) * factor);
    }
}

// out [W queries from r on, a group's channels] = o * gate, as rows again.
template <class P>
static void gate_rows(const AttentionWork<P>& work, index head, index r, const float* o) {
    const index used = min(work.group, work.heads - head) * work.dim, columns = work.columns, stride = work.out_stride;
    const float* const gate = work.gate + r * columns;
    P* const out = work.out + r * stride + head * work.dim;
    for (index column = 0; column < used; column += W) {
        I lanes[W];
        for (index t = 0; t < W; ++t) lanes[t] = as_int(load(o + (column + t) * Product<P>::width));
        transpose(lanes);
        for (index t = 0; t < W; ++t)
            store_up_to(out + t * stride + column, as_float(lanes[t]) * load(gate + t * columns + column), used - column);
    }
}

// Phase 1 for row `item`: left side, keys, values and mask.
template <class T, class P>
static void prepare_item(const Attention& args, index item, AttentionWork<P>& work) {
    const index n = work.n, c = args.x.size[2];
    const T* mask = static_cast<const T*>(args.mask.data) + item * args.mask.row_stride;
    work.masked = false;
    for (index j = 0; j < n; ++j) {
        work.mask[j] = (1.0f - widen(mask[j * args.mask.column_stride])) * (kMasked * kLog2E);
        work.masked |= work.mask[j] != 0;
    }
    for (index first = 0; first < n; first += kQueries) {
        const index m = min(kQueries, n - first);
        P* left = work.left + first * work.left_depth;
        const T* const x = static_cast<const T*>(args.x.data) + item * args.x.stride[0] + first * args.x.stride[1];
        const auto row_of = [&](index r) { return x + r * args.x.stride[1]; };
        prepare_rows<T>(m, row_of, c, {args.w.scale, args.w.offset}, left, work.left_depth);
        for (index head = 0; head < work.heads; head += work.group) {
            const index start = head * work.dim, columns = min(work.group, work.heads - head) * work.dim;
            project(m, left, work.left_depth, args.w.k, start, columns, work.c, work.columns);
            store_keys(work, head, first, m);
            project(m, left, work.left_depth, args.w.v, start, columns, work.c, work.columns);
            store_values(work, head, first, m);
        }
    }
}

// Phase 2 for queries [first, first + m) of row `item`.
template <class T, class P>
static void update_queries(const Attention& args, index item, index first, index m, AttentionWork<P>& work) {
    constexpr index width = Product<P>::width;
    constexpr int degree = sizeof(T) == 2 ? 3 : 5;
    const P* left = work.left + first * work.left_depth;
    static_assert(kQueries % kBiasQueries == 0 && kBiasQueries % width == 0);
    const bool biased = args.bias.data;
    for (index head = 0; head < work.heads; head += work.group) {
        const index start = head * work.dim, columns = min(work.group, work.heads - head) * work.dim;
        project(m, left, work.left_depth, args.w.q, start, columns, work.c, work.columns);
        store_queries(work, head, m);
        project_gates<T>(m, left, work.left_depth, args.w.gate, args.w.gate_bias, start, columns, work.gate, work.columns);
        for (index r = 0; r < m; r += width) {
            for (index h = head; h < min(head + work.group, work.heads); ++h) {
                const auto attend_head = work.masked ? (biased ? attend<P, degree, true, true> : attend<P, degree, false, true>)
                                                     : (biased ? attend<P, degree, true, false> : attend<P, degree, false, false>);
                attend_head(work, work.keys + h * work.key_stride(), work.values + h * work.value_stride(),
                            work.queries + (h - head) * work.query_stride() + r * work.head_depth,
                            biased ? bias_stream(args.bias, work.n, h, first + r) : nullptr, work.o + (h - head) * work.dim * width);
            }
            for (index v = 0; v < width && r + v < m; v += W) gate_rows(work, head, r + v, work.o + v);
        }
    }
    T* rows[kQueries];
    find_rows(args.x, item * work.n + first, m, rows);
    const float* const factors = args.factors ? args.factors + first * args.x.size[2] : nullptr;
    project_onto(m, rows, args.x.size[2], work.out, work.out_stride, args.w.out, args.w.out_bias, factors);
}

template <class T>
static void attention(const Attention& args) {
    using P = typename Multiplied<T>::type;
    using Work = AttentionWork<P>;
    const index items = args.x.size[0], n = args.x.size[1];
    // What pads the depth of the output projection must be finite; nothing else ever writes there.
    const auto begin = [](Work& work) {
        for (index i = 0; i < kQueries * work.out_stride; ++i) narrow(0.0f, work.out + i);
    };
    const Work sizes{n, args.w.heads, args.w.dim, args.w.q.depth, args.w.out.depth};
    for_each_item(items, sizes, begin, [&](index item, Work& work) {
        prepare_item<T>(args, item, work);
        for (index first = 0; first < n; first += kQueries) update_queries<T>(args, item, first, min(kQueries, n - first), work);
    });
}

AF2CPU_END
#endif
