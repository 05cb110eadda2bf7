// SPDX-License-Identifier: Apache-2.0
#include "core/transition.h"

#include "bind/module.h"
#include "bind/weights.h"

namespace af2cpu {
namespace {

void run(const Tensor& x, const PackedWeights<TransitionWeights>& w) {
    const Transition args{array_of(x, "x"), w.view()};
    w.check(args.x);
    require(args.x.size[2] == args.w.up.k && args.w.down.k == args.w.up.n && args.w.down.n == args.w.up.k,
            "transition: x or the weights do not fit each other");
    const nb::gil_scoped_release release;
    kernels().transition[w.type()](args);
}

}  // namespace

void bind_transition(nb::module_& m) {
    bind_weights<TransitionWeights>(m, "TransitionWeights");
    m.def("transition", &run, nb::arg("x"), nb::arg("weights"), "x += W2 relu(W1 LN(x) + b1) + b2");
}

}  // namespace af2cpu
