// SPDX-License-Identifier: Apache-2.0
// x += (sigmoid(gate) * softmax(q k^T + mask) v) W along the rows of each item, with one query per head, the mean of all rows: the
// global column attention of the extra MSA.
//
// The query is multiplied with the keys' weights first, r_h = K q_h. Logits and values are then one product of LN(x) with [r | V], and
// neither keys nor values are stored.
// Blocking: a thread makes three passes over the rows of an item (a column of the MSA), 96 at a time:
// 1. layer norm into a left side that is kept, and its mean; then q and r; 2. logits and values, softmax online, one sum [d] per head;
// 3. gate from the left side, times the sums, the output projection, and the sum into x.
// Scratch: s c elements of left side, 0.1 MB besides. Bytes: x twice in and once out, rows apart in memory.
// Flops: 4 s c h d + 2 s c (h + d) + 2 s h d per item.
#pragma once

#include "base/types.h"

namespace af2cpu {

struct GlobalAttentionWeights {
    const float *scale, *offset;  // of the layer norm, [c]
    index heads, dim;
    Matrix q;        // [c, h d]
    const float* k;  // [c, d]
    Matrix values;   // [c, h + d]: zeros, and v
    Matrix gate;     // [c, h d]
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
        r.vector("heads.k", k);
        r.behind_zeros(heads, "heads.v", values);
        r.matrix("heads.gate", gate);
        r.vector("heads.gate_bias", gate_bias);
        r.matrix("heads.out", out, 2);
        r.vector("heads.out_bias", out_bias);
    }
};

struct GlobalAttention {
    Array x;     // [b, s, c], updated
    Block mask;  // [b, s], of x's type
    GlobalAttentionWeights w;
};

}  // namespace af2cpu

#ifdef AF2CPU_LEVEL
#include "core/attention.h"

AF2CPU_BEGIN

constexpr index kGlobalRows = 96;

template <class P>
struct GlobalWork {
    static constexpr index width = Product<P>::width, heads_at_once = 4;
    index s, c, heads, dim, depth, right_panels, q_panels, out_depth;
    index lanes = round_up(heads, max(W, heads_at_once));  // of a row of probabilities
    index sum_lanes = round_up(dim, W);                    // of a head's sum
    index out_stride = max(round_up(heads * dim, W), out_depth);

    P* left = nullptr;        // [s, depth]
    float* mask = nullptr;    // [s], what is added to the logits
    float* mean = nullptr;    // [depth]
    P* query = nullptr;       // [kRows, depth], the mean as a left side
    P* right = nullptr;       // [depth, right_panels], packed: r and v
    float* c_rows = nullptr;  // [kGlobalRows, q_panels or right_panels, width]
    float* p = nullptr;       // [kGlobalRows, lanes]
    float* high = nullptr;    // [lanes]: a head's largest logit so far,
    float* total = nullptr;   // its probabilities' sum,
    float* sums = nullptr;    // [lanes, sum_lanes]: its values'
    float* o = nullptr;       // [heads dim]
    P* out = nullptr;         // [kGlobalRows, out_stride]

    index columns() const { return max(right_panels, q_panels) * width; }

    void lay(Arena& arena) {
        left = arena.take<P>(round_up(s, kRows) * depth);
        mask = arena.take<float>(s);
        mean = arena.take<float>(round_up(depth, W));
        query = arena.take<P>(kRows * round_up(depth, W));
        right = arena.take<P>(right_panels * width * depth);
        c_rows = arena.take<float>(kGlobalRows * columns() + 2 * W);
        p = arena.take<float>(kGlobalRows * lanes);
        high = arena.take<float>(lanes);
        total = arena.take<float>(lanes);
        sums = arena.take<float>(lanes * sum_lanes);
        o = arena.take<float>(round_up(heads * dim, W));
        out = arena.take<P>(kGlobalRows * out_stride);
    }
};

// Pass 1: left side, mask, and the mean of the rows that are not masked.
template <class T, class P>
static void prepare_column(const GlobalAttention& args, index item, GlobalWork<P>& work) {
    const T* const mask = static_cast<const T*>(args.mask.data) + item * args.mask.row_stride;
    const T* const x = static_cast<const T*>(args.x.data) + item * args.x.stride[0];
    float count = 1e-10f;
    for (index i = 0; i < work.depth; i += W) store(work.mean + i, F{});
    for (index first = 0; first < work.s; first += kGlobalRows) {
        const index end = min(first + kGlobalRows, work.s);
        const auto row_of = [&](index r) { return x + (first + r) * args.x.stride[1]; };
        prepare_rows<T>(end - first, row_of, work.c, {args.w.scale, args.w.offset}, work.left + first * work.depth, work.depth);
        for (index r = first; r < end; ++r) {
            const P* const left = work.left + r * work.depth;
            const float present = widen(mask[r * args.mask.column_stride]);
            for (index i = 0; i < work.depth; i += W)
                store(work.mean + i, fma(splat(present), load_up_to(left + i, work.depth - i), load(work.mean + i)));
            work.mask[r] = (1.0f - present) * (kMasked * kLog2E);
            count += present;
        }
    }
    for (index i = 0; i < work.depth; ++i) narrow(work.mean[i] / count, work.query + i);
}

