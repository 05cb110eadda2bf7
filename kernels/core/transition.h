// SPDX-License-Identifier: Apache-2.0
// x += W2 relu(W1 LN(x) + b1) + b2: both layers of a transition in one pass over the rows.
//
// Blocking: a work item is 96 rows. They are normalised once into a left side (48 kB at 256 channels of bf16). The wide layer is
// never stored whole: 256 of its channels at a time are computed, rounded (48 kB) and multiplied with W2, and their part of the result
// is added to 96 x c floats (96 kB), that of the last channels to x from registers. Weights are read once per item: 1 MB at c = 256, from
// L2 or L3.
// Bytes: x once in and out, the weights once per 96 rows. Flops: 4 rows c d.
#pragma once

#include "base/types.h"

namespace af2cpu {

struct TransitionWeights {
    const float *scale, *offset;  // of the layer norm, [c]
    Matrix up;                    // [c, d]
    const float* up_bias;
    Matrix down;  // [d, c]
    const float* down_bias;

    template <class Reader>
    void read(Reader& r) {
        r.vector("norm.scale", scale);
        r.vector("norm.offset", offset);
        r.transposed("up.weight", up);
        r.vector("up.bias", up_bias);
        r.transposed("down.weight", down);
        r.vector("down.bias", down_bias);
    }
};

struct Transition {
    Array x;  // [a, b, c], updated
    TransitionWeights w;
};

}  // namespace af2cpu

#ifdef AF2CPU_LEVEL
#include "core/panel.h"

AF2CPU_BEGIN

constexpr index kTransitionRows = 96, kHiddenChunk = 256;

template <class P>
struct TransitionWork {
    index depth, panels;
    P* left = nullptr;        // [kTransitionRows, depth]
    P* hidden = nullptr;      // [kTransitionRows, kHiddenChunk]
    float* before = nullptr;  // [panels, kTransitionRows, width], the sums over earlier chunks of the wide layer

    void lay(Arena& arena) {
        left = arena.take<P>(kTransitionRows * depth);
        hidden = arena.take<P>(kTransitionRows * kHiddenChunk);
        before = arena.take<float>(panels * kTransitionRows * Product<P>::width);
    }
};

// Panel j of W2 hidden for channels [start, start + depth) of the wide layer, added to the sums over earlier channels; the last channels
// add the result to x. The sums begin with the bias.
template <class T, class P>
static void narrow_rows(const Transition& args, index m, index start, index depth, index j, T* const* x, TransitionWork<P>& work) {
    constexpr index width = Product<P>::width;
    const P* const w = panel<P>(args.w.down, j) + start * width;
    const float* const bias = args.w.down_bias + j * width;
    float* const before = work.before + j * kTransitionRows * width;
    if (start + depth == args.w.down.depth) {
        Residual<T> finish{{start ? before : bias, start ? width : 0}, x, j * width, args.x.size[2]};
        return multiply_then(m, work.hidden, kHiddenChunk, w, depth, finish);
    }
    for (index r = 0; start == 0 && r < m; ++r)
        for (index v = 0; v < width; v += W) store(before + r * width + v, load(bias + v));
    multiply(m, work.hidden, kHiddenChunk, w, depth, before, width, true);
}

template <class T>
static void transition(const Transition& args) {
    using P = typename Multiplied<T>::type;
    constexpr index width = Product<P>::width;
    static_assert(kHiddenChunk % width == 0 && kHiddenChunk % Product<P>::depth == 0);
    const index rows = args.x.size[0] * args.x.size[1];
    const TransitionWork<P> sizes{args.w.up.depth, args.w.down.panels};
    for_each_item((rows + kTransitionRows - 1) / kTransitionRows, sizes, [&](index item, TransitionWork<P>& work) {
        const index first = item * kTransitionRows, m = min(kTransitionRows, rows - first);
        T* x[kTransitionRows];
        find_rows(args.x, first, m, x);
        prepare_rows<T>(m, [&](index r) { return x[r]; }, args.x.size[2], {args.w.scale, args.w.offset}, work.left, work.depth);
        for (index start = 0; start < args.w.down.depth; start += kHiddenChunk) {
            const index end = min(start + kHiddenChunk, args.w.up.panels * width);
            for (index column = start; column < end; column += width) {
                Into<Bias, P, Relu> finish{{args.w.up_bias + column}, work.hidden + column - start, kHiddenChunk};
                multiply_then(m, work.left, work.depth, panel<P>(args.w.up, column / width), work.depth, finish);
            }
            const index depth = min(kHiddenChunk, args.w.down.depth - start);
            for (index j = 0; j < args.w.down.panels; ++j) narrow_rows(args, m, start, depth, j, x, work);
        }
    });
}

AF2CPU_END
#endif
