// SPDX-License-Identifier: Apache-2.0
#include "bind/arrays.h"

#include "base/bf16.h"

namespace af2cpu {

void require(bool holds, const std::string& what) {
    if (!holds) throw nb::value_error(what.c_str());
}

Type type_of(const Tensor& x) {
    if (x.dtype() == nb::dtype<float>()) return Type::fp32;
    if (x.dtype().code == std::uint8_t(nb::dlpack::dtype_code::Bfloat) && x.dtype().bits == 16) return Type::bf16;
    throw nb::type_error("a kernel takes float32 or bfloat16");
}

Array array_of(const Tensor& x, const char* name) {
    require(x.ndim() >= 1 && x.ndim() <= 3, std::string(name) + ": one to three axes");
    Array out;
    out.data = x.data();
    out.type = type_of(x);
    const index n = index(x.ndim());
    for (index i = 0; i < n; ++i) out.size[3 - n + i] = index(x.shape(i));
    for (index i = 0; i + 1 < n; ++i) out.stride[3 - n + i] = x.stride(i);
    require(out.size[2] <= 1 || x.stride(n - 1) == 1, std::string(name) + ": the last axis must be contiguous");
    return out;
}

Block block_of(const Tensor& x, const char* name) {
    require(x.ndim() == 2, std::string(name) + ": two axes");
    return {x.data(), type_of(x), index(x.shape(0)), index(x.shape(1)), x.stride(0), x.stride(1)};
}

Block transposed_block(const Tensor& x, const char* name) {
    const Block block = block_of(x, name);
    return {block.data, block.type, block.columns, block.rows, block.column_stride, block.row_stride};
}

Block mask_of(const Tensor& mask, const Array& x) {
    const Block out = block_of(mask, "mask");
    require(out.type == x.type && out.rows == x.size[0] && out.columns == x.size[1], "a mask of another size or type than x");
    return out;
}

Floats factors_of(const std::optional<Tensor>& factors, const Array& x) {
    if (!factors) return {};
    const Block block = block_of(*factors, "factors");
    require(block.rows == x.size[1] && block.columns == x.size[2], "factors: not [n, c] of x");
    return Floats(*factors);
}

Floats::Floats(const Tensor& x) : size_(index(x.size())) {
    buffer_ = allocate(std::size_t(size_ + 64) * sizeof(float));
    require(x.ndim() >= 1 && x.ndim() <= 2, "a vector of parameters: one or two axes");
    const bool two = x.ndim() == 2;
    const index rows = two ? index(x.shape(0)) : 1, columns = index(x.shape(two)), at_row = two ? x.stride(0) : 0, at = x.stride(two);
    const Type type = type_of(x);
    auto* out = static_cast<float*>(buffer_.get());
    for (index r = 0; r < rows; ++r)
        for (index i = 0; i < columns; ++i) out[r * columns + i] = element(x.data(), type, r * at_row + i * at);
}

}  // namespace af2cpu
