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

// The state of all pairs: contiguous floats.
float* state_of(const Tensor& state, const Array& z, const TemplateAttentionWeights& w) {
    const Array array = array_of(state, "state");
    const index pair = w.heads * (w.dim + 2);
    require(array.type == Type::fp32 && array.size[0] == z.size[0] && array.size[1] == z.size[1] && array.size[2] == pair &&
                array.stride[1] == pair && array.stride[0] == pair * z.size[1],
            "template_attention: a contiguous float32 state [n, n, heads (dim + 2)]");
    return static_cast<float*>(array.data);
}

void gather(const Tensor& z, const Tensor& t, const Tensor& state, const TemplateAttentionWeights& w) {
    TemplateGather args;
    args.z = array_of(z, "z");
    args.t = array_of(t, "t");
    w.check(args.z);
    w.check(args.t);
    require(args.t.size[0] == args.z.size[0] && args.t.size[1] == args.z.size[1], "template_attention: t is not [n, n, c_t]");
    require(args.z.size[2] == w.q.matrix().k && args.t.size[2] == w.k.matrix().k, "template_attention: z or t does not fit the weights");
    args.state = state_of(state, args.z, w);
    args.heads = w.heads;
    args.dim = w.dim;
    args.q = w.q.matrix();
    args.k = w.k.matrix();
    args.v = w.v.matrix();
    const nb::gil_scoped_release release;
    kernels().template_gather[int(w.type)](args);
}

void close(const Tensor& z, const Tensor& state, const TemplateAttentionWeights& w) {
    TemplateClose args;
    args.z = array_of(z, "z");
    w.check(args.z);
    require(args.z.size[2] == w.q.matrix().k, "template_attention: z does not fit the weights");
    args.state = state_of(state, args.z, w);
    args.heads = w.heads;
    args.dim = w.dim;
    args.out = w.out.matrix();
    args.out_bias = w.out_bias.data();
    const nb::gil_scoped_release release;
    kernels().template_close[int(w.type)](args);
}

}  // namespace

void bind_template_attention(nb::module_& m) {
    nb::class_<TemplateAttentionWeights>(m, "TemplateAttentionWeights")
        .def(nb::init<index, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&>(), nb::arg("heads"), nb::arg("q"),
             nb::arg("k"), nb::arg("v"), nb::arg("out"), nb::arg("out_bias"));
    m.def("template_gather", &gather, nb::arg("z"), nb::arg("t"), nb::arg("state"), nb::arg("weights"),
          "state: each pair has attended to one more template");
    m.def("template_close", &close, nb::arg("z"), nb::arg("state"), nb::arg("weights"), "z += what its pairs have gathered");
}

}  // namespace af2cpu