// r_h = K q_h of all heads, in units of log 2, beside the values' weights.
template <class P>
static void pack_queries(const GlobalAttention& args, GlobalWork<P>& work) {
    constexpr index width = Product<P>::width, group = Product<P>::group;
    const float factor = kLog2E / __builtin_sqrtf(float(work.dim));
    project(1, work.query, work.depth, args.w.q, 0, work.heads * work.dim, work.c_rows, work.columns());
    for (index i = 0; i < work.c; ++i)
        for (index h = 0; h < work.heads; ++h) {
            float r = 0;
            for (index d = 0; d < work.dim; ++d) r += args.w.k[i * work.dim + d] * work.c_rows[h * work.dim + d];
            narrow(r * factor, work.right + h / width * width * work.depth + (i / group * width + h % width) * group + i % group);
        }
}

// Four heads' sums of p v over m rows.
template <class P>
static void add_values(GlobalWork<P>& work, index m, index head, index column) {
    constexpr index n = GlobalWork<P>::heads_at_once;
    const float* v = work.c_rows + work.heads + column;
    float* const sums = work.sums + head * work.sum_lanes + column;
    F sum[n];
    for (index h = 0; h < n; ++h) sum[h] = load(sums + h * work.sum_lanes);
    for (index r = 0; r < m; ++r, v += work.columns()) {
        const F value = load(v);
        for (index h = 0; h < n; ++h) sum[h] = fma(splat(work.p[r * work.lanes + head + h]), value, sum[h]);
    }
    for (index h = 0; h < n; ++h) store(sums + h * work.sum_lanes, sum[h]);
}

// Pass 2 for rows [first, first + m): heads are lanes; results of lanes behind the last head are not used.
template <int Degree, class P>
static void attend_rows(GlobalWork<P>& work, index first, index m) {
    constexpr index width = Product<P>::width;
    const index columns = work.columns();
    for (index p = 0; p < work.right_panels; ++p)
        multiply(m, work.left + first * work.depth, work.depth, work.right + p * width * work.depth, work.depth, work.c_rows + p * width,
                 columns, false);
    for (index v = 0; v < work.heads; v += W) {
        const F before = load(work.high + v);
        F high = before, total{};
        for (index r = 0; r < m; ++r) high = max(high, load(work.c_rows + r * columns + v) + work.mask[first + r]);
        for (index r = 0; r < m; ++r) {
            const F p = exp2<Degree>(load(work.c_rows + r * columns + v) + work.mask[first + r] - high);
            store(work.p + r * work.lanes + v, p);
            total += p;
        }
        const F factor = exp2<Degree>(before - high);
        store(work.high + v, high);
        store(work.total + v, fma(load(work.total + v), factor, total));
        float factors[W];
        store(factors, factor);
        for (index h = v; h < min(v + W, work.heads); ++h)
            for (index d = 0; d < work.sum_lanes; d += W)
                store(work.sums + h * work.sum_lanes + d, load(work.sums + h * work.sum_lanes + d) * factors[h - v]);
    }
    for (index h = 0; h < work.heads; h += work.heads_at_once)
        for (index d = 0; d < work.dim; d += W) add_values(work, m, h, d);
}

// Pass 2, and the heads' values one after the other.
template <int Degree, class P>
static void attend_column(GlobalWork<P>& work) {
    for (index i = 0; i < work.lanes; ++i) work.high[i] = -3e38f, work.total[i] = 0;
    for (index i = 0; i < work.lanes * work.sum_lanes; ++i) work.sums[i] = 0;
    for (index first = 0; first < work.s; first += kGlobalRows) attend_rows<Degree>(work, first, min(kGlobalRows, work.s - first));
    for (index h = 0; h < work.heads; ++h)
        for (index d = 0; d < work.dim; ++d) work.o[h * work.dim + d] = work.sums[h * work.sum_lanes + d] / work.total[h];
}

// Pass 3 for rows [first, first + m).
template <class T, class P>
static void update_column(const GlobalAttention& args, index item, index first, index m, GlobalWork<P>& work) {
    const index n = work.heads * work.dim, columns = work.columns();
    project_gates<T>(m, work.left + first * work.depth, work.depth, args.w.gate, args.w.gate_bias, 0, n, work.c_rows, columns);
    for (index r = 0; r < m; ++r)
        for (index i = 0; i < n; i += W)
            store_up_to(work.out + r * work.out_stride + i, load(work.c_rows + r * columns + i) * load(work.o + i), n - i);
    T* rows[kGlobalRows];
    find_rows(args.x, item * work.s + first, m, rows);
    project_onto(m, rows, args.x.size[2], work.out, work.out_stride, args.w.out, args.w.out_bias);
}

template <class T>
static void global_attention(const GlobalAttention& args) {
    using P = typename Multiplied<T>::type;
    using Work = GlobalWork<P>;
    const index items = args.x.size[0], s = args.x.size[1];
    const GlobalAttentionWeights& w = args.w;
    const auto begin = [&](Work& work) {
        __builtin_memcpy((void*)work.right, w.values.data, sizeof(P) * work.right_panels * work.width * work.depth);
        // The padding of the output projection's depth must be finite; nothing else writes to it.
        for (index i = 0; i < kGlobalRows * work.out_stride; ++i) narrow(0.0f, work.out + i);
    };
    const Work sizes{s, args.x.size[2], w.heads, w.dim, w.q.depth, w.values.panels, w.q.panels, w.out.depth};
    for_each_item(items, sizes, begin, [&](index item, Work& work) {
        prepare_column<T>(args, item, work);
        pack_queries(args, work);
        attend_column<sizeof(T) == 2 ? 3 : 5>(work);
        for (index first = 0; first < s; first += kGlobalRows) update_column<T>(args, item, first, min(kGlobalRows, s - first), work);
    });
}

AF2CPU_END
#endif
