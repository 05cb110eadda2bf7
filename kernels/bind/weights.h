// SPDX-License-Identifier: Apache-2.0
// Packed weights: the arrays of a layer arrive by name and are kept here in packed form; the view of them that a kernel's arguments
// contain points to these. A view names each array once, in its `read` (core/).
#pragma once

#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>

#include <deque>
#include <initializer_list>
#include <map>
#include <set>
#include <string>

#include "bind/arrays.h"

namespace af2cpu {

using Arrays = std::map<std::string, Tensor>;

// The argument of a view's `read`: fills its fields from the arrays and owns the memory that they point to.
class Reader {
  public:
    explicit Reader(const Arrays& arrays);
    Reader(const Reader&) = delete;

    // The elements of an array in float; nullptr where it is optional and not given.
    void vector(const char* name, const float*& field);
    void optional(const char* name, const float*& field);

    // A right side [k, n]: k are the first `depth_axes` axes of the array, n the others.
    void matrix(const char* name, Matrix& field, int depth_axes = 1);

    // The same from a weight [n, k] as torch.nn.Linear has it.
    void transposed(const char* name, Matrix& field);

    // Several such weights side by side, each starting at a panel border.
    void side_by_side(std::initializer_list<const char*> names, Matrix& field);

    // Several such weights of one shape: the first half panel of each, then the second of each, and so on.
    void interleaved(std::initializer_list<const char*> names, Matrix& field);

    // A right side [k, n] behind `zeros` columns of zeros.
    void behind_zeros(index zeros, const char* name, Matrix& field);

    index size(const char* name, int axis);

    // Releases the arrays. Throws nb::value_error that names an array that no field has read.
    void finish();

    Type type;  // of the first matrix
    std::string level;

  private:
    const Tensor& tensor(const char* name);
    const Layout& layout() const { return kernels().layout[int(type)]; }
    Packed& zeros(index k, index n, Matrix& field);
    index border(index columns) const { return (columns + layout().width - 1) / layout().width * layout().width; }

    Arrays arrays_;
    std::set<std::string> taken_;
    std::deque<Packed> packed_;
    std::deque<Floats> floats_;
};

template <class View>
class PackedWeights {
  public:
    explicit PackedWeights(const Arrays& arrays) : reader_(arrays) {
        view_.read(reader_);
        reader_.finish();
    }
    const View& view() const { return view_; }
    int type() const { return int(reader_.type); }

    // Throws unless activations have the weights' type and the level in use is the one they were packed for.
    void check(const Array& x) const {
        require(x.type == reader_.type, "the weights were packed for another type of activations");
        require(reader_.level == level(), "the weights were packed for level " + reader_.level + ", not " + level());
    }

  private:
    Reader reader_;
    View view_;
};

template <class View>
nb::class_<PackedWeights<View>> bind_weights(nb::module_& m, const char* name) {
    return nb::class_<PackedWeights<View>>(m, name).def(nb::init<const Arrays&>(), nb::arg("arrays"));
}

}  // namespace af2cpu
