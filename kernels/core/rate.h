// SPDX-License-Identifier: Apache-2.0
// The machine's own rate: every thread multiplies the same blocks, which stay in its L1 cache, again and again. The speed of a kernel
// is given as a share of this rate.
#pragma once

#include "base/types.h"

namespace af2cpu {

struct Rate {
    index repeats = 1;        // of 2 rows depth width flops each, per thread
    double* flops = nullptr;  // done by all threads together
};

}  // namespace af2cpu

#ifdef AF2CPU_LEVEL
#include "base/scratch.h"
#include "base/tile.h"

AF2CPU_BEGIN

constexpr index kRateRows = 96, kRateDepth = 64;

template <class P>
struct RateWork {
    P *a = nullptr, *b = nullptr;
    float* c = nullptr;

    void lay(Arena& arena) {
        a = arena.take<P>(kRateRows * kRateDepth);
        b = arena.take<P>(kRateDepth * Product<P>::width);
        c = arena.take<float>(kRateRows * Product<P>::width);
    }
};

template <class T>
static void rate(const Rate& args) {
    using P = typename Multiplied<T>::type;
    constexpr index width = Product<P>::width;
    double flops = 0;
#pragma omp parallel reduction(+ : flops)
    {
        [[maybe_unused]] const Tiles tiles;
        RateWork<P> work;
        set_up(work);
        for (index i = 0; i < kRateRows * kRateDepth; ++i) narrow(1.0f, work.a + i);
        for (index i = 0; i < width * kRateDepth; ++i) narrow(1.0f, work.b + i);
        for (index i = 0; i < args.repeats; ++i) multiply(kRateRows, work.a, kRateDepth, work.b, kRateDepth, work.c, width, false);
        flops += 2.0 * double(args.repeats) * kRateRows * kRateDepth * width;
    }
    *args.flops = flops;
}

AF2CPU_END
#endif
