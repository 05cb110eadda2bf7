// SPDX-License-Identifier: Apache-2.0
#include "core/template_attention.h"

#include "bind/module.h"
#include "bind/weights.h"

namespace af2cpu {
namespace {

using TemplatePacked = PackedWeights<TemplateAttentionWeights>;

// The state of all pairs: contiguous floats.
float* state_of(const Tensor& state, const Array& z, const TemplateAttentionWeights& w) {
    const Array array = array_of(state, "state");
    const index pair = w.heads * (w.dim + 2);
    require(array.type == Type::fp32 && array.size[0] == z.size[0] && array.size[1] == z.size[1] && array.size[2] == pair &&
                array.stride[1] == pair && array.stride[0] == pair * z.size[1],
            "template_attention: a contiguous float32 state [n, n, heads (dim + 2)]");
    return static_cast<float*>(array.data);
}

void gather(const Tensor& z, const Tensor& t, const Tensor& state, const TemplatePacked& w) {
    TemplateGather args{array_of(z, "z"), array_of(t, "t"), nullptr, w.view()};
    w.check(args.z);
    w.check(args.t);
    require(args.t.size[0] == args.z.size[0] && args.t.size[1] == args.z.size[1], "template_attention: t is not [n, n, c_t]");
    require(args.z.size[2] == args.w.q.k && args.t.size[2] == args.w.k.k, "template_attention: z or t does not fit the weights");
    args.state = state_of(state, args.z, args.w);
    const nb::gil_scoped_release release;
    kernels().template_gather[w.type()](args);
}

void close(const Tensor& z, const Tensor& state, const TemplatePacked& w) {
    TemplateClose args{array_of(z, "z"), nullptr, w.view()};
    w.check(args.z);
    require(args.z.size[2] == args.w.out.n, "template_attention: z does not fit the weights");
    args.state = state_of(state, args.z, args.w);
    const nb::gil_scoped_release release;
    kernels().template_close[w.type()](args);
}

}  // namespace

void bind_template_attention(nb::module_& m) {
    bind_weights<TemplateAttentionWeights>(m, "TemplateAttentionWeights")
        .def_prop_ro("heads", [](const TemplatePacked& w) { return w.view().heads; })
        .def_prop_ro("dim", [](const TemplatePacked& w) { return w.view().dim; });
    m.def("template_gather", &gather, nb::arg("z"), nb::arg("t"), nb::arg("state"), nb::arg("weights"),
          "state: each pair has attended to one more template");
    m.def("template_close", &close, nb::arg("z"), nb::arg("state"), nb::arg("weights"), "z += what its pairs have gathered");
}

}  // namespace af2cpu
