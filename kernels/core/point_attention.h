// SPDX-License-Identifier: Apache-2.0
// The core of invariant point attention, in float whatever the type of z: softmax over scalar, point and pair terms, and the
// weighted sums of scalar values, points, and rows of the normalised pair representation.
//
// Blocking: a work item is one residue i. Logits of all heads over all keys are kept in scratch (12 n floats), keys as lanes; its row
// of z is normalised once into the right side of a product (n c_z floats) whose left side are the probabilities of all heads.
// Bytes: z once. Flops: n (2 h (d + 3 p + e) + 2 h c_z) per item.
#pragma once

#include "base/types.h"

namespace af2cpu {

struct PointAttention {
    Array q;                        // [n, h, d], float, scaled
    Array keys;                     // [h, d, n]
    Array values;                   // [n, h, e]
    Array q_points;                 // [n, h, 3 p]
    Array key_points;               // [h, 3 p, n]
    const float* weight;            // [h], of the squared distance
    Array bias;                     // [n, n, h]
    Block mask;                     // [n, n]
    Array z;                        // [n, n, c]
    const float* scale = nullptr;   // of z's layer norm; none: z is taken as it is
    const float* offset = nullptr;  // [c]
    Array out;                      // [n, h, e]
    Array pair;                     // [n, h, c]
};

}  // namespace af2cpu

#ifdef AF2CPU_LEVEL
#include "core/panel.h"

AF2CPU_BEGIN

template <class T>
AF2CPU_INLINE const T* at(const Array& x, index i, index j) {
    return static_cast<const T*>(x.data) + i * x.stride[0] + j * x.stride[1];
}

struct PointWork {
    static constexpr index width = Product<float>::width;
    index n, heads, c;
    index stride = round_up(n, W) + W;  // of the logits of a head
    index panels = (c + width - 1) / width;

    float* a = nullptr;      // [heads, stride], logits, then probabilities
    float* rows = nullptr;   // [W, panels * width], of z
    float* right = nullptr;  // [panels, n, width]
    float* sums = nullptr;   // [heads, width]

    void lay(Arena& arena) {
        a = arena.take<float>(round_up(heads, kRows) * stride);
        rows = arena.take<float>(W * panels * width);
        right = arena.take<float>(panels * n * width);
        sums = arena.take<float>(round_up(heads, kRows) * width);
    }
};

// q k + bias - weight |q' - k'|^2 and the mask, for one head.
static void point_logits(const PointAttention& args, index i, index h, index n, float* a) {
    const index d = args.q.size[2], p = args.q_points.size[2];
    const float *q = at<float>(args.q, i, h), *point = at<float>(args.q_points, i, h);
    const auto *bias = at<float>(args.bias, i, 0), *mask = static_cast<const float*>(args.mask.data) + i * args.mask.row_stride;
    for (index j = 0; j < n; j += W) {
        F dot{}, distance{};
        for (index k = 0; k < d; ++k) dot = fma(splat(q[k]), load_up_to(at<float>(args.keys, h, k) + j, n - j), dot);
        for (index k = 0; k < p; ++k) {
            const F x = splat(point[k]) - load_up_to(at<float>(args.key_points, h, k) + j, n - j);
            distance = fma(x, x, distance);
        }
        store(a + j, dot - splat(args.weight[h]) * distance);
    }
    // In the order of the definition: next to 1e5 a logit is rounded, and if all keys are masked, only that rounding matters.
    for (index j = 0; j < n; ++j) {
        const float logit = a[j] + bias[j * args.bias.stride[1] + h];
        a[j] = logit - 1e5f * (1 - mask[j * args.mask.column_stride]);
    }
}

// Softmax of n numbers, always summed in the same order.
static void softmax(float* a, index n) {
    for (index j = n; j < round_up(n, W); ++j) a[j] = -3e38f;
    F most_of = splat(-3e38f), total{};
    for (index j = 0; j < n; j += W) most_of = max(most_of, load(a + j));
    float lane[W], high = -3e38f;
    store(lane, most_of);
    for (index i = 0; i < W; ++i) high = max(high, lane[i]);
    for (index j = 0; j < n; j += W) {
        const F p = exp2<5>((load(a + j) - high) * kLog2E);
        store(a + j, p);
        total += p;
    }
    const F factor = splat(1.0f / sum(total));
    for (index j = 0; j < n; j += W) store(a + j, load(a + j) * factor);
}

template <class T>
static void point_attention(const PointAttention& args) {
    constexpr index width = PointWork::width;
    const index n = args.q.size[0], heads = args.q.size[1], e = args.values.size[2], c = args.z.size[2];
    for_each_item(n, PointWork{n, heads, c}, [&](index i, PointWork& work) {
        for (index h = 0; h < heads; ++h) {
            float* a = work.a + h * work.stride;
            point_logits(args, i, h, n, a);
            softmax(a, n);
            for (index k = 0; k < e; k += W) {
                F o{};
                for (index j = 0; j < n; ++j) o = fma(splat(a[j]), load_up_to(at<float>(args.values, j, h) + k, e - k), o);
                store_up_to(const_cast<float*>(at<float>(args.out, i, h)) + k, o, e - k);
            }
        }
        for (index first = 0; first < n; first += W) {
            const index m = min(W, n - first), columns = work.panels * width;
            prepare_rows<T>(m, [&](index r) { return at<T>(args.z, i, first + r); }, c, {args.scale, args.offset}, work.rows, columns);
            for (index r = 0; r < m; ++r)
                for (index k = 0; k < columns; k += W)
                    store(work.right + (k / width * n + first + r) * width + k % width, load(work.rows + r * columns + k));
        }
        for (index k = 0; k < c; k += width) {
            multiply(heads, work.a, work.stride, work.right + k * n, n, work.sums, width, false);
            for (index h = 0; h < heads; ++h)
                for (index v = 0; v < min(width, c - k); v += W)
                    store_up_to(const_cast<float*>(at<float>(args.pair, i, h)) + k + v, load(work.sums + h * width + v), c - k - v);
        }
    });
}

AF2CPU_END
#endif
