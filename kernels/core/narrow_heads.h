// SPDX-License-Identifier: Apache-2.0
// O^T [8, W] of one head of 8 channels and W queries over all keys: what attention.h does for heads of any size, without logits in memory.
//
// Blocking: the sums of a head fit the registers. Four keys go through three stages: logits; exp2; the sums of values. A step runs each
// stage on other keys, interleaved: products wait for none of the step's others, and run on other ports than most of exp2.
#pragma once

#include "core/panel.h"

AF2CPU_BEGIN

constexpr index kKeys = 64;      // of a tile of values
constexpr index kFirstKeys = 4;  // a query's largest logit among these and kHeadroom (in powers of two) is what logits are relative to:
constexpr float kHeadroom = 60;  // floats hold probabilities from 2^-60 to 2^100 times that of this key as exactly.

// Where all is done again, relative to the largest logit of all keys: the sum of probabilities is too large for that, or too small, which
// it is only if all keys are masked: the headroom is lost, or twice as large, where logits of -1e9 are rounded.
AF2CPU_INLINE I out_of_range(F total) { return ~((total >= splat(0x1p-62f)) & (total <= splat(0x1p100f))); }

template <class P, int Degree, bool Biased, bool Masked>
struct NarrowHead {
    using Dot = Product<P>;
    using Right = typename Dot::Right;
    static constexpr index D = 8, K = 4, group = Dot::group;

    index n;                   // keys
    const P *keys, *queries;   // [n, D]; packed, from the first of W queries on
    const P* values;           // tiles [D, kKeys]
    index value_tile;          // elements from tile to tile
    const float *bias, *mask;  // [n, kBiasQueries], from the same query on; [n]

    AF2CPU_INLINE_MEMBER F start(index j) const {
        const F x = Biased ? load(bias + j * kBiasQueries) : F{};
        return Masked ? x + mask[j] : x;
    }
    // x += the part of channels [2 t, 2 t + 2) in key j's logits.
    AF2CPU_INLINE_MEMBER F add_channels(index t, index j, F x) const {
#pragma GCC unroll 2
        for (index d = 2 * t; d < 2 * t + 2; d += group) x = Dot::dot(x, Dot::left(keys + j * D + d), Dot::right(queries + d * Dot::width));
        return x;
    }
    F logits(index j) const {
        F x = start(j);
        for (index t = 0; t < D / 2; ++t) x = add_channels(t, j, x);
        return x;
    }
    // The largest logit of keys [0, end).
    F largest(index end) const {
        F top = splat(-3e38f);
        for (index j = 0; j < end; ++j) top = max(top, logits(j));
        return top;
    }

    // Probabilities of the keys whose logits are x, packed; logits x of keys from j on; sums of the keys before, with values v.
    AF2CPU_INLINE_MEMBER void step(F high, index j, const P* v, F (&x)[K], Right (&p)[K / group], F& total, F (&sums)[D]) const {
        F next[K], y[K];
#pragma GCC unroll 4
        for (index k = 0; k < K; ++k) next[k] = start(j + k);
#pragma GCC unroll 4
        for (index t = 0; t < K; ++t) {
#pragma GCC unroll 4
            for (index k = 0; k < K; ++k) next[k] = add_channels(t, j + k, next[k]);
#pragma GCC unroll 2
            for (index d = 2 * t; d < 2 * t + 2; ++d)
#pragma GCC unroll 4
                for (index k = 0; k < K / group; ++k) sums[d] = Dot::dot(sums[d], Dot::left(v + d * kKeys + k * group), p[k]);
            y[t] = exp2<Degree>(x[t] - high);
            total += y[t];
        }
#pragma GCC unroll 4
        for (index k = 0; k < K / group; ++k) {
            if constexpr (group == 2)
                p[k] = (Right)zip(y[2 * k], y[2 * k + 1]);
            else
                p[k] = y[k];
        }
#pragma GCC unroll 4
        for (index k = 0; k < K; ++k) x[k] = next[k];
    }

    // The sums over all keys; returns the probabilities'.
    F add_keys(F high, F (&out)[D]) const {
        F x[K], total{}, sums[D] = {};
        Right p[K / group] = {};
        const P* v = values;
        const auto nothing_behind_last = [&](index j) {
#pragma GCC unroll 4
            for (index k = 0; k < K; ++k) x[k] = j + k < n ? x[k] : splat(-3e38f);
        };
#pragma GCC unroll 4
        for (index k = 0; k < K; ++k) x[k] = logits(min(k, n - 1));
        nothing_behind_last(0);
        index j = 0;
        for (; j + 2 * K <= n; j += K) {
            step(high, j + K, v, x, p, total, sums);
            v = values + j / kKeys * value_tile + j % kKeys;
        }
        // The last steps make logits that nobody uses, of the last keys.
        for (const index last = round_up(n, K) - K; j <= last + K; j += K) {
            step(high, min(j + K, last), v, x, p, total, sums);
            v = values + min(j, last) / kKeys * value_tile + min(j, last) % kKeys;
            nothing_behind_last(j + K);
        }
        for (index d = 0; d < D; ++d) out[d] = sums[d];
        return total;
    }

    void attend(float* o) const {
        F sums[D], high = largest(min(kFirstKeys, n)) + kHeadroom;
        F total = add_keys(high, sums);
        if (const I again = out_of_range(total); any(again)) {
            high = again ? largest(n) : high;
            total = add_keys(high, sums);
        }
        const F factor = splat(1.0f) / total;
        for (index d = 0; d < D; ++d) store(o + d * Dot::width, sums[d] * factor);
    }
};

AF2CPU_END
