// SPDX-License-Identifier: Apache-2.0
// The pair bias of attention in the order in which attention reads it: log2(e) LN(z) W in blocks of 32 queries, keys as outer axis.
//
// Blocking: a work item is 8 keys of W queries (W rows of z, 8 pairs of each): normalised into a left side, through W's panels, then
// transposed, so that a key's W queries are one store.
// Bytes: z once in, 4 h n^2 out. Flops: 2 n^2 c h.
#pragma once

#include "base/types.h"

namespace af2cpu {

constexpr index kBiasQueries = 32;
static constexpr index bias_blocks(index n) { return (n + kBiasQueries - 1) / kBiasQueries; }

// out [h and i / 32, j, i % 32] = log2(e) LN(z_ij) W.
struct PairBiasWeights {
    const float *scale, *offset;
    Matrix weight;  // [c, h]

    template <class Reader>
    void read(Reader& r) {
        r.vector("norm.scale", scale);
        r.vector("norm.offset", offset);
        r.matrix("weight", weight);
    }
};

struct PairBias {
    Array z;    // [n, n, c]
    Array out;  // [h ceil(n / 32), n up to a multiple of 4, 32], float; values behind key n and query n are not used
    PairBiasWeights w;
};

}  // namespace af2cpu

#ifdef AF2CPU_LEVEL
#include "core/panel.h"

AF2CPU_BEGIN

// Bias of head h for query i and the first key; the next key is kBiasQueries further.
AF2CPU_INLINE float* bias_stream(const Array& bias, index n, index h, index i) {
    return static_cast<float*>(bias.data) + (h * bias_blocks(n) + i / kBiasQueries) * bias.stride[0] + i % kBiasQueries;
}

constexpr index kBiasKeys = 8;  // of W queries each in a block of rows

template <class P>
struct PairBiasWork {
    index depth, columns;
    P* left = nullptr;   // [kBiasKeys, W, depth]
    float* c = nullptr;  // [kBiasKeys, W, columns]

    void lay(Arena& arena) {
        left = arena.take<P>(kBiasKeys * W * depth);
        c = arena.take<float>(kBiasKeys * W * columns);
    }
};

template <class T>
static void pair_bias(const PairBias& args) {
    using P = typename Multiplied<T>::type;
    constexpr index width = Product<P>::width;
    const index n = args.z.size[0], c = args.z.size[2], heads = args.w.weight.n, depth = args.w.weight.depth;
    const index query_items = (n + W - 1) / W, key_items = (n + kBiasKeys - 1) / kBiasKeys;
    const PairBiasWork<P> sizes{depth, args.w.weight.panels * width};
    for_each_item(query_items * key_items, sizes, [&](index item, PairBiasWork<P>& work) {
        const index i = item / key_items * W, j = item % key_items * kBiasKeys;
        const index queries = min(W, n - i), keys = min(kBiasKeys, n - j);
        const auto z = [&](index r) { return r % W < queries ? row<const T>(args.z, (i + r % W) * n + j + r / W) : nullptr; };
        prepare_rows<T>(keys * W, z, c, {args.w.scale, args.w.offset}, work.left, depth);
        project(keys * W, work.left, depth, args.w.weight, 0, heads, work.c, work.columns);
        for (index b = 0; b < keys; ++b)
            for (index h = 0; h < heads; h += W) {
                I lanes[W];
                for (index a = 0; a < W; ++a) lanes[a] = as_int(load(work.c + (b * W + a) * work.columns + h) * kLog2E);
                transpose(lanes);
                for (index t = 0; t < min(W, heads - h); ++t)
                    store_lanes(bias_stream(args.out, n, h + t, i) + (j + b) * kBiasQueries, lanes[t]);
            }
    });
}

AF2CPU_END
#endif
