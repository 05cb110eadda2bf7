// SPDX-License-Identifier: Apache-2.0
// HMMER's first filter, SSV and MSV, on many targets at once: one target per lane, HMMER's own 8-bit scores.
//
// Layout: a block has 64 targets with their residues interleaved: byte 64 i + t is residue i of target t, code 31 after its end. A
// model has 32 costs per position, one for each residue code.
// SSV: s(i, k) = s(i-1, k-1) - cost(k, residue i), saturating below at the score of a new start; its result is the maximum of all s.
// Blocking: a sweep takes kSsvRows residues through the model, diagonals in registers; the last row is kept in L1 for the next sweep.
// A model is cut into strips of kSsvStrip positions so that row and costs stay in L1; between strips, a column of s is kept. All
// models take a block while it is in L2.
// MSV adds the J state, which needs the maximum of a row before the next row: one residue at a time. It runs for targets whose SSV
// score lies between the use of J and the threshold, some 0.1 %, gathered into full blocks.
// Bytes: per model position and sweep 32 of costs, 64 of the row read and 64 written. Operations: lookup, subtraction, maximum per cell.
#pragma once

#include "base/types.h"

namespace af2cpu {

// One model, in the integers of HMMER's optimized profile.
struct MsvProfile {
    index length = 0;                    // model positions, padded to an even number
    const std::uint8_t* ssv = nullptr;   // [length, 32] signed costs (sbv); 127 for codes and positions that do not exist
    const std::uint8_t* msv = nullptr;   // [length, 32] costs with bias (rbv); 255 there
    const std::uint8_t* pass = nullptr;  // by target length: the lowest xJ that passes; 255 if none does
    int base = 0, bias = 0, tec = 0, tbm = 0;
};

constexpr index kMsvLanes = 64;

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
#include "base/bytes.h"
#include "base/scratch.h"

AF2CPU_BEGIN

// Rows per sweep and accumulators of the maximum, as many as fit the registers; measured on Zen 5.
#if defined(AF2CPU_VBMI)
constexpr int kSsvRows = 8, kSsvPeaks = 4;
#elif AF2CPU_ISA >= AF2CPU_IS_avx512
constexpr int kSsvRows = 6, kSsvPeaks = 4;  // a row takes one of 7 masks
#else
constexpr int kSsvRows = 6, kSsvPeaks = 2;
#endif
constexpr index kSsvStrip = 256, kMsvBlocks = 4;

struct MsvWork {
    index longest, longest_model, profiles;
    std::uint8_t *row, *column, *gathered;
    std::int64_t* waiting;  // [profiles, 64]: targets that wait for MSV
    index* n_waiting;

