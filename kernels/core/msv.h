// SPDX-License-Identifier: Apache-2.0
// HMMER's first filter, SSV and MSV, on many targets: HMMER's own 8-bit scores.
//
// SSV (ssv.h) decides for all but some 0.1 % of the targets: those whose score lies between the use of MSV's J state and the threshold.
// They are gathered into full blocks for MSV, which needs the maximum of a row before the next row: one target per lane, one residue at
// a time.
// Layout: a block has 64 targets with their residues interleaved: byte 64 i + t is residue i of target t, code 31 after its end. MSV has
// 32 costs per model position, one for each residue code.
// Bytes of MSV: per model position and residue 32 of costs, 64 of the row read and 64 written. Operations: lookup, an addition, a
// subtraction and two maxima per cell.
#pragma once

#include "core/ssv.h"

namespace af2cpu {

// One model, in the integers of HMMER's optimized profile.
struct MsvProfile {
    SsvModel ssv;                        // costs (sbv); 127 for codes and positions that do not exist
    index length = 0;                    // model positions, padded to an even number
    const std::uint8_t* msv = nullptr;   // [length, 32] costs with bias (rbv); 255 there
    const std::uint8_t* pass = nullptr;  // by target length: the lowest xJ that passes; 255 if none does
    int base = 0, bias = 0, tec = 0, tbm = 0;
};

struct Msv {
    const std::uint8_t* residues = nullptr;
    const std::int64_t* offsets = nullptr;  // [blocks]: the first byte of each in residues
    const std::int32_t* lengths = nullptr;  // [blocks, 64]; 0: no target
    index blocks = 0, longest = 0;          // the longest target
    const MsvProfile* profiles = nullptr;
    index n_profiles = 0;
    const std::uint8_t* tjb = nullptr;  // by target length
    int threads = 1;
    std::uint8_t* survivors = nullptr;    // [profiles, blocks, 64]: 1 for each target that passes
    std::int64_t* through_msv = nullptr;  // number of pairs that needed MSV
    // If set, all pairs go through both filters, and these are filled instead. Both are [profiles, blocks, 64].
    std::uint8_t* peaks = nullptr;   // SSV's maximum, counted from its floor
    std::int16_t* scores = nullptr;  // MSV's xJ; -1: overflow
};

}  // namespace af2cpu

#ifdef AF2CPU_LEVEL
#include "base/scratch.h"

AF2CPU_BEGIN

constexpr index kMsvBlocks = 4;  // that a thread takes at once

struct MsvWork {
    index longest, longest_model, profiles;
    std::uint8_t *row, *separate, *gathered;
    std::int64_t* waiting;  // [profiles, 64]: targets that wait for MSV
    index* n_waiting;

    void lay(Arena& arena) {
        row = arena.take<std::uint8_t>(longest_model * kLanes);
        separate = arena.take<std::uint8_t>(ssv_pitch(longest) * kLanes);
        gathered = arena.take<std::uint8_t>(longest * kLanes);
        waiting = arena.take<std::int64_t>(profiles * kLanes);
        n_waiting = arena.take<index>(profiles);
    }
};

// xJ of MSV, -1 where it overflows, for kBytes lanes. `moves`: tjb + tbm of each lane.
static void msv_lanes(const MsvProfile& profile, const std::uint8_t* residues, index length, const std::uint8_t* moves, const MsvWork& work,
                      std::int16_t* scores) {
    const B bias = splat_byte(profile.bias), base = splat_byte(profile.base), tec = splat_byte(profile.tec), zero = splat_byte(0);
    const B move = load_bytes(moves);
    B j = zero, highest = zero, begin = subtract_unsigned(base, move);
    for (index k = 0; k < profile.length; ++k) store_bytes(work.row + k * kBytes, zero);
    for (index i = 0; i < length; ++i) {
        const Codes codes = load_codes(residues + i * kLanes);
        B above = zero, ends[2] = {zero, zero};
        for (index k = 0; k < profile.length; k += 2)
#pragma GCC unroll 2
            for (index p = 0; p < 2; ++p) {
                const B cost = look_up(load_lookup(profile.msv + (k + p) * 32), codes);
                const B s = subtract_unsigned(add_unsigned(max_unsigned(above, begin), bias), cost);
                ends[p] = max_unsigned(ends[p], s);
                above = load_bytes(work.row + (k + p) * kBytes);
                store_bytes(work.row + (k + p) * kBytes, s);
            }
        const B end = max_unsigned(ends[0], ends[1]);
        highest = max_unsigned(highest, end);
        j = max_unsigned(j, subtract_unsigned(end, tec));
        begin = subtract_unsigned(max_unsigned(base, j), move);
    }
    std::uint8_t js[kBytes], peaks[kBytes];
    store_bytes(js, j);
    store_bytes(peaks, highest);
    for (index t = 0; t < kBytes; ++t) scores[t] = peaks[t] + profile.bias >= 255 ? -1 : js[t];
}

