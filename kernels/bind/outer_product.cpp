// SPDX-License-Identifier: Apache-2.0
#include "core/outer_product.h"

#include "bind/module.h"
#include "bind/weights.h"

namespace af2cpu {
namespace {

void run(const Tensor& m, const Tensor& mask, const Tensor& z, const PackedWeights<OuterProductWeights>& w) {
    OuterProduct args{array_of(m, "m"), array_of(z, "z"), nullptr, w.view()};
    w.check(args.m);
    w.check(args.z);
    const index s = args.m.size[0], n = args.m.size[1];
    require(args.m.size[2] == args.w.in.k && args.z.size[2] == args.w.out.n, "outer product: m or z does not fit the weights");
    require(args.z.size[0] == n && args.z.size[1] == n, "outer product: z must have the residues of m");
    require(mask.ndim() == 2 && index(mask.shape(0)) == n && index(mask.shape(1)) == s, "outer product: a mask [n, s]");
    const Floats rows(mask);
    args.mask = rows.data();
    const nb::gil_scoped_release release;
    kernels().outer_product[w.type()](args);
}

}  // namespace

void bind_outer_product(nb::module_& m) {
    bind_weights<OuterProductWeights>(m, "OuterProductWeights");
    m.def("outer_product", &run, nb::arg("m"), nb::arg("mask"), nb::arg("z"), nb::arg("weights"),
          "z += (sum_s a_si x b_sj W + bias) / (1e-3 + count); mask [n, s]");
}

}  // namespace af2cpu
