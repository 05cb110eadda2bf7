#include "core/template_attention.h"

#include "bind/arrays.h"
#include "bind/module.h"

namespace af2cpu {
namespace {

struct TemplateAttentionWeights : Weights {
    index heads, dim;
    Packed q, k, v, out;
    Floats out_bias;

    // q [c_z, h d], k and v [c_t, h d], out [h d, c_z].
    TemplateAttentionWeights(index heads, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& out, const Tensor& out_bias)
        : Weights(type_of(q)), heads(heads), dim(index(q.shape(1)) / heads), q(pack(q)), k(pack(k)), v(pack(v)), out(pack(out)),
          out_bias(out_bias) {
        require(heads * dim == this->q.matrix().n, "template_attention: the channels do not fit the heads");
    }
};

void run(const Tensor& z, const Tensor& t, const Tensor& mask, const TemplateAttentionWeights& w) {
    TemplateAttention args;
    args.z = array_of(z, "z");
    args.t = array_of(t, "t");
    w.check(args.z);
    w.check(args.t);
    const Floats masks(mask);
    require(t.ndim() == 3 && args.t.size[1] == args.z.size[0] * args.z.size[1], "template_attention: t is not [templates, pairs, c_t]");
    require(args.z.size[2] == w.q.matrix().k && args.t.size[2] == w.k.matrix().k, "template_attention: z or t does not fit the weights");
    require(masks.size() == args.t.size[0] && masks.size() > 0, "template_attention: a mask of another size, or no template");
    args.mask = masks.data();
    args.heads = w.heads;
    args.dim = w.dim;
    args.q = w.q.matrix();
    args.k = w.k.matrix();
    args.v = w.v.matrix();
    args.out = w.out.matrix();
    args.out_bias = w.out_bias.data();
    const nb::gil_scoped_release release;
    kernels().template_attention[int(w.type)](args);
}

}  // namespace

void bind_template_attention(nb::module_& m) {
    nb::class_<TemplateAttentionWeights>(m, "TemplateAttentionWeights")
        .def(nb::init<index, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&>(), nb::arg("heads"), nb::arg("q"),
             nb::arg("k"), nb::arg("v"), nb::arg("out"), nb::arg("out_bias"));
    m.def("template_attention", &run, nb::arg("z"), nb::arg("t"), nb::arg("mask"), nb::arg("weights"),
          "z += attention of each pair over the templates");
}

}  // namespace af2cpu
