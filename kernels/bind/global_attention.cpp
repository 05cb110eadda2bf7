#include "core/global_attention.h"

#include "bind/arrays.h"
#include "bind/module.h"

namespace af2cpu {
namespace {

struct GlobalAttentionWeights : Weights {
    Floats scale, offset, k, gate_bias, out_bias;
    index dim, heads;
    Packed q, values, gate, out;

    // q, gate [c, h d], k, v [c, d], out [h d, c].
    GlobalAttentionWeights(const Tensor& scale, const Tensor& offset, const Tensor& q, const Tensor& k, const Tensor& v,
                           const Tensor& gate, const Tensor& gate_bias, const Tensor& out, const Tensor& out_bias)
        : Weights(type_of(q)), scale(scale), offset(offset), k(k), gate_bias(gate_bias), out_bias(out_bias), dim(index(k.shape(1))),
          heads(index(q.shape(1)) / dim), q(layout(), index(q.shape(0)), index(q.shape(1))),
          values(layout(), index(v.shape(0)), heads + dim), gate(layout(), index(gate.shape(0)), index(gate.shape(1))),
          out(layout(), index(out.shape(0)), index(out.shape(1))) {
        require(heads * dim == index(q.shape(1)), "global attention: heads of other sizes than the key");
        this->q.place(0, block_of(q, "q"));
        values.place(heads, block_of(v, "v"));
        this->gate.place(0, block_of(gate, "gate"));
        this->out.place(0, block_of(out, "out"));
    }
};

void run(const Tensor& x, const Tensor& mask, const GlobalAttentionWeights& w) {
    GlobalAttention args;
    args.x = array_of(x, "x");
    w.check(args.x);
    require(args.x.size[2] == w.q.matrix().k, "global attention: x does not fit the weights");
    args.mask = block_of(mask, "mask");
    require(args.mask.type == args.x.type && args.mask.size[1] == args.x.size[0] && args.mask.size[2] == args.x.size[1],
            "global attention: a mask of another size or type than x");
    args.scale = w.scale.data();
    args.offset = w.offset.data();
    args.heads = w.heads;
    args.dim = w.dim;
    args.q = w.q.matrix();
    args.k = w.k.data();
    args.values = w.values.matrix();
    args.gate = w.gate.matrix();
    args.gate_bias = w.gate_bias.data();
    args.out = w.out.matrix();
    args.out_bias = w.out_bias.data();
    const nb::gil_scoped_release release;
    kernels().global_attention[int(w.type)](args);
}

}  // namespace

void bind_global_attention(nb::module_& m) {
    nb::class_<GlobalAttentionWeights>(m, "GlobalAttentionWeights")
        .def(nb::init<const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                      const Tensor&, const Tensor&>(),
             nb::arg("scale"), nb::arg("offset"), nb::arg("q"), nb::arg("k"), nb::arg("v"), nb::arg("gate"), nb::arg("gate_bias"),
             nb::arg("out"), nb::arg("out_bias"));
    m.def("global_attention", &run, nb::arg("x"), nb::arg("mask"), nb::arg("weights"),
          "x += attention of each item's mean query over its rows, gated per row");
}

}  // namespace af2cpu
