// SPDX-License-Identifier: Apache-2.0
#include "core/point_attention.h"

#include <nanobind/stl/optional.h>

#include <optional>

#include "bind/arrays.h"
#include "bind/module.h"

namespace af2cpu {
namespace {

Array floats_of(const Tensor& x, const char* name, index a, index b, index c) {
    const Array out = array_of(x, name);
    require(out.type == Type::fp32 && out.size[0] == a && out.size[1] == b && out.size[2] == c,
            std::string("point_attention: ") + name + " has another shape or is not float32");
    return out;
}

// The arrays are those of core/point_attention.h.
void run(const Tensor& q, const Tensor& keys, const Tensor& values, const Tensor& q_points, const Tensor& key_points, const Tensor& weight,
         const Tensor& bias, const Tensor& mask, const Tensor& z, const std::optional<Tensor>& scale, const std::optional<Tensor>& offset,
         const Tensor& out, const Tensor& pair) {
    require(q.ndim() == 3 && values.ndim() == 3 && q_points.ndim() == 3, "point_attention: three axes");
    const index n = index(q.shape(0)), heads = index(q.shape(1)), d = index(q.shape(2));
    const index e = index(values.shape(2)), p = index(q_points.shape(2));
    PointAttention args;
    args.q = floats_of(q, "q", n, heads, d);
    args.keys = floats_of(keys, "keys", heads, d, n);
    args.values = floats_of(values, "values", n, heads, e);
    args.q_points = floats_of(q_points, "q_points", n, heads, p);
    args.key_points = floats_of(key_points, "key_points", heads, p, n);
    args.bias = floats_of(bias, "bias", n, n, heads);
    args.mask = block_of(mask, "mask");
    args.z = array_of(z, "z");
    const index c = args.z.size[2];
    require(args.mask.type == Type::fp32 && args.mask.rows == n && args.mask.columns == n, "point_attention: mask [n, n], float32");
    require(args.z.size[0] == n && args.z.size[1] == n, "point_attention: z is not [n, n, c]");
    args.out = floats_of(out, "out", n, heads, e);
    args.pair = floats_of(pair, "pair", n, heads, c);
    const Floats weights(weight), scales = scale ? Floats(*scale) : Floats(), offsets = offset ? Floats(*offset) : Floats();
    require(weights.size() == heads && (!scale || (offset && scales.size() == c && offsets.size() == c)), "point_attention: parameters");
    args.weight = weights.data();
    args.scale = scales.data();
    args.offset = offsets.data();
    const nb::gil_scoped_release release;
    kernels().point_attention[int(args.z.type)](args);
}

}  // namespace

void bind_point_attention(nb::module_& m) {
    m.def("point_attention", &run, nb::kw_only(), nb::arg("q"), nb::arg("keys"), nb::arg("values"), nb::arg("q_points"),
          nb::arg("key_points"), nb::arg("weight"), nb::arg("bias"), nb::arg("mask"), nb::arg("z"), nb::arg("scale").none(),
          nb::arg("offset").none(), nb::arg("out"), nb::arg("pair"), "The core of invariant point attention");
}

}  // namespace af2cpu
