// SPDX-License-Identifier: Apache-2.0
#include "core/triangle.h"

#include "bind/module.h"
#include "bind/weights.h"

namespace af2cpu {
namespace {

void run(const Tensor& z, const Tensor& mask, const PackedWeights<TriangleWeights>& w, bool outgoing,
         const std::optional<Tensor>& factors) {
    Triangle args{array_of(z, "z"), outgoing, nullptr, w.view()};
    w.check(args.z);
    const index n = args.z.size[0];
    require(args.z.size[1] == n, "triangle: z [n, n, c_z]");
    require(args.z.size[2] == args.w.edges.k, "triangle: z does not fit the weights");
    require(mask.ndim() == 2 && index(mask.shape(0)) == n && index(mask.shape(1)) == n, "triangle: a mask [n, n]");
    const Floats pairs(mask);
    args.mask = pairs.data();
    const Floats of_update = factors_of(factors, args.z);
    args.factors = of_update.data();
    const nb::gil_scoped_release release;
    kernels().triangle[w.type()](args);
}

}  // namespace

void bind_triangle(nb::module_& m) {
    bind_weights<TriangleWeights>(m, "TriangleWeights");
    m.def("triangle", &run, nb::arg("z"), nb::arg("mask"), nb::arg("weights"), nb::arg("outgoing"), nb::arg("factors").none() = nb::none(),
          "z += factors * sigmoid(gate) * LN(sum_k a_ik * b_jk) W, or with a_ki * b_kj");
    m.attr("triangle_edge_bytes") = kEdgeBytes;
}

}  // namespace af2cpu
