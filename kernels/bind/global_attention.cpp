// SPDX-License-Identifier: Apache-2.0
#include "core/global_attention.h"

#include "bind/module.h"
#include "bind/weights.h"

namespace af2cpu {
namespace {

void run(const Tensor& x, const Tensor& mask, const PackedWeights<GlobalAttentionWeights>& w) {
    const GlobalAttention args{array_of(x, "x"), mask_of(mask, array_of(x, "x")), w.view()};
    w.check(args.x);
    require(args.x.size[2] == args.w.q.k, "global attention: x does not fit the weights");
    const nb::gil_scoped_release release;
    kernels().global_attention[w.type()](args);
}

}  // namespace

void bind_global_attention(nb::module_& m) {
    bind_weights<GlobalAttentionWeights>(m, "GlobalAttentionWeights");
    m.def("global_attention", &run, nb::arg("x"), nb::arg("mask"), nb::arg("weights"),
          "x += attention of each item's mean query over its rows, gated per row");
}

}  // namespace af2cpu
