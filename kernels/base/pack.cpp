#include "base/pack.h"

#include <cstring>
#include <stdexcept>

namespace af2cpu {
namespace {

float widen(std::uint16_t x) {
    const std::uint32_t bits = std::uint32_t(x) << 16;
    float y;
    std::memcpy(&y, &bits, 4);
    return y;
}

std::uint16_t round_to_bf16(float x) {
    std::uint32_t bits;
    std::memcpy(&bits, &x, 4);
    if (x != x) return std::uint16_t(bits >> 16 | 0x40);
    return std::uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

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

void Packed::place(index column, const Array& source) {
    const index k = source.size[1], n = source.size[2];
    if (k != matrix_.k || column < 0 || column + n > matrix_.panels * layout_.width)
        throw std::invalid_argument("packing: a block does not fit its matrix");
    const auto width = layout_.width, group = layout_.group;
    for (index j = 0; j < n; ++j) {
        const index to = column + j, panel = to / width * width * matrix_.depth + to % width * group;
        for (index p = 0; p < k; ++p) {
            const index from = p * source.stride[0] + j * source.stride[1], at = panel + p / group * group * width + p % group;
            const float x = source.type == Type::bf16 ? widen(static_cast<const std::uint16_t*>(source.data)[from])
                                                               : static_cast<const float*>(source.data)[from];
            if (layout_.type == Type::bf16)
                static_cast<std::uint16_t*>(buffer_.get())[at] = round_to_bf16(x);
            else
                static_cast<float*>(buffer_.get())[at] = x;
        }
    }
}

}  // namespace af2cpu
