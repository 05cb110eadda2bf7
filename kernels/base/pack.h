// SPDX-License-Identifier: Apache-2.0
// Packed right sides: made once from a parameter, then read by every call.
#pragma once

#include "base/memory.h"
#include "base/types.h"

namespace af2cpu {

class Packed {
  public:
    // Zeros for a right side [k, n] in this layout.
    Packed(const Layout& layout, index k, index n);

    // B [:, column : column + source's columns] = source [k, columns].
    void place(index column, const Block& source);

    const Matrix& matrix() const { return matrix_; }
    std::size_t bytes() const { return bytes_; }

  private:
    template <class From>
    void place_from(index column, const Block& source);
    template <class From, class To, index Group>
    void place_as(index column, const Block& source);

    Layout layout_;
    Matrix matrix_;
    std::size_t bytes_;
    Buffer buffer_;
};

}  // namespace af2cpu
