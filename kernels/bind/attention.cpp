#include "core/attention.h"

#include <nanobind/stl/optional.h>

#include <optional>

#include "bind/arrays.h"
#include "bind/module.h"

namespace af2cpu {
namespace {

struct AttentionWeights : Weights {
    Floats scale, offset, gate_bias, out_bias;
    index heads, dim;
    Packed q, k, v, gate, out;

    // q, k, v, gate [c, h d], out [h d, c].
    AttentionWeights(index heads, const Tensor& scale, const Tensor& offset, const Tensor& q, const Tensor& k, const Tensor& v,
                     const Tensor& gate, const Tensor& gate_bias, const Tensor& out, const Tensor& out_bias)
        : Weights(type_of(q)), scale(scale), offset(offset), gate_bias(gate_bias), out_bias(out_bias), heads(heads),
          dim(index(q.shape(1)) / heads), q(pack(q)), k(pack(k)), v(pack(v)), gate(pack(gate)), out(pack(out)) {
        require(heads * dim == this->q.matrix().n && dim % 2 == 0, "attention: heads of an even number of channels");
    }
};

struct PairBiasWeights : Weights {
    Floats scale, offset;
    Packed w;

    // weight [c, h].
    PairBiasWeights(const Tensor& scale, const Tensor& offset, const Tensor& weight)
        : Weights(type_of(weight)), scale(scale), offset(offset), w(pack(weight)) {}
};

// A bias as `PairBias` says.
Array bias_of(const Tensor& bias, index heads, index n) {
    const Array out = array_of(bias, "bias");
    require(out.type == Type::fp32, "bias: float32");
    const bool fits = out.size[0] == heads * bias_blocks(n) && out.size[1] == (n + 3) / 4 * 4 && out.size[2] == kBiasQueries;
    require(fits && out.stride[1] == kBiasQueries, "bias: not [h ceil(n / 32), n up to a multiple of 4, 32]");
    return out;
}

void run_attention(const Tensor& x, const Tensor& mask, const AttentionWeights& w, const std::optional<Tensor>& bias) {
    Attention args;
    args.x = array_of(x, "x");
    w.check(args.x);
    require(args.x.size[2] == w.q.matrix().k, "attention: x does not fit the weights");
    args.mask = block_of(mask, "mask");
    require(args.mask.type == args.x.type && args.mask.size[1] == args.x.size[0] && args.mask.size[2] == args.x.size[1],
            "attention: a mask of another size or type than x");
    if (bias) args.bias = bias_of(*bias, w.heads, args.x.size[1]);
    args.scale = w.scale.data();
    args.offset = w.offset.data();
    args.heads = w.heads;
    args.dim = w.dim;
    args.q = w.q.matrix();
    args.k = w.k.matrix();
    args.v = w.v.matrix();
    args.gate = w.gate.matrix();
    args.gate_bias = w.gate_bias.data();
    args.out = w.out.matrix();
    args.out_bias = w.out_bias.data();
    const nb::gil_scoped_release release;
    kernels().attention[int(w.type)](args);
}

void run_pair_bias(const Tensor& z, const Tensor& out, const PairBiasWeights& w) {
    PairBias args;
    args.z = array_of(z, "z");
    w.check(args.z);
    require(args.z.size[0] == args.z.size[1] && args.z.size[2] == w.w.matrix().k, "pair_bias: z does not fit the weights");
    args.out = bias_of(out, w.w.matrix().n, args.z.size[0]);
    args.scale = w.scale.data();
    args.offset = w.offset.data();
    args.w = w.w.matrix();
    const nb::gil_scoped_release release;
    kernels().pair_bias[int(w.type)](args);
}

}  // namespace

void bind_attention(nb::module_& m) {
    nb::class_<AttentionWeights>(m, "AttentionWeights")
        .def(nb::init<index, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                      const Tensor&, const Tensor&>(),
             nb::arg("heads"), nb::arg("scale"), nb::arg("offset"), nb::arg("q"), nb::arg("k"), nb::arg("v"), nb::arg("gate"),
             nb::arg("gate_bias"), nb::arg("out"), nb::arg("out_bias"));
    m.def("attention", &run_attention, nb::arg("x"), nb::arg("mask"), nb::arg("weights"), nb::arg("bias").none() = nb::none(),
          "x += gated attention along the rows of each item");
    nb::class_<PairBiasWeights>(m, "PairBiasWeights")
        .def(nb::init<const Tensor&, const Tensor&, const Tensor&>(), nb::arg("scale"), nb::arg("offset"), nb::arg("weight"));
    m.def("pair_bias", &run_pair_bias, nb::arg("z"), nb::arg("out"), nb::arg("weights"),
          "out [h and i / 32, j, i % 32] = log2(e) LN(z_ij) W");
}

}  // namespace af2cpu
