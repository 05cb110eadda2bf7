// SPDX-License-Identifier: Apache-2.0
// The records that the bindings, the packing and the levels exchange: plain data, no code.
#pragma once

#include <cstddef>
#include <cstdint>

namespace af2cpu {

using index = std::ptrdiff_t;

struct bf16 {
    std::uint16_t bits;
};

enum class Type : int { fp32 = 0, bf16 = 1 };

// A tensor of three axes whose last is contiguous; sizes and strides count elements. Fewer axes: leading ones of size 1.
struct Array {
    void* data = nullptr;
    Type type = Type::fp32;
    index size[3] = {1, 1, 0};
    index stride[2] = {0, 0};
};

// A tensor of two axes with any strides: a mask, or a weight as the caller holds it.
struct Block {
    const void* data = nullptr;
    Type type = Type::fp32;
    index rows = 0, columns = 0, row_stride = 0, column_stride = 0;
};

// Layout of the right side of a product at one level: panels of `width` columns; within a panel, `group` rows of each column are
// adjacent (pairs for bf16 dot products). Rows are padded with zeros to a multiple of `depth`.
struct Layout {
    index width, group, depth;
    Type type;  // of the packed elements and of the left side: fp32, or bf16 where the level multiplies bf16
};

// A right side B [k, n], packed: element (p, j) is at panel j / width, then [p / group][j % width][p % group].
struct Matrix {
    const void* data = nullptr;
    index k = 0, n = 0;  // as given
    index depth = 0;     // k, padded
    index panels = 0;    // of `width` columns
};

}  // namespace af2cpu
