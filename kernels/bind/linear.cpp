#include "core/linear.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <memory>
#include <optional>

#include "bind/arrays.h"
#include "bind/module.h"

namespace af2cpu {
namespace {

struct LinearWeights : Weights {
    Packed w;
    Floats bias, scale, offset;

    // weight [n, k] as torch.nn.Linear has it; bias [n], norm's scale and offset [k], each or None.
    LinearWeights(const Tensor& weight, const std::optional<Tensor>& b, const std::optional<Tensor>& s, const std::optional<Tensor>& o)
        : Weights(type_of(weight)), w(layout(), index(weight.shape(1)), index(weight.shape(0))) {
        w.place(0, transposed_block(weight, "weight"));
        if (b) bias = Floats(*b);
        if (s) scale = Floats(*s), offset = Floats(o.value());
    }
};

Activation activation_of(const std::string& name) {
    if (name == "none") return Activation::none;
    if (name == "relu") return Activation::relu;
    if (name == "sigmoid") return Activation::sigmoid;
    throw nb::value_error("activation: none, relu or sigmoid");
}

void run(const Tensor& x, const Tensor& y, const LinearWeights& w, const std::string& activation,
         const std::optional<Tensor>& mask, bool add) {
    Linear args;
    args.x = array_of(x, "x");
    args.y = array_of(y, "y");
    w.check(args.x);
    require(args.y.type == w.type, "linear: y must have the type of x");
    args.w = w.w.matrix();
    require(args.x.size[0] == args.y.size[0] && args.x.size[1] == args.y.size[1], "linear: x and y differ in their rows");
    require(args.x.size[2] == args.w.k && args.y.size[2] == args.w.n, "linear: x or y does not fit the weights");
    if (args.x.size[0] * args.x.size[1] == 0) return;  // without rows neither has an address
    require(args.x.data != args.y.data || args.w.k == args.w.n, "linear in place: as many channels behind as in front");
    args.bias = w.bias.data();
    args.scale = w.scale.data();
    args.offset = w.offset.data();
    args.activation = activation_of(activation);
    const Floats rows = mask ? Floats(*mask) : Floats();
    require(!mask || rows.size() == args.x.size[0] * args.x.size[1], "linear: a mask of another size");
    args.mask = rows.data();
    args.add = add;
    const nb::gil_scoped_release release;
    kernels().linear[int(w.type)](args);
}

}  // namespace

void bind_linear(nb::module_& m) {
    nb::class_<LinearWeights>(m, "LinearWeights")
        .def(nb::init<const Tensor&, const std::optional<Tensor>&, const std::optional<Tensor>&, const std::optional<Tensor>&>(),
             nb::arg("weight"), nb::arg("bias").none() = nb::none(), nb::arg("scale").none() = nb::none(),
             nb::arg("offset").none() = nb::none());
    m.def("linear", &run, nb::arg("x"), nb::arg("y"), nb::arg("weights"), nb::arg("activation") = "none",
          nb::arg("mask").none() = nb::none(), nb::arg("add") = false, "y (+)= mask * activation(LN(x) W + b)");
}

}  // namespace af2cpu
