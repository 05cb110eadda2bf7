// SPDX-License-Identifier: Apache-2.0
#include "core/linear.h"

#include "bind/module.h"
#include "bind/weights.h"

namespace af2cpu {
namespace {

void run(const Tensor& x, const Tensor& y, const PackedWeights<LinearWeights>& w) {
    const Linear args{array_of(x, "x"), array_of(y, "y"), w.view()};
    w.check(args.x);
    w.check(args.y);
    require(args.x.size[0] == args.y.size[0] && args.x.size[1] == args.y.size[1], "linear: x and y differ in their rows");
    require(args.x.size[2] == args.w.weight.k && args.y.size[2] == args.w.weight.n, "linear: x or y does not fit the weights");
    if (args.x.size[0] * args.x.size[1] == 0) return;  // without rows neither has an address
    const nb::gil_scoped_release release;
    kernels().linear[w.type()](args);
}

}  // namespace

void bind_linear(nb::module_& m) {
    bind_weights<LinearWeights>(m, "LinearWeights").def_prop_ro("out_features", [](const PackedWeights<LinearWeights>& w) {
        return w.view().weight.n;
    });
    m.def("linear", &run, nb::arg("x"), nb::arg("y"), nb::arg("weights"), "y = x W + b");
}

}  // namespace af2cpu
