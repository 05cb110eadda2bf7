#include "bind/weights.h"

#include <algorithm>

namespace af2cpu {
namespace {

// Axes [first, last) of a tensor as one: its size, and the stride of its elements. Throws where they do not lie evenly.
void merged(const Tensor& x, int first, int last, const char* name, index& size, index& stride) {
    size = 1;
    stride = first < last ? x.stride(last - 1) : 1;
    for (int i = last; i-- > first;) {
        require(x.shape(i) == 1 || x.stride(i) == size * stride, std::string(name) + ": axes that can't be taken as one");
        size *= index(x.shape(i));
    }
}

Array block_of_axes(const Tensor& x, int depth_axes, const char* name) {
    require(int(x.ndim()) > depth_axes, std::string(name) + ": too few axes");
    Array out;
    out.data = x.data();
    out.type = type_of(x);
    merged(x, 0, depth_axes, name, out.size[1], out.stride[0]);
    merged(x, depth_axes, int(x.ndim()), name, out.size[2], out.stride[1]);
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
    const Array block = block_of_axes(tensor(name), depth_axes, name);
    zeros(block.size[1], block.size[2], field).place(0, block);
}

void Reader::transposed(const char* name, Matrix& field) { side_by_side({name}, field); }

void Reader::side_by_side(std::initializer_list<const char*> names, Matrix& field) {
    index k = 0, n = 0;
    for (const char* name : names) {
        const Array block = transposed_block(tensor(name), name);
        k = block.size[1], n = border(n) + block.size[2];
    }
    Packed& packed = zeros(k, n, field);
    index column = 0;
    for (const char* name : names) {
        const Array block = transposed_block(tensor(name), name);
        packed.place(column, block);
        column += border(block.size[2]);
    }
}

void Reader::interleaved(std::initializer_list<const char*> names, Matrix& field) {
    const index width = layout().width, count = index(names.size());
    const Array first = transposed_block(tensor(*names.begin()), *names.begin());
    const index n = first.size[2];
    Packed& packed = zeros(first.size[1], count * border(n), field);
    index side = 0;
    for (const char* name : names) {
        Array block = transposed_block(tensor(name), name);
        require(block.size[1] == first.size[1] && block.size[2] == n, std::string(name) + ": of another shape than those beside it");
        const index step = width * block.stride[1] * (block.type == Type::bf16 ? 2 : 4);  // bytes from panel to panel
        for (index column = 0; column < n; column += width, block.data = static_cast<char*>(block.data) + step) {
            block.size[2] = std::min(width, n - column);
            packed.place((column / width * count + side) * width, block);
        }
        ++side;
    }
}

void Reader::behind_zeros(index columns, const char* name, Matrix& field) {
    const Array block = block_of_axes(tensor(name), 1, name);
    zeros(block.size[1], columns + block.size[2], field).place(columns, block);
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
