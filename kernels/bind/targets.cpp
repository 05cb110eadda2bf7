// SPDX-License-Identifier: Apache-2.0
#include "base/targets.h"

#include <nanobind/stl/string.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "bind/arrays.h"
#include "bind/module.h"

namespace af2cpu {
namespace {

template <class T>
using Vector = nb::ndarray<T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
template <class T>
using Lanes = nb::ndarray<T, nb::shape<-1, kLanes>, nb::c_contig, nb::device::cpu>;
using Bytes = Vector<const std::uint8_t>;
using Offsets = Vector<const std::int64_t>;

template <class T>
nb::ndarray<nb::numpy, T> given(std::unique_ptr<T[]> data, std::initializer_list<std::size_t> shape) {
    T* const raw = data.release();
    return nb::ndarray<nb::numpy, T>(raw, shape, nb::capsule(raw, [](void* p) noexcept { delete[] static_cast<T*>(p); }));
}

// (records, offset of a byte that is no residue or -1)
nb::tuple digitised(const Bytes& text, const Vector<std::uint8_t>& residues) {
    require(residues.size() >= text.size(), "digitise: the output is smaller than the text");
    std::vector<Record> records;
    index bad;
    {
        const nb::gil_scoped_release release;
        bad = digitise(reinterpret_cast<const char*>(text.data()), index(text.size()), residues.data(), records);
    }
    std::unique_ptr<std::int64_t[]> table(new std::int64_t[3 * records.size()]);
    if (!records.empty()) std::memcpy(table.get(), records.data(), sizeof(Record) * records.size());
    return nb::make_tuple(given(std::move(table), {records.size(), 3}), bad);
}

index packed_bytes(index rows) { return (rows + kGroupRows - 1) / kGroupRows * kGroupBytes; }
index plain_bytes(index rows) { return rows * kLanes; }

// Input and output of the kernels that make blocks.
struct Blocks {
    Bytes residues;
    Lanes<const std::int64_t> starts;
    Lanes<const std::int32_t> lengths;
    Offsets offsets;
    Vector<std::uint8_t> out;

