// z += (softmax over templates of q k / sqrt(d) + mask) v) W + b: each pair of residues attends over the templates.
//
// Blocking: a work item is 96 pairs. Queries, then keys and values of one template after the other come from the micro-kernel as
// floats (24 kB each at 4 heads of 16); the few logits of a pair and their softmax are plain loops with heads as lanes.
// Bytes: z once in and out, each template once. Flops: 4 rows h d (c_z + c_t templates).
#pragma once

#include "base/types.h"

namespace af2cpu {

struct TemplateAttention {
    Array z;            // [n, n, c_z], updated
    Array t;            // [templates, n n, c_t]
    const float* mask;  // [templates]
    index heads, dim;
    Matrix q;     // [c_z, h d]
    Matrix k, v;  // [c_t, h d]
    Matrix out;   // [h d, c_z]
    const float* out_bias;
};

}  // namespace af2cpu

#ifdef AF2CPU_LEVEL
#include "core/panel.h"

AF2CPU_BEGIN

constexpr index kTemplateRows = 96;

template <class P>
struct TemplateWork {
    static constexpr index width = Product<P>::width;
    index templates, heads, dim, z_depth, t_depth, out_depth, out_panels;
    index lanes = round_up(heads, W);
    index columns = round_up(heads * dim, width);

    P* left = nullptr;        // [rows, z_depth or t_depth]
    float *q = nullptr, *k = nullptr;  // [rows, columns]
    float* v = nullptr;       // [templates, rows, columns]
    float* a = nullptr;       // [templates, rows, lanes], logits, then probabilities
    P* o = nullptr;           // [rows, out_depth]
    float* update = nullptr;  // [out_panels, rows, width]

    void lay(Arena& arena) {
        left = arena.take<P>(kTemplateRows * most(z_depth, t_depth));
        q = arena.take<float>(kTemplateRows * columns);
        k = arena.take<float>(kTemplateRows * columns);
        v = arena.take<float>(templates * kTemplateRows * columns);
        a = arena.take<float>(templates * kTemplateRows * lanes);
        o = arena.take<P>(kTemplateRows * out_depth);
        update = arena.take<float>(out_panels * kTemplateRows * width);
    }
};

// Logits of one template, in units of log 2.
template <class P>
static void template_logits(const TemplateWork<P>& work, index m, float mask, float* a) {
    const float factor = kLog2E / __builtin_sqrtf(float(work.dim)), masked = (mask - 1) * (1e9f * kLog2E);
    for (index r = 0; r < m; ++r)
        for (index h = 0; h < work.heads; ++h) {
            const index at = r * work.columns + h * work.dim;
            float dot = 0;
            for (index d = 0; d < work.dim; ++d) dot += work.q[at + d] * work.k[at + d];
            a[r * work.lanes + h] = dot * factor + masked;
        }
}

// Softmax over the templates of one row, heads as lanes.
template <class P>
static void softmax_templates(const TemplateWork<P>& work, index r) {
    const index next = kTemplateRows * work.lanes;
    for (index h = 0; h < work.lanes; h += W) {
        float* a = work.a + r * work.lanes + h;
        F high = load(a), total{};
        for (index t = 1; t < work.templates; ++t) high = max(high, load(a + t * next));
        for (index t = 0; t < work.templates; ++t) {
            const F p = exp2<5>(load(a + t * next) - high);
            store(a + t * next, p);
            total += p;
        }
        for (index t = 0; t < work.templates; ++t) store(a + t * next, load(a + t * next) / total);
    }
}

template <class T>
static void template_attention(const TemplateAttention& args) {
    using P = typename Multiplied<T>::type;
    constexpr index width = Product<P>::width;
    const index rows = args.z.size[0] * args.z.size[1], templates = args.t.size[0], used = args.heads * args.dim;
#pragma omp parallel
    {
        [[maybe_unused]] const Tiles tiles;
        TemplateWork<P> work{templates, args.heads, args.dim, args.q.depth, args.k.depth, args.out.depth, args.out.panels};
        set_up(work);
        for (index i = 0; i < templates * kTemplateRows * work.lanes; ++i) work.a[i] = 0;
#pragma omp for schedule(dynamic)
        for (index first = 0; first < rows; first += kTemplateRows) {
            const index m = least(kTemplateRows, rows - first);
            for (index r = 0; r < m; ++r)
                copy_row(row<const T>(args.z, first + r), args.q.k, work.left + r * work.z_depth, work.z_depth);
            project(m, work.left, work.z_depth, args.q, 0, used, work.q, work.columns);
            for (index t = 0; t < templates; ++t) {
                for (index r = 0; r < m; ++r)
                    copy_row(row<const T>(args.t, t * rows + first + r), args.k.k, work.left + r * work.t_depth, work.t_depth);
                project(m, work.left, work.t_depth, args.k, 0, used, work.k, work.columns);
                project(m, work.left, work.t_depth, args.v, 0, used, work.v + t * kTemplateRows * work.columns, work.columns);
                template_logits(work, m, args.mask[t], work.a + t * kTemplateRows * work.lanes);
            }
            for (index r = 0; r < m; ++r) {
                softmax_templates(work, r);
                for (index i = 0; i < work.out_depth; ++i) {
                    float o = 0;
                    for (index t = 0; i < used && t < templates; ++t)
                        o += work.a[(t * kTemplateRows + r) * work.lanes + i / work.dim] *
                             work.v[(t * kTemplateRows + r) * work.columns + i];
                    narrow(o, work.o + r * work.out_depth + i);
                }
            }
            for (index j = 0; j < args.out.panels; ++j)
                multiply(m, work.o, work.out_depth, panel<P>(args.out, j), work.out_depth, work.update + j * kTemplateRows * width, width,
                         false);
            add_panels<T>(args.z, first, m, work.update, kTemplateRows, width, args.out_bias);
        }
    }
}

AF2CPU_END
#endif
