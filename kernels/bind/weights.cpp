// SPDX-License-Identifier: Apache-2.0
#include "bind/weights.h"

#include <algorithm>

namespace af2cpu {
namespace {

// Axes [first, last) of a tensor merged into one: its size and stride. Throws if no single stride describes them.
void merged(const Tensor& x, int first, int last, const char* name, index& size, index& stride) {
    size = 1;
    stride = first < last ? x.stride(last - 1) : 1;
    for (int i = last; i-- > first;) {
        require(x.shape(i) == 1 || x.stride(i) == size * stride, std::string(name) + ": axes that can't be taken as one");
        size *= index(x.shape(i));
    }
}

Block block_of_axes(const Tensor& x, int depth_axes, const char* name) {
    require(int(x.ndim()) > depth_axes, std::string(name) + ": too few axes");
    Block out{x.data(), type_of(x)};
    merged(x, 0, depth_axes, name, out.rows, out.row_stride);
    merged(x, depth_axes, int(x.ndim()), name, out.columns, out.column_stride);
    return out;
}

}  // namespace

Reader::Reader(const Arrays& arrays) : type(Type::fp32), level(af2cpu::level()), arrays_(arrays) {
    const auto is_matrix = [](const auto& one) { return one.second.ndim() > 1; };
    const auto first = std::find_if(arrays_.begin(), arrays_.end(), is_matrix);
    require(first != arrays_.end(), "packing: no matrix among the weights");
    type = type_of(first->second);
}

const Tensor& Reader::tensor(const char* name) {
    const auto found = arrays_.find(name);
    require(found != arrays_.end(), std::string("packing: no weight ") + name);
    taken_.insert(name);
    return found->second;
}

void Reader::vector(const char* name, const float*& field) { field = floats_.emplace_back(tensor(name)).data(); }

void Reader::optional(const char* name, const float*& field) {
    field = nullptr;
    if (arrays_.count(name)) vector(name, field);
}

void Reader::matrix(const char* name, Matrix& field, int depth_axes) {
    const Block block = block_of_axes(tensor(name), depth_axes, name);
    zeros(block.rows, block.columns, field).place(0, block);
}

void Reader::transposed(const char* name, Matrix& field) { side_by_side({name}, field); }

void Reader::side_by_side(std::initializer_list<const char*> names, Matrix& field) {
    index k = 0, n = 0;
    for (const char* name : names) {
        const Block block = transposed_block(tensor(name), name);
        k = block.rows, n = border(n) + block.columns;
    }
    Packed& packed = zeros(k, n, field);
    index column = 0;
    for (const char* name : names) {
        const Block block = transposed_block(tensor(name), name);
        packed.place(column, block);
        column += border(block.columns);
    }
}

void Reader::interleaved(std::initializer_list<const char*> names, Matrix& field) {
    const index unit = layout().width / 2, count = index(names.size());
    const Block first = transposed_block(tensor(*names.begin()), *names.begin());
    const index n = first.columns;
    Packed& packed = zeros(first.rows, count * ((n + unit - 1) / unit * unit), field);
    index side = 0;
    for (const char* name : names) {
        Block block = transposed_block(tensor(name), name);
        require(block.rows == first.rows && block.columns == n, std::string(name) + ": of another shape than those beside it");
        const index step = unit * block.column_stride * (block.type == Type::bf16 ? 2 : 4);  // bytes from half panel to half panel
        for (index column = 0; column < n; column += unit, block.data = static_cast<const char*>(block.data) + step) {
            block.columns = std::min(unit, n - column);
            packed.place(column * count + side * unit, block);
        }
        ++side;
    }
}

void Reader::behind_zeros(index columns, const char* name, Matrix& field) {
    const Block block = block_of_axes(tensor(name), 1, name);
    zeros(block.rows, columns + block.columns, field).place(columns, block);
}

index Reader::size(const char* name, int axis) { return index(tensor(name).shape(axis)); }

void Reader::finish() {
    for (const auto& one : arrays_) require(taken_.count(one.first), "packing: no kernel takes the weight " + one.first);
    arrays_.clear();
}

Packed& Reader::zeros(index k, index n, Matrix& field) {
    Packed& packed = packed_.emplace_back(layout(), k, n);
    field = packed.matrix();
    return packed;
}

}  // namespace af2cpu
