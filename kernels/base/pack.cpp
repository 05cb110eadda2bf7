// SPDX-License-Identifier: Apache-2.0
#include "base/pack.h"

#include <algorithm>
#include <stdexcept>

#include "base/bf16.h"

namespace af2cpu {
namespace {

void convert(float from, float& to) { to = from; }
void convert(float from, bf16& to) { to.bits = round_to_bf16(from); }
void convert(bf16 from, float& to) { to = widen_bits(from.bits); }
void convert(bf16 from, bf16& to) { to = from; }

}  // namespace

Packed::Packed(const Layout& layout, index k, index n) : layout_(layout) {
    matrix_.k = k;
    matrix_.n = n;
    matrix_.depth = (k + layout.depth - 1) / layout.depth * layout.depth;
    matrix_.panels = (n + layout.width - 1) / layout.width;
    bytes_ = std::size_t(matrix_.panels * layout.width * matrix_.depth) * (layout.type == Type::bf16 ? 2 : 4);
    buffer_ = allocate(bytes_);
    matrix_.data = buffer_.get();
}

void Packed::place(index column, const Block& source) {
    if (source.rows != matrix_.k || column < 0 || column + source.columns > matrix_.panels * layout_.width)
        throw std::invalid_argument("packing: a block does not fit its matrix");
    if (source.type == Type::fp32)
        place_from<float>(column, source);
    else
        place_from<bf16>(column, source);
}

template <class From>
void Packed::place_from(index column, const Block& source) {
    if (layout_.type == Type::fp32)
        place_as<From, float, 1>(column, source);
    else
        place_as<From, bf16, 2>(column, source);
}

template <class From, class To, index Group>
void Packed::place_as(index column, const Block& source) {
    const index k = source.rows, n = source.columns, width = layout_.width;
    const auto* const from = static_cast<const From*>(source.data);
    for (index j = 0, count; j < n; j += count) {  // as many columns as lie in one panel
        const index at = (column + j) % width;
        count = std::min(width - at, n - j);
        To* to = static_cast<To*>(buffer_.get()) + (column + j) / width * width * matrix_.depth + at * Group;
        for (index p = 0; p < k; p += Group, to += width * Group) {
            const From* const row = from + p * source.row_stride + j * source.column_stride;
            const index rows = std::min(Group, k - p);
            if (source.column_stride == 1 && rows == Group)
                for (index i = 0; i < count; ++i)
                    for (index g = 0; g < Group; ++g) convert(row[i + g * source.row_stride], to[i * Group + g]);
            else
                for (index i = 0; i < count; ++i)
                    for (index g = 0; g < rows; ++g) convert(row[i * source.column_stride + g * source.row_stride], to[i * Group + g]);
        }
    }
}

}  // namespace af2cpu