static void msv_block(const Msv& args, const MsvProfile& profile, const std::uint8_t* residues, const std::int32_t* lengths,
                      const MsvWork& work, std::int16_t* scores) {
    std::uint8_t moves[kLanes];
    index length = 0;
    for (index t = 0; t < kLanes; ++t) {
        moves[t] = std::uint8_t(args.tjb[lengths[t]] + profile.tbm);
        if (lengths[t] > length) length = lengths[t];
    }
    for (index t = 0; t < kLanes; t += kBytes) msv_lanes(profile, residues + t, length, moves + t, work, scores + t);
}

// Runs MSV for the waiting targets of a profile, gathered into one block.
static void msv_waiting(const Msv& args, index q, MsvWork& work) {
    const MsvProfile& profile = args.profiles[q];
    const std::int64_t* const waiting = work.waiting + q * kLanes;
    std::int32_t lengths[kLanes] = {};
    std::int16_t scores[kLanes];
    index length = 0;
    for (index t = 0; t < work.n_waiting[q]; ++t) {
        lengths[t] = args.lengths[waiting[t]];
        if (lengths[t] > length) length = lengths[t];
    }
    __builtin_memset(work.gathered, 31, length * kLanes);
    for (index t = 0; t < work.n_waiting[q]; ++t) {
        const std::uint8_t* const target = args.residues + args.offsets[waiting[t] / kLanes] + waiting[t] % kLanes;
        for (index i = 0; i < lengths[t]; ++i) work.gathered[i * kLanes + t] = target[i * kLanes];
    }
    msv_block(args, profile, work.gathered, lengths, work, scores);
    for (index t = 0; t < work.n_waiting[q]; ++t)
        args.survivors[q * args.blocks * kLanes + waiting[t]] = scores[t] < 0 || scores[t] >= profile.pass[lengths[t]];
    work.n_waiting[q] = 0;
}

// MSV's score equals SSV's where no path can use the J state (xJ <= base), and is never lower elsewhere. So SSV alone decides, but for
// targets that could use J and do not pass without it.
enum class Ssv { fails, passes, undecided };

AF2CPU_INLINE Ssv judge(const MsvProfile& profile, int peak, int tjb, int pass) {
    const int end = peak + profile.base - tjb - profile.tbm, j = end - profile.tec;
    if (end + profile.bias >= 255 || j >= pass) return Ssv::passes;
    return j > profile.base ? Ssv::undecided : Ssv::fails;
}

static index msv_of_block(const Msv& args, index b, MsvWork& work) {
    const std::int32_t* const lengths = args.lengths + b * kLanes;
    const std::uint8_t* const residues = args.residues + args.offsets[b];
    index length = 0, undecided = 0;
    for (index t = 0; t < kLanes; ++t)
        if (lengths[t] > length) length = lengths[t];
    const SsvTargets targets{work.separate, ssv_pitch(length), lengths};
    separate(residues, length, targets);
    for (index q = 0; q < args.n_profiles; ++q) {
        const MsvProfile& profile = args.profiles[q];
        const index first = (q * args.blocks + b) * kLanes;
        std::uint8_t peaks[kLanes];
        ssv(profile.ssv, targets, peaks);
        if (args.peaks) {
            __builtin_memcpy(args.peaks + first, peaks, kLanes);
            msv_block(args, profile, residues, lengths, work, args.scores + first);
            continue;
        }
        for (index t = 0; t < kLanes; ++t) {
            const Ssv found = judge(profile, peaks[t], args.tjb[lengths[t]], profile.pass[lengths[t]]);
            args.survivors[first + t] = lengths[t] > 0 && found == Ssv::passes;
            if (lengths[t] == 0 || found != Ssv::undecided) continue;
            ++undecided;
            work.waiting[q * kLanes + work.n_waiting[q]++] = b * kLanes + t;
            if (work.n_waiting[q] == kLanes) msv_waiting(args, q, work);
        }
    }
    return undecided;
}

static void msv(const Msv& args) {
    index through_msv = 0;
#pragma omp parallel num_threads(args.threads) if (args.threads > 1) reduction(+ : through_msv)
    {
        MsvWork work{};
        work.longest = args.longest;
        work.profiles = args.n_profiles;
        for (index q = 0; q < args.n_profiles; ++q)
            if (args.profiles[q].length > work.longest_model) work.longest_model = args.profiles[q].length;
        set_up(work);
        for (index q = 0; q < args.n_profiles; ++q) work.n_waiting[q] = 0;
#pragma omp for schedule(dynamic, kMsvBlocks)
        for (index b = 0; b < args.blocks; ++b) through_msv += msv_of_block(args, b, work);
        for (index q = 0; q < args.n_profiles; ++q)
            if (work.n_waiting[q]) msv_waiting(args, q, work);
    }
    *args.through_msv = through_msv;
}

AF2CPU_END
#endif
