// SPDX-License-Identifier: Apache-2.0
// Blocks of 64 targets of a search, with a byte or 5 bits per residue: made from targets, and unpacked.
//
// A block holds 64 targets, one per lane: the residue at `row` of a target is byte row * 64 + lane. After the end of a target its
// lane is filled with kPad. A packed block holds groups of 8 rows in 5 planes of 64 bytes, 5 bits per residue: plane k has row k in
// its low 5 bits, and the 15 high bits of a lane's 5 bytes are rows 5, 6 and 7, so that no shift crosses a byte. The code works on
// words of 8 lanes, which the compiler joins to vectors.
// Bytes: 8 rows take 320 packed and 512 unpacked. Operations on whole planes: 21 to unpack, 3 for the checksum of each plane.
#pragma once

#include "base/types.h"

namespace af2cpu {

constexpr index kLanes = 64, kGroupRows = 8, kGroupBytes = 5 * kLanes;
constexpr std::uint8_t kPad = 31;

// Blocks to be made: by block and lane, where a target starts among `residues` and its length, 0 for an empty lane; by block, the
// number of rows and where its bytes start in `out`.
struct MakeBlocks {
    index blocks = 0;
    const std::uint8_t* residues = nullptr;
    const std::int64_t* starts = nullptr;
    const std::int32_t* lengths = nullptr;
    const std::int32_t* rows = nullptr;
    const std::int64_t* offsets = nullptr;
    std::uint8_t* out = nullptr;
    std::uint64_t* checksums = nullptr;  // of packed blocks
};

// Consecutive packed blocks, `groups` of 8 rows each, to be unpacked to a byte per residue.
struct UnpackBlocks {
    index blocks = 0;
    const std::uint8_t* packed = nullptr;
    const std::int32_t* groups = nullptr;
    std::uint8_t* out = nullptr;
    std::uint64_t* checksums = nullptr;  // of what was read
};

}  // namespace af2cpu

#ifdef AF2CPU_LEVEL
#include <cstring>

#include "base/level.h"

AF2CPU_BEGIN

using Word = std::uint64_t;  // 8 lanes

// Rows `row` to `row` + 7 of a target as the bytes of a word, the first in the lowest.
static Word eight_rows(const std::uint8_t* residues, index length, index row) {
    Word word;
    const index left = length - row;
    if (left >= kGroupRows) {
        std::memcpy(&word, residues + row, sizeof word);
    } else {
        std::uint8_t bytes[kGroupRows];
        for (index i = 0; i < kGroupRows; ++i) bytes[i] = i < left ? residues[row + i] : kPad;
        std::memcpy(&word, bytes, sizeof word);
    }
    return word;
}

// Exchanges bytes between rows that are `step` apart, in 8 blocks of 8 x 8 bytes.
template <int step>
static void exchange(Word w[8][8], Word mask) {
    for (int i = 0; i < 8; ++i) {
        if (i & step) continue;
        for (int g = 0; g < 8; ++g) {
            const Word t = ((w[i][g] >> (8 * step)) ^ w[i + step][g]) & mask;
            w[i + step][g] ^= t;
            w[i][g] ^= t << (8 * step);
        }
    }
}

// Eight rows of block b from `row` on: w[i] is row `row` + i.
static void eight_rows_of(const MakeBlocks& args, index b, index row, Word w[8][8]) {
    for (int lane = 0; lane < kLanes; ++lane) {
        const index target = b * kLanes + lane;
        w[lane % 8][lane / 8] = eight_rows(args.residues + args.starts[target], args.lengths[target], row);
    }
    exchange<4>(w, 0x00000000ffffffffu);  // now w[i][g] holds lanes 8 g .. 8 g + 7 of row i
    exchange<2>(w, 0x0000ffff0000ffffu);
    exchange<1>(w, 0x00ff00ff00ff00ffu);
}

// A checksum that a change within 8 aligned bytes always alters, since each step can be undone: a chain of multiplications for each
// of the 8 words of a plane, joined at the end.
struct Checksum {
    static constexpr Word kFactor = 0x9e3779b97f4a7c15u;
    Word chain[8] = {1, 2, 3, 4, 5, 6, 7, 8};

    static Word step(Word sum, Word word) {
        sum ^= word;
        return (sum << 29 | sum >> 35) * kFactor;
    }
    void add(const Word planes[5][8]) {
        for (int k = 0; k < 5; ++k)
            for (int i = 0; i < 8; ++i) chain[i] = step(chain[i], planes[k][i]);
    }
    Word value() const {
        Word sum = kFactor;
        for (const Word word : chain) sum = step(sum, word);
        return sum ^ sum >> 32;
    }
};

static constexpr Word each(Word byte) { return byte * 0x0101010101010101u; }

static void interleave(const MakeBlocks& args) {
    Word w[8][8];
    for (index b = 0; b < args.blocks; ++b) {
        std::uint8_t* const out = args.out + args.offsets[b];
        for (index row = 0; row < args.rows[b]; row += kGroupRows) {
            eight_rows_of(args, b, row, w);
            const index left = args.rows[b] - row;
            std::memcpy(out + row * kLanes, w, std::size_t((left < kGroupRows ? left : kGroupRows) * kLanes));
        }
    }
}

static void pack_blocks(const MakeBlocks& args) {
    for (index b = 0; b < args.blocks; ++b) {
        Checksum checksum;
        std::uint8_t* out = args.out + args.offsets[b];
        for (index row = 0; row < args.rows[b]; row += kGroupRows, out += kGroupBytes) {
            Word r[8][8], p[5][8];
            eight_rows_of(args, b, row, r);
            for (int i = 0; i < 8; ++i) {
                p[0][i] = r[0][i] | (r[5][i] << 5 & each(0xe0));
                p[1][i] = r[1][i] | (r[5][i] << 2 & each(0x60)) | (r[7][i] << 4 & each(0x80));
                p[2][i] = r[2][i] | (r[6][i] << 5 & each(0xe0));
                p[3][i] = r[3][i] | (r[6][i] << 2 & each(0x60)) | (r[7][i] << 3 & each(0x80));
                p[4][i] = r[4][i] | (r[7][i] << 5 & each(0xe0));
            }
            checksum.add(p);
            std::memcpy(out, p, sizeof p);
        }
        args.checksums[b] = checksum.value();
    }
}

static void unpack_blocks(const UnpackBlocks& args) {
    const std::uint8_t* packed = args.packed;
    std::uint8_t* out = args.out;
    for (index b = 0; b < args.blocks; ++b) {
        Checksum checksum;
        for (index group = 0; group < args.groups[b]; ++group, packed += kGroupBytes, out += kGroupRows * kLanes) {
            Word r[8][8], p[5][8];
            std::memcpy(p, packed, sizeof p);
            checksum.add(p);
            for (int k = 0; k < 5; ++k)
                for (int i = 0; i < 8; ++i) r[k][i] = p[k][i] & each(0x1f);
            for (int i = 0; i < 8; ++i) {
                r[5][i] = (p[0][i] >> 5 & each(7)) | (p[1][i] >> 2 & each(0x18));
                r[6][i] = (p[2][i] >> 5 & each(7)) | (p[3][i] >> 2 & each(0x18));
                r[7][i] = (p[4][i] >> 5 & each(7)) | (p[1][i] >> 4 & each(8)) | (p[3][i] >> 3 & each(0x10));
            }
            std::memcpy(out, r, sizeof r);
        }
        args.checksums[b] = checksum.value();
    }
}

AF2CPU_END
#endif