    // The arguments of the kernels, with the rows of each block: its longest target. Throws nb::value_error if a target is not
    // within the residues, or a block not within the output.
    MakeBlocks checked(index (*bytes)(index), std::vector<std::int32_t>& rows) const {
        const std::size_t blocks = offsets.size();
        require(starts.shape(0) == blocks && lengths.shape(0) == blocks, "blocks: sizes differ");
        rows.assign(blocks, 0);
        for (std::size_t i = 0; i < blocks * kLanes; ++i) {
            const std::int64_t start = starts.data()[i];
            const std::int32_t length = lengths.data()[i];
            require(start >= 0 && length >= 0 && start + length <= index(residues.size()), "blocks: a target is outside of the residues");
            rows[i / kLanes] = std::max(rows[i / kLanes], length);
        }
        for (std::size_t b = 0; b < blocks; ++b) {
            const std::int64_t offset = offsets.data()[b];
            require(offset >= 0 && offset + bytes(rows[b]) <= index(out.size()), "blocks: a block is outside of the output");
        }
        return {index(blocks), residues.data(), starts.data(), lengths.data(), rows.data(), offsets.data(), out.data()};
    }
};

void interleaved(const Bytes& residues, const Lanes<const std::int64_t>& starts, const Lanes<const std::int32_t>& lengths,
                 const Offsets& offsets, const Vector<std::uint8_t>& out) {
    std::vector<std::int32_t> rows;
    const MakeBlocks args = Blocks{residues, starts, lengths, offsets, out}.checked(plain_bytes, rows);
    const nb::gil_scoped_release release;
    kernels().interleave(args);
}

void packed(const Bytes& residues, const Lanes<const std::int64_t>& starts, const Lanes<const std::int32_t>& lengths,
            const Offsets& offsets, const Vector<std::uint8_t>& out, const Vector<std::uint64_t>& checksums) {
    std::vector<std::int32_t> rows;
    MakeBlocks args = Blocks{residues, starts, lengths, offsets, out}.checked(packed_bytes, rows);
    require(checksums.size() == offsets.size(), "blocks: sizes differ");
    args.checksums = checksums.data();
    const nb::gil_scoped_release release;
    kernels().pack_blocks(args);
}

void unpacked(const Bytes& packed, const Vector<std::uint8_t>& out, const Vector<const std::int32_t>& groups,
              const Vector<std::uint64_t>& checksums) {
    index total = 0;
    for (std::size_t b = 0; b < groups.size(); ++b) {
        require(groups.data()[b] >= 0, "unpack: a negative number of groups");
        total += groups.data()[b];
    }
    require(total * kGroupBytes <= index(packed.size()) && total * kGroupRows * kLanes <= index(out.size()) &&
                checksums.size() == groups.size(),
            "unpack: sizes differ");
    const nb::gil_scoped_release release;
    kernels().unpack_blocks({index(groups.size()), packed.data(), groups.data(), out.data(), checksums.data()});
}

// The stored headers of records (their '>' to the end of the line), and where each begins.
nb::tuple entries_of(const Bytes& text, const Offsets& starts, const Offsets& ends) {
    require(starts.size() == ends.size(), "headers: sizes differ");
    std::string entries;
    std::unique_ptr<std::int64_t[]> places(new std::int64_t[starts.size()]);
    for (std::size_t i = 0; i < starts.size(); ++i) {
        const std::int64_t start = starts.data()[i], end = ends.data()[i];
        require(0 <= start && start <= end && end <= index(text.size()), "headers: one is outside of the text");
        places[i] = std::int64_t(entries.size());
        append_entry(reinterpret_cast<const char*>(text.data()) + start, end - start, entries);
    }
    return nb::make_tuple(nb::bytes(entries.data(), entries.size()), given(std::move(places), {starts.size()}));
}

// Reads `size` bytes of a file. Returns 0, an error number, or -1 where the file ends.
int read_at(int file, char* to, std::size_t size, std::int64_t offset) {
    while (size > 0) {
        const ssize_t got = ::pread(file, to, size, offset);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got < 0 ? errno : -1;
        to += got, offset += got, size -= std::size_t(got);
    }
    return 0;
}

// Appends a stored header. Returns 0, an error number, -1 where the file ends, or -2 where it is damaged.
int append_header(int file, std::int64_t offset, std::string& text) {
    constexpr std::size_t most = 1 << 24;
    std::uint32_t head[2];
    if (const int failure = read_at(file, reinterpret_cast<char*>(head), sizeof head, offset)) return failure;
    if (head[0] > most) return -2;
    const std::size_t place = text.size();
    text.resize(place + head[0]);
    if (const int failure = read_at(file, text.data() + place, head[0], offset + kEntryHead)) return failure;
    return entry_checksum(text.data() + place, head[0]) == head[1] ? 0 : -2;
}

// (FASTA text, 0), or (empty, failure) as `append_header`.
nb::tuple fasta_of(int file, const Offsets& headers, const Bytes& residues, const Offsets& lanes,
                   const Vector<const std::int32_t>& lengths) {
    const std::size_t n = lanes.size();
    require(headers.size() == n && lengths.size() == n, "fasta: sizes differ");
    for (std::size_t i = 0; i < n; ++i) {
        const std::int64_t first = lanes.data()[i], length = lengths.data()[i];
        require(first >= 0 && length > 0 && first + (length - 1) * kLanes < index(residues.size()),
                "fasta: a target is outside of the residues");
    }
    std::string text;
    int failure = 0;
    {
        const nb::gil_scoped_release release;
        for (std::size_t i = 0; i < n && !failure; ++i) {
            failure = append_header(file, headers.data()[i], text);
            text.push_back('\n');
            append_letters(residues.data() + lanes.data()[i], lengths.data()[i], text);
            text.push_back('\n');
        }
    }
    if (failure) text.clear();
    return nb::make_tuple(nb::bytes(text.data(), text.size()), failure);
}

}  // namespace

void bind_targets(nb::module_& m) {
    m.def("digitise", &digitised, nb::arg("text"), nb::arg("residues"),
          "FASTA text to digital residues. Returns (records [n + 1, 3], offset of a byte that is no residue or -1). A record: the offsets "
          "of its '>', of the end of its header line and of its first residue; the last row has the ends.");
    m.def("header_entries", &entries_of, nb::arg("text"), nb::arg("starts"), nb::arg("ends"),
          "Headers [start, end) of a text as they are stored: (bytes, where each begins).");
    m.def("interleave", &interleaved, nb::arg("residues"), nb::arg("starts"), nb::arg("lengths"), nb::arg("offsets"), nb::arg("out"),
          "Blocks of 64 targets, one per lane, a byte per residue.");
    m.def("pack_blocks", &packed, nb::arg("residues"), nb::arg("starts"), nb::arg("lengths"), nb::arg("offsets"), nb::arg("out"),
          nb::arg("checksums"), "Blocks of 64 targets, 5 bits per residue, and their checksums.");
    m.def("unpack_blocks", &unpacked, nb::arg("packed"), nb::arg("out"), nb::arg("groups"), nb::arg("checksums"),
          "Packed blocks that follow each other, as a byte per residue, and the checksums of what was read.");
    m.def("fasta_of", &fasta_of, nb::arg("file"), nb::arg("headers"), nb::arg("residues"), nb::arg("lanes"), nb::arg("lengths"),
          "Targets of blocks as FASTA, with the stored headers at offsets of a file: (text, 0), or (empty, failure): an error number, -1 "
          "where the file ends, -2 where a header is damaged.");
}

}  // namespace af2cpu