    void lay(Arena& arena) {
        row = arena.take<std::uint8_t>(longest_model * kMsvLanes);
        column = arena.take<std::uint8_t>(longest * kMsvLanes);
        gathered = arena.take<std::uint8_t>(longest * kMsvLanes);
        waiting = arena.take<std::int64_t>(profiles * kMsvLanes);
        n_waiting = arena.take<index>(profiles);
    }
};

// One model position: s of each row from s of the row above, one position before.
AF2CPU_INLINE void ssv_position(const Lookup& costs, const Codes (&codes)[kSsvRows], B above, const B (&before)[kSsvRows],
                                B (&after)[kSsvRows], B (&peaks)[kSsvPeaks]) {
#pragma GCC unroll 8
    for (int r = 0; r < kSsvRows; ++r) {
        after[r] = subtract_signed(r ? before[r - 1] : above, look_up(costs, codes[r]));
        peaks[r % kSsvPeaks] = max_signed(peaks[r % kSsvPeaks], after[r]);
    }
}

// kSsvRows residues through n positions (an even number). `row`: s of the row above, replaced by that of the last row. `left`: s of
// the position before the first one, in the row above and in each row; replaced by s of position n.
AF2CPU_INLINE B ssv_sweep(const std::uint8_t* const (&residues)[kSsvRows], const std::uint8_t* costs, index n, std::uint8_t* row,
                          B (&left)[kSsvRows + 1], B peak) {
    Codes codes[kSsvRows];
    B s[kSsvRows], t[kSsvRows], above = left[0], peaks[kSsvPeaks];
    for (int p = 0; p < kSsvPeaks; ++p) peaks[p] = peak;
#pragma GCC unroll 8
    for (int r = 0; r < kSsvRows; ++r) {
        codes[r] = load_codes(residues[r]);
        s[r] = left[r + 1];
    }
    for (index k = 0; k < n; k += 2) {
        ssv_position(load_lookup(costs + k * 32), codes, above, s, t, peaks);
        above = load_bytes(row + k * kBytes);
        store_bytes(row + k * kBytes, t[kSsvRows - 1]);
        ssv_position(load_lookup(costs + k * 32 + 32), codes, above, t, s, peaks);
        above = load_bytes(row + k * kBytes + kBytes);
        store_bytes(row + k * kBytes + kBytes, s[kSsvRows - 1]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kSsvRows; ++r) left[r + 1] = s[r];
    for (int p = 1; p < kSsvPeaks; ++p) peaks[0] = max_signed(peaks[0], peaks[p]);
    return peaks[0];
}

alignas(64) static const std::uint8_t kNoResidues[kMsvLanes] = {
#define AF2CPU_EIGHT 31, 31, 31, 31, 31, 31, 31, 31
    AF2CPU_EIGHT, AF2CPU_EIGHT, AF2CPU_EIGHT, AF2CPU_EIGHT, AF2CPU_EIGHT,
    AF2CPU_EIGHT, AF2CPU_EIGHT, AF2CPU_EIGHT
#undef AF2CPU_EIGHT
};

// SSV's maximum, counted from its floor, of kBytes lanes of a block of `length` residues.
static void ssv(const MsvProfile& profile, const std::uint8_t* residues, index length, const MsvWork& work, std::uint8_t* peaks) {
    const B floor = splat_byte(128);
    B peak = floor;
    for (index first = 0; first < profile.length; first += kSsvStrip) {
        const index n = first + kSsvStrip < profile.length ? kSsvStrip : profile.length - first;
        for (index k = 0; k < n; ++k) store_bytes(work.row + k * kBytes, floor);
        B corner = floor;
        for (index i = 0; i < length; i += kSsvRows) {
            const std::uint8_t* rows[kSsvRows];
            B left[kSsvRows + 1] = {corner};
            for (int r = 0; r < kSsvRows; ++r) {
                rows[r] = i + r < length ? residues + (i + r) * kMsvLanes : kNoResidues;
                left[r + 1] = first && i + r < length ? load_bytes(work.column + (i + r) * kBytes) : floor;
            }
            corner = left[kSsvRows];
            peak = ssv_sweep(rows, profile.ssv + first * 32, n, work.row, left, peak);
            for (int r = 0; r < kSsvRows && i + r < length; ++r) store_bytes(work.column + (i + r) * kBytes, left[r + 1]);
        }
    }
    store_bytes(peaks, peak ^ floor);
}

// xJ of MSV, -1 where it overflows, for kBytes lanes. `moves`: tjb + tbm of each lane.
static void msv_lanes(const MsvProfile& profile, const std::uint8_t* residues, index length, const std::uint8_t* moves, const MsvWork& work,
                      std::int16_t* scores) {
    const B bias = splat_byte(profile.bias), base = splat_byte(profile.base), tec = splat_byte(profile.tec), zero = splat_byte(0);
    const B move = load_bytes(moves);
    B j = zero, highest = zero, begin = subtract_unsigned(base, move);
    for (index k = 0; k < profile.length; ++k) store_bytes(work.row + k * kBytes, zero);
    for (index i = 0; i < length; ++i) {
        const Codes codes = load_codes(residues + i * kMsvLanes);
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
    std::uint8_t moves[kMsvLanes];
    index length = 0;
    for (index t = 0; t < kMsvLanes; ++t) {
        moves[t] = std::uint8_t(args.tjb[lengths[t]] + profile.tbm);
        if (lengths[t] > length) length = lengths[t];
    }
    for (index t = 0; t < kMsvLanes; t += kBytes) msv_lanes(profile, residues + t, length, moves + t, work, scores + t);
}

// Runs MSV for the waiting targets of a profile, gathered into one block.
static void msv_waiting(const Msv& args, index q, MsvWork& work) {
    const MsvProfile& profile = args.profiles[q];
    const std::int64_t* const waiting = work.waiting + q * kMsvLanes;
    std::int32_t lengths[kMsvLanes] = {};
    std::int16_t scores[kMsvLanes];
    index length = 0;
    for (index t = 0; t < work.n_waiting[q]; ++t) {
        lengths[t] = args.lengths[waiting[t]];
        if (lengths[t] > length) length = lengths[t];
    }
    __builtin_memset(work.gathered, 31, length * kMsvLanes);
    for (index t = 0; t < work.n_waiting[q]; ++t) {
        const std::uint8_t* const target = args.residues + args.offsets[waiting[t] / kMsvLanes] + waiting[t] % kMsvLanes;
        for (index i = 0; i < lengths[t]; ++i) work.gathered[i * kMsvLanes + t] = target[i * kMsvLanes];
    }
    msv_block(args, profile, work.gathered, lengths, work, scores);
    for (index t = 0; t < work.n_waiting[q]; ++t)
        args.survivors[q * args.blocks * kMsvLanes + waiting[t]] = scores[t] < 0 || scores[t] >= profile.pass[lengths[t]];
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
    const std::int32_t* const lengths = args.lengths + b * kMsvLanes;
    const std::uint8_t* const residues = args.residues + args.offsets[b];
    index length = 0, undecided = 0;
    for (index t = 0; t < kMsvLanes; ++t)
        if (lengths[t] > length) length = lengths[t];
    for (index q = 0; q < args.n_profiles; ++q) {
        const MsvProfile& profile = args.profiles[q];
        const index first = (q * args.blocks + b) * kMsvLanes;
        std::uint8_t peaks[kMsvLanes];
        for (index t = 0; t < kMsvLanes; t += kBytes) ssv(profile, residues + t, length, work, peaks + t);
        if (args.peaks) {
            __builtin_memcpy(args.peaks + first, peaks, kMsvLanes);
            msv_block(args, profile, residues, lengths, work, args.scores + first);
            continue;
        }
        for (index t = 0; t < kMsvLanes; ++t) {
            const Ssv found = judge(profile, peaks[t], args.tjb[lengths[t]], profile.pass[lengths[t]]);
            args.survivors[first + t] = lengths[t] > 0 && found == Ssv::passes;
            if (lengths[t] == 0 || found != Ssv::undecided) continue;
            ++undecided;
            work.waiting[q * kMsvLanes + work.n_waiting[q]++] = b * kMsvLanes + t;
            if (work.n_waiting[q] == kMsvLanes) msv_waiting(args, q, work);
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
