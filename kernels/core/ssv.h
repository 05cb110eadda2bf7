// SPDX-License-Identifier: Apache-2.0
// SSV of a block of 64 targets, striped over the model as in HMMER: 8-bit scores, HMMER's own.
//
// s(i, k) = s(i-1, k-1) - cost(k, residue i), saturating below at the score of a new start; the result is the maximum of all s.
// Layout: a model has Q stripes (vectors) of costs for each residue code; lane l of stripe q is model position l Q + q. The targets of a
// block, which are interleaved, are first copied one after the other, with code 31 behind their ends: its cost, 127, changes no maximum.
// Blocking: a register holds a stripe of s. With each residue it moves to the next stripe; from the last stripe it moves to stripe 0, and
// its lanes move up by one. A band is up to kSsvWidth registers at neighbouring stripes that go through a whole target; enough bands
// cover the model. Narrow bands take several targets at once to hide latency. One model takes all targets of a block before the next
// model does, so that its costs stay in L1.
// Bytes: kBytes of costs per residue and stripe. Operations: a subtraction (its operand from memory) and a maximum per residue and
// stripe, a shift of the lanes per residue and band.
#pragma once

#include "base/types.h"
#include "core/targets.h"

namespace af2cpu {

// The signed costs of a model, padded with 127.
struct SsvModel {
    index stripes = 0;
    const std::uint8_t* costs = nullptr;  // [32 codes, stripes, Kernels::byte_lanes]
};

}  // namespace af2cpu

#ifdef AF2CPU_LEVEL
#include "base/bytes.h"

AF2CPU_BEGIN

// Registers of the widest band, and the number of targets that a band of 1, 2, ... registers takes at once; measured on Zen 5.
#if AF2CPU_ISA >= AF2CPU_IS_avx512
constexpr int kSsvWidth = 16, kSsvTargets[] = {8, 6, 4, 4, 4, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1};
#elif AF2CPU_ISA == AF2CPU_IS_avx2
constexpr int kSsvWidth = 12, kSsvTargets[] = {8, 5, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1};
#else
constexpr int kSsvWidth = 4, kSsvTargets[] = {2, 1, 1, 1};
#endif

constexpr index kSsvPad = 16;  // residues that a band reads behind the end of a target, at most

// The targets of a block one after the other, `pitch` bytes apart.
struct SsvTargets {
    std::uint8_t* residues;
    index pitch;
    const std::int32_t* lengths;
};

// An odd number of cache lines: the 64 targets are written side by side and must not compete for the same lines of L1.
AF2CPU_INLINE index ssv_pitch(index length) { return (round_up(length + kSsvPad, 64) / 64 | 1) * 64; }

// Copies the targets of a block one after the other. Any byte is a code, modulo 32.
static void separate(const std::uint8_t* block, index length, const SsvTargets& targets) {
    for (index row = 0; row < length + kSsvPad; row += kGroupRows) {
        Word w[8][8];
        for (index i = 0; i < 8; ++i)
            for (index t = 0; t < kLanes; t += kBytes)
                store_bytes(&w[i][t / 8],
                            row + i < length ? load_bytes(block + (row + i) * kLanes + t) & splat_byte(31) : splat_byte(kPad));
        transpose(w);
        std::uint8_t* out = targets.residues + row;
        for (int g = 0; g < 8; ++g)
            for (int i = 0; i < 8; ++i, out += targets.pitch) std::memcpy(out, &w[i][g], sizeof(Word));
    }
}

// GCC keeps a state in one register only if its type is that of the intrinsics' results.
typedef char Cells __attribute__((vector_size(kBytes)));

// By pairs: the maximum of a chain would wait for each cell in turn.
template <int n>
AF2CPU_INLINE Cells max_of(const Cells* s) {
    if constexpr (n == 1)
        return s[0];
    else
        return (Cells)max_signed((B)max_of<n / 2>(s), (B)max_of<n - n / 2>(s + n / 2));
}

// The registers of a band. kWhole: the band is the whole model.
template <int kWidth, bool kWhole>
struct SsvBand {
    static constexpr int kTargets = kSsvTargets[kWidth - 1];
    static constexpr int kRound = kWhole && kWidth < 8 ? 8 / kWidth * kWidth : kWidth;  // residues that `around` takes
    const std::uint8_t *costs, *last_costs;  // of stripe 0; of the first register's stripe when the last register is at the last one
    index row_bytes;
    const std::uint8_t* residues[kTargets];
    Word codes[kTargets];  // the next residues, 8 read at once
    Cells s[kTargets][kWidth], peaks[kTargets];

