// SPDX-License-Identifier: Apache-2.0
// y = x W + b: the linear layers of the network that no other kernel contains.
//
// Blocking: a work item is 96 rows x 256 columns. Its rows are copied once into a panel of the left side (48 kB at 256 channels of
// bf16, in L2), then run through one column panel of W after the other (16 kB, in L1); the 96 x 32 results stay in L1 for the bias.
// Depth is cut into chunks of 512 whose results are added in float.
// Bytes: x once per 256 columns, y once, W once per 96 rows (from L2 or L3). Flops: 2 rows k n.
#pragma once

#include "base/types.h"

namespace af2cpu {

struct LinearWeights {
    Matrix weight;      // [k, n]
    const float* bias;  // [n], or nullptr

    template <class Reader>
    void read(Reader& r) {
        r.transposed("weight", weight);
        r.optional("bias", bias);
    }
};

struct Linear {
    Array x;  // [a, b, k]
    Array y;  // [a, b, n]
    LinearWeights w;
};

}  // namespace af2cpu

#ifdef AF2CPU_LEVEL
#include "core/panel.h"

AF2CPU_BEGIN

constexpr index kLinearRows = 96, kLinearColumns = 256;

template <class P>
struct LinearWork {
    index depth;
    P* left = nullptr;   // [kLinearRows, depth]
    float* c = nullptr;  // [kLinearRows, width]

    void lay(Arena& arena) {
        left = arena.take<P>(kLinearRows * depth);
        c = arena.take<float>(kLinearRows * Product<P>::width);
    }
};

// One row of results of one panel: n <= width columns from `column` on.
template <class T>
AF2CPU_INLINE void finish_row(const Linear& args, index r, index column, index n, const float* c) {
    T* y = row<T>(args.y, r) + column;
    const float* const bias = args.w.bias;
    for (index i = 0; i < n; i += W) store_up_to(y + i, bias ? load(c + i) + load_up_to(bias + column + i, n - i) : load(c + i), n - i);
}

template <class T>
static void linear(const Linear& args) {
    using P = typename Multiplied<T>::type;
    constexpr index width = Product<P>::width;
    const index rows = args.x.size[0] * args.x.size[1], k = args.x.size[2], n = args.w.weight.n;
    const index row_items = (rows + kLinearRows - 1) / kLinearRows;
    const index column_items = (n + kLinearColumns - 1) / kLinearColumns;
    for_each_item(row_items * column_items, LinearWork<P>{args.w.weight.depth}, [&](index item, LinearWork<P>& work) {
        const index first = item / column_items * kLinearRows, m = min(kLinearRows, rows - first);
        const index start = item % column_items * kLinearColumns, end = min(start + kLinearColumns, n);
        const auto x = [&](index r) { return row<const T>(args.x, first + r); };
        prepare_rows<T>(m, x, k, {}, work.left, work.depth);
        for (index column = start; column < end; column += width) {
            multiply_chunks(m, work.left, work.depth, panel<P>(args.w.weight, column / width), work.c);
            for (index r = 0; r < m; ++r) finish_row<T>(args, first + r, column, min(width, end - column), work.c + r * width);
        }
    });
}

AF2CPU_END
#endif
