// SPDX-License-Identifier: Apache-2.0
#include "base/pack.h"

#include <stdexcept>

#include "base/bf16.h"

namespace af2cpu {

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
    const index k = source.rows, n = source.columns;
    if (k != matrix_.k || column < 0 || column + n > matrix_.panels * layout_.width)
        throw std::invalid_argument("packing: a block does not fit its matrix");
    const auto width = layout_.width, group = layout_.group;
    for (index j = 0; j < n; ++j) {
        const index to = column + j, panel = to / width * width * matrix_.depth + to % width * group;
        for (index p = 0; p < k; ++p) {
            const index from = p * source.row_stride + j * source.column_stride, at = panel + p / group * group * width + p % group;
            const float x = element(source.data, source.type, from);
            if (layout_.type == Type::bf16)
                static_cast<std::uint16_t*>(buffer_.get())[at] = round_to_bf16(x);
            else
                static_cast<float*>(buffer_.get())[at] = x;
        }
    }
}

}  // namespace af2cpu
