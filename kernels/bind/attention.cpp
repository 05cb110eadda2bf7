// SPDX-License-Identifier: Apache-2.0
#include "core/attention.h"

#include "bind/module.h"
#include "bind/weights.h"

namespace af2cpu {
namespace {

// A bias as `PairBias` says.
Array bias_of(const Tensor& bias, index heads, index n) {
    const Array out = array_of(bias, "bias");
    require(out.type == Type::fp32, "bias: float32");
    const bool fits = out.size[0] == heads * bias_blocks(n) && out.size[1] == (n + 3) / 4 * 4 && out.size[2] == kBiasQueries;
    require(fits && out.stride[1] == kBiasQueries, "bias: not [h ceil(n / 32), n up to a multiple of 4, 32]");
    return out;
}

void run_attention(const Tensor& x, const Tensor& mask, const PackedWeights<AttentionWeights>& w, const std::optional<Tensor>& bias,
                   const std::optional<Tensor>& factors) {
    Attention args{array_of(x, "x"), mask_of(mask, array_of(x, "x")), {}, w.view()};
    w.check(args.x);
    require(args.x.size[2] == args.w.q.k, "attention: x does not fit the weights");
    require(args.w.dim % 2 == 0, "attention: heads of an even number of channels");
    if (bias) args.bias = bias_of(*bias, args.w.heads, args.x.size[1]);
    const Floats of_update = factors_of(factors, args.x);
    args.factors = of_update.data();
    const nb::gil_scoped_release release;
    kernels().attention[w.type()](args);
}

void run_pair_bias(const Tensor& z, const Tensor& out, const PackedWeights<PairBiasWeights>& w) {
    PairBias args{array_of(z, "z"), {}, w.view()};
    w.check(args.z);
    require(args.z.size[0] == args.z.size[1] && args.z.size[2] == args.w.weight.k, "pair_bias: z does not fit the weights");
    args.out = bias_of(out, args.w.weight.n, args.z.size[0]);
    const nb::gil_scoped_release release;
    kernels().pair_bias[w.type()](args);
}

}  // namespace

void bind_attention(nb::module_& m) {
    bind_weights<AttentionWeights>(m, "AttentionWeights");
    m.def("attention", &run_attention, nb::arg("x"), nb::arg("mask"), nb::arg("weights"), nb::arg("bias").none() = nb::none(),
          nb::arg("factors").none() = nb::none(), "x += factors * gated attention along the rows of each item");
    bind_weights<PairBiasWeights>(m, "PairBiasWeights").def_prop_ro("heads", [](const PackedWeights<PairBiasWeights>& w) {
        return w.view().weight.n;
    });
    m.def("pair_bias", &run_pair_bias, nb::arg("z"), nb::arg("out"), nb::arg("weights"),
          "out [h and i / 32, j, i % 32] = log2(e) LN(z_ij) W");
}

}  // namespace af2cpu
