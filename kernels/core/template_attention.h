// SPDX-License-Identifier: Apache-2.0
// z += (softmax over templates of q k / sqrt(d)) v) W + b: each pair of residues attends over the templates. Templates are
// processed one at a time, so that only one is in memory; the running softmax of each pair is kept in `state`.
//
// Blocking: a work item is 96 pairs. Queries, keys and values of a template come from the micro-kernel as floats (24 kB each at 4
// heads of 16); the few logits of a pair are computed by plain loops, their exponentials with heads as lanes.
// Bytes: for each template z, t and the state once in, the state once out; at the end the state in, z in and out.
// Flops: 2 rows h d (c_z + 2 c_t) for each template, 2 rows h d c_z at the end.
#pragma once

#include "base/types.h"

namespace af2cpu {

struct TemplateAttentionWeights {
    index heads, dim;
    Matrix q;     // [c_z, h d]
    Matrix k, v;  // [c_t, h d]
    Matrix out;   // [h d, c_z]
    const float* out_bias;

    template <class Reader>
    void read(Reader& r) {
        heads = r.size("q", 1);
        dim = r.size("q", 2);
        r.matrix("q", q);
        r.matrix("k", k);
        r.matrix("v", v);
        r.matrix("out", out, 2);
        r.vector("out_bias", out_bias);
    }
};

// The running softmax of one pair, heads (dim + 2) floats: for each head the largest logit, then for each head the sum of
// exp(logit - largest), then the values of all heads weighted by these.
struct TemplateGather {
    Array z;       // [n, n, c_z]
    Array t;       // [n, n, c_t]
    float* state;  // [n n, heads (dim + 2)]: updated
    TemplateAttentionWeights w;
};

struct TemplateClose {
    Array z;             // [n, n, c_z], updated
    const float* state;  // of the last template
    TemplateAttentionWeights w;
};

}  // namespace af2cpu

#ifdef AF2CPU_LEVEL
#include "core/panel.h"

AF2CPU_BEGIN

constexpr index kTemplateRows = 96;

template <class P>
struct GatherWork {
    index heads, dim, z_depth, t_depth;
    index lanes = round_up(heads, W);
    index columns = round_up(heads * dim, Product<P>::width);

    P *z = nullptr, *t = nullptr;                              // [rows, depth]
    float *q = nullptr, *k = nullptr, *v = nullptr;            // [rows, columns]
    float *logits = nullptr, *keep = nullptr, *add = nullptr;  // [lanes]

    void lay(Arena& arena) {
        z = arena.take<P>(kTemplateRows * z_depth);
        t = arena.take<P>(kTemplateRows * t_depth);
        q = arena.take<float>(kTemplateRows * columns);
        k = arena.take<float>(kTemplateRows * columns);
        v = arena.take<float>(kTemplateRows * columns);
        logits = arena.take<float>(lanes);
        keep = arena.take<float>(lanes);
        add = arena.take<float>(lanes);
    }
};

template <class P>
struct TemplateCloseWork {
    index out_depth;
    P* o = nullptr;  // [rows, out_depth]

    void lay(Arena& arena) { o = arena.take<P>(kTemplateRows * out_depth); }
};

// Row r of a work item: computes its logits and adds this template to its state.
template <class P>
static void gather_row(const GatherWork<P>& work, index r, float* state) {
    const index heads = work.heads, dim = work.dim;
    const float *const q = work.q + r * work.columns, *const k = work.k + r * work.columns, *const v = work.v + r * work.columns;
    for (index h = 0; h < heads; ++h) {
        float dot = 0;
        for (index d = 0; d < dim; ++d) dot += q[h * dim + d] * k[h * dim + d];
        work.logits[h] = dot / __builtin_sqrtf(float(dim));
    }
    float *const highest = state, *const total = state + heads, *const values = state + 2 * heads;
    for (index h = 0; h < heads; h += W) {
        const F before = load_up_to(highest + h, heads - h), logit = load(work.logits + h), now = max(before, logit);
        const F keep = exp2<5>((before - now) * kLog2E), add = exp2<5>((logit - now) * kLog2E);
        store(work.keep + h, keep);
        store(work.add + h, add);
        const F sum = fma(load_up_to(total + h, heads - h), keep, add);
        store_up_to(highest + h, now, heads - h);
        store_up_to(total + h, sum, heads - h);
    }
    for (index h = 0; h < heads; ++h)
        for (index i = h * dim; i < (h + 1) * dim; ++i) values[i] = values[i] * work.keep[h] + work.add[h] * v[i];
}

template <class T>
static void template_gather(const TemplateGather& args) {
    using P = typename Multiplied<T>::type;
    const index rows = args.z.size[0] * args.z.size[1], used = args.w.heads * args.w.dim;
    using Work = GatherWork<P>;
    const auto begin = [](Work& work) {
        for (index h = 0; h < work.lanes; ++h) work.logits[h] = 0;
    };
    const Work sizes{args.w.heads, args.w.dim, args.w.q.depth, args.w.k.depth};
    for_each_item((rows + kTemplateRows - 1) / kTemplateRows, sizes, begin, [&](index item, Work& work) {
        const index first = item * kTemplateRows, m = min(kTemplateRows, rows - first);
        for (index r = 0; r < m; ++r) {
            copy_row(row<const T>(args.z, first + r), args.w.q.k, work.z + r * work.z_depth, work.z_depth);
            copy_row(row<const T>(args.t, first + r), args.w.k.k, work.t + r * work.t_depth, work.t_depth);
        }
        project(m, work.z, work.z_depth, args.w.q, 0, used, work.q, work.columns);
        project(m, work.t, work.t_depth, args.w.k, 0, used, work.k, work.columns);
        project(m, work.t, work.t_depth, args.w.v, 0, used, work.v, work.columns);
        for (index r = 0; r < m; ++r) gather_row(work, r, args.state + (first + r) * args.w.heads * (args.w.dim + 2));
    });
}

template <class T>
static void template_close(const TemplateClose& args) {
    using P = typename Multiplied<T>::type;
    const index rows = args.z.size[0] * args.z.size[1], used = args.w.heads * args.w.dim;
    const TemplateCloseWork<P> sizes{args.w.out.depth};
    for_each_item((rows + kTemplateRows - 1) / kTemplateRows, sizes, [&](index item, TemplateCloseWork<P>& work) {
        const index first = item * kTemplateRows, m = min(kTemplateRows, rows - first);
        for (index r = 0; r < m; ++r) {
            const float* const state = args.state + (first + r) * args.w.heads * (args.w.dim + 2);
            P* const o = work.o + r * work.out_depth;
            for (index i = 0; i < used; ++i) narrow(state[2 * args.w.heads + i] / state[args.w.heads + i / args.w.dim], o + i);
            for (index i = used; i < work.out_depth; ++i) narrow(0.0f, o + i);
        }
        T* z[kTemplateRows];
        find_rows(args.z, first, m, z);
        project_onto(m, z, args.z.size[2], work.o, work.out_depth, args.w.out, args.w.out_bias);
    });
}

AF2CPU_END
#endif
