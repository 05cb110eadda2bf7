// x += W2 relu(W1 LN(x) + b1) + b2: both layers of a transition in one pass over the rows.
//
// Blocking: a work item is 96 rows. They are normalised once into a left side (48 kB at 256 channels of bf16). The wide layer never
// stands whole: 256 of its channels at a time are computed, rounded (48 kB) and multiplied on, their part of the result added
// to 96 x c floats (96 kB), all of it in L2. Weights pass through once per item: 1 MB at c = 256, out of L2 or L3.
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
    P* left = nullptr;     // [kTransitionRows, depth]
    float* c = nullptr;    // [kTransitionRows, width], one panel of the wide layer
    P* hidden = nullptr;   // [kTransitionRows, kHiddenChunk]
    float* out = nullptr;  // [panels, kTransitionRows, width]

    void lay(Arena& arena) {
        left = arena.take<P>(kTransitionRows * depth);
        c = arena.take<float>(kTransitionRows * Product<P>::width);
        hidden = arena.take<P>(kTransitionRows * kHiddenChunk);
        out = arena.take<float>(panels * kTransitionRows * Product<P>::width);
    }
};

// Channels [start, start + kHiddenChunk) of relu(W1 left + b1), as a left side.
template <class P>
static void widen_rows(const Transition& args, index m, index start, TransitionWork<P>& work) {
    constexpr index width = Product<P>::width;
    const index end = min(start + kHiddenChunk, args.w.up.panels * width);
    for (index column = start; column < end; column += width) {
        multiply(m, work.left, work.depth, panel<P>(args.w.up, column / width), work.depth, work.c, width, false);
        for (index i = 0; i < width; i += W) {
            const F bias = load(args.w.up_bias + column + i);
            for (index r = 0; r < m; ++r)
                store(work.hidden + r * kHiddenChunk + column - start + i, max(load(work.c + r * width + i) + bias, F{}));
        }
    }
}

template <class T>
static void transition(const Transition& args) {
    using P = typename Multiplied<T>::type;
    constexpr index width = Product<P>::width;
    static_assert(kHiddenChunk % width == 0 && kHiddenChunk % Product<P>::depth == 0);
    const index rows = args.x.size[0] * args.x.size[1], c = args.x.size[2];
    const TransitionWork<P> sizes{args.w.up.depth, args.w.down.panels};
    for_each_item((rows + kTransitionRows - 1) / kTransitionRows, sizes, [&](index item, TransitionWork<P>& work) {
        const index first = item * kTransitionRows, m = min(kTransitionRows, rows - first);
        const auto x = [&](index r) { return row<const T>(args.x, first + r); };
        prepare_rows<T>(m, x, c, {args.w.scale, args.w.offset}, work.left, work.depth);
        for (index start = 0; start < args.w.down.depth; start += kHiddenChunk) {
            widen_rows(args, m, start, work);
            const index depth = min(kHiddenChunk, args.w.down.depth - start);
            for (index j = 0; j < args.w.down.panels; ++j)
                multiply(m, work.hidden, kHiddenChunk, panel<P>(args.w.down, j) + start * width, depth,
                         work.out + j * kTransitionRows * width, width, start > 0);
        }
        add_panels<T>(args.x, first, m, work.out, kTransitionRows, width, args.w.down_bias);
    });
}

AF2CPU_END
#endif
