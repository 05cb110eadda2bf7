// SPDX-License-Identifier: Apache-2.0
// Arguments of the kernels: tensors arrive through DLPack, are checked, and are passed on as plain pointers and strides.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <optional>
#include <string>

#include "base/cpu.h"
#include "base/memory.h"
#include "base/pack.h"

namespace af2cpu {

namespace nb = nanobind;
using Tensor = nb::ndarray<nb::device::cpu>;

// float32 or bfloat16, else nb::type_error.
Type type_of(const Tensor& x);

// A tensor of up to three axes whose last is contiguous. Throws nb::value_error with `name` otherwise.
Array array_of(const Tensor& x, const char* name);

// A tensor of two axes with any strides. Throws nb::value_error with `name` for another number of axes.
Block block_of(const Tensor& x, const char* name);

// The transpose [k, n] of a weight [n, k] as torch.nn.Linear has it.
Block transposed_block(const Tensor& x, const char* name);

// A mask [b, n] of the rows of x [b, n, c], of x's type.
Block mask_of(const Tensor& mask, const Array& x);

void require(bool holds, const std::string& what);

// A copy of a vector (or a flattened tensor) in float, zero up to a multiple of 64.
class Floats {
  public:
    Floats() = default;
    explicit Floats(const Tensor& x);
    const float* data() const { return static_cast<const float*>(buffer_.get()); }
    index size() const { return size_; }

  private:
    Buffer buffer_;
    index size_ = 0;
};

// Factors of the update of x [b, n, c]: [n, c], the same for all b; empty where there are none. Throws nb::value_error for others.
Floats factors_of(const std::optional<Tensor>& factors, const Array& x);

}  // namespace af2cpu