    AF2CPU_INLINE_MEMBER SsvBand(const SsvModel& model, const SsvTargets& targets, index target)
        : costs(model.costs), last_costs(kWhole ? costs : costs + (model.stripes - kWidth) * kBytes), row_bytes(model.stripes * kBytes) {
#pragma GCC unroll 8
        for (int t = 0; t < kTargets; ++t) {
            residues[t] = targets.residues + (target + t) * targets.pitch;
            peaks[t] = (Cells)splat_byte(128);
#pragma GCC unroll 16
            for (int j = 0; j < kWidth; ++j) s[t][j] = (Cells)splat_byte(128);
        }
    }
    AF2CPU_INLINE_MEMBER void read_codes(index i) {
#pragma GCC unroll 8
        for (int t = 0; t < kTargets; ++t) std::memcpy(&codes[t], residues[t] + i, sizeof(Word));
    }
    // One residue of each target. `at`: costs at the first register's stripe. Register `wrap` goes from the last stripe to stripe 0; the
    // registers behind it have gone before.
    AF2CPU_INLINE_MEMBER void step(const std::uint8_t* at, int wrap) {
#pragma GCC unroll 8
        for (int t = 0; t < kTargets; ++t) {
            const index row = index(codes[t] & 255) * (kWhole ? kWidth * kBytes : row_bytes);
            codes[t] >>= 8;
            if (wrap < kWidth) s[t][wrap] = (Cells)shift_in((B)s[t][wrap], splat_byte(128));
#pragma GCC unroll 16
            for (int j = 0; j < kWidth; ++j)
                s[t][j] = (Cells)subtract_signed((B)s[t][j], load_bytes((j < wrap ? at + j * kBytes : costs + (j - wrap) * kBytes) + row));
            peaks[t] = (Cells)max_signed((B)peaks[t], (B)max_of<kWidth>(s[t]));
        }
    }
    // Residues i to `end`: no register wraps.
    AF2CPU_INLINE_MEMBER void straight(const std::uint8_t* at, index i, index end) {
        for (; i < end; i += 8) {
            read_codes(i);
            const std::uint8_t* const stop = at + (end - i < 8 ? end - i : 8) * kBytes;
#pragma GCC unroll 1
            for (; at < stop; at += kBytes) step(at, kWidth);
        }
    }
    // kRound residues from i on: each register wraps in its turn, the last one first.
    AF2CPU_INLINE_MEMBER void around(index i) {
#pragma GCC unroll 16
        for (int e = 0; e < kRound; ++e) {
            if (e % 8 == 0) read_codes(i + e);
            step(last_costs + (e % kWidth + 1) * kBytes, kWidth - 1 - e % kWidth);
        }
    }
};

// The band whose first register starts at stripe `first`: raises the peaks of all targets, counted from the floor.
template <int kWidth, bool kWhole>
static void ssv_band(const SsvModel& model, index first, const SsvTargets& targets, std::uint8_t* peaks) {
    using Band = SsvBand<kWidth, kWhole>;
    const index straight = kWhole ? 0 : model.stripes - kWidth;  // residues between two rounds
    for (index group = 0; group < kLanes; group += Band::kTargets) {
        const index target = min(group, kLanes - Band::kTargets);  // the last group may overlap the one before it
        index length = 0;
        for (int t = 0; t < Band::kTargets; ++t) length = max(length, index(targets.lengths[target + t]));
        Band band(model, targets, target);
        for (index i = 0, stripe = kWhole ? 1 : first; i < length; stripe = 1) {
            const index end = i + straight + 1 - stripe;
            if (!kWhole) band.straight(model.costs + stripe * kBytes, i, min(end, length));
            if (end < length) band.around(end);
            i = end + Band::kRound;
        }
        for (int t = 0; t < Band::kTargets; ++t)
            peaks[target + t] = max(peaks[target + t], highest_byte((B)band.peaks[t] ^ splat_byte(128)));
    }
}

// The bands of `width` registers, one width after the other until it fits.
template <int kWidth>
static void ssv_band_of(index width, const SsvModel& model, index first, const SsvTargets& targets, std::uint8_t* peaks) {
    constexpr bool narrow = 2 * kWidth < kSsvWidth;  // such a band is always the whole model
    if (width == kWidth)
        (narrow || model.stripes == kWidth ? ssv_band<kWidth, true> : ssv_band<kWidth, narrow>)(model, first, targets, peaks);
    else if constexpr (kWidth > 1)
        ssv_band_of<kWidth - 1>(width, model, first, targets, peaks);
}

// SSV's maximum of each target, counted from its floor.
static void ssv(const SsvModel& model, const SsvTargets& targets, std::uint8_t* peaks) {
    const index bands = (model.stripes + kSsvWidth - 1) / kSsvWidth;
    std::memset(peaks, 0, kLanes);
    for (index b = 0; b < bands; ++b) {
        const index first = model.stripes * b / bands, end = model.stripes * (b + 1) / bands;
        ssv_band_of<kSsvWidth>(end - first, model, first, targets, peaks);
    }
}

AF2CPU_END
#endif
