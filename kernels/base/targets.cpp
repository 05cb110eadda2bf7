// SPDX-License-Identifier: Apache-2.0
#include "base/targets.h"

#include <array>
#include <cstring>

namespace af2cpu {
namespace {

constexpr char kLetters[] = "ACDEFGHIKLMNPQRSTVWY-BJZOUX*~";  // Easel's amino alphabet, by code
constexpr std::uint8_t kBlank = 128, kIllegal = 129;

std::array<std::uint8_t, 256> digital_codes() {
    std::array<std::uint8_t, 256> codes;
    codes.fill(kIllegal);
    for (const char c : {' ', '\t', '\r', '\n'}) codes[std::uint8_t(c)] = kBlank;
    for (int code = 0; kLetters[code]; ++code) {
        const char c = kLetters[code];
        if (c >= 'A' && c <= 'Z') codes[std::uint8_t(c)] = codes[std::uint8_t(c + 32)] = std::uint8_t(code);
    }
    codes['*'] = 27;
    return codes;
}

const std::array<std::uint8_t, 256> kCodes = digital_codes();

// A line of residues. Returns the end of what was written, or nullptr with `line` at the byte that is no residue.
std::uint8_t* digitise_line(const std::uint8_t*& line, const std::uint8_t* end, std::uint8_t* out) {
    const index size = end - line;
    std::uint8_t flags = 0;
    for (index i = 0; i < size; ++i) flags |= out[i] = kCodes[line[i]];
    if (flags < kBlank) return out + size;
    for (; line < end; ++line) {
        const std::uint8_t code = kCodes[*line];
        if (code == kIllegal) return nullptr;
        if (code != kBlank) *out++ = code;
    }
    return out;
}

}  // namespace

index digitise(const char* text, index size, std::uint8_t* residues, std::vector<Record>& records) {
    const auto* const begin = reinterpret_cast<const std::uint8_t*>(text);
    const auto *at = begin, *const end = begin + size;
    std::uint8_t* out = residues;
    while (at < end) {
        const auto* stop = static_cast<const std::uint8_t*>(std::memchr(at, '\n', std::size_t(end - at)));
        if (!stop) stop = end;
        if (*at == '>') {
            records.push_back({at - begin, stop - begin, out - residues});
        } else {
            const std::uint8_t* const start = out;
            out = digitise_line(at, stop, out);
            if (!out) return at - begin;
            if (out != start && records.empty()) return 0;  // residues before the first record
        }
        at = stop + 1;
    }
    records.push_back({size, size, out - residues});
    return -1;
}

void append_letters(const std::uint8_t* lane, index rows, std::string& text) {
    for (index row = 0; row < rows; ++row) text.push_back(kLetters[lane[row * kLanes] & 31]);
}

std::uint32_t entry_checksum(const char* header, index size) {
    std::uint32_t sum = std::uint32_t(size);
    for (index i = 0; i < size; ++i) {
        sum ^= std::uint8_t(header[i]);
        sum = (sum << 13 | sum >> 19) * 0x9e3779b1u;
    }
    return sum;
}

void append_entry(const char* header, index size, std::string& entries) {
    const std::uint32_t head[2] = {std::uint32_t(size), entry_checksum(header, size)};
    entries.append(reinterpret_cast<const char*>(head), sizeof head);
    entries.append(header, std::size_t(size));
}

}  // namespace af2cpu
