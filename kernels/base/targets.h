// SPDX-License-Identifier: Apache-2.0
// FASTA text to HMMER's digital residues, and back; the headers of records as a packed database stores them.
#pragma once

#include <string>
#include <vector>

#include "core/targets.h"

namespace af2cpu {

// Offsets of a FASTA record: of its '>' and the end of its header line in the text, of its first residue among all residues.
struct Record {
    std::int64_t text, header_end, residues;
};

// Writes the digital residues of `text`, which begins with a record, without blanks; `residues` has room for `size`. Appends each record,
// then one that holds the ends. Returns the offset of the first byte that is no residue, or -1.
index digitise(const char* text, index size, std::uint8_t* residues, std::vector<Record>& records);

// Appends the letters of one lane, `rows` from its first byte on.
void append_letters(const std::uint8_t* lane, index rows, std::string& text);

// Stored form of a header: its length and its checksum (32 bits each), then the text. A changed byte always changes the checksum.
constexpr index kEntryHead = 8;
void append_entry(const char* header, index size, std::string& entries);
std::uint32_t entry_checksum(const char* header, index size);

}  // namespace af2cpu
