#include "core/outer_product.h"

#include "bind/arrays.h"
#include "bind/module.h"

namespace af2cpu {
namespace {

// Columns in front of those of b: those of a up to a panel's border.
index b_column(const Layout& layout, index c) { return (c + layout.width - 1) / layout.width * layout.width; }

struct OuterProductWeights : Weights {
    index c, e;
    Packed in, out;
    Floats scale, offset, a_bias, b_bias, out_bias;

    // norm's scale and offset [c_m]; a [c, c_m], b [e, c_m] and their biases; out [c, e, c_z], contiguous, and its bias.
    OuterProductWeights(const Tensor& s, const Tensor& o, const Tensor& a, const Tensor& a_b, const Tensor& b, const Tensor& b_b,
                        const Tensor& w, const Tensor& w_b)
        : Weights(type_of(a)), c(index(a.shape(0))), e(index(b.shape(0))),
          in(layout(), index(a.shape(1)), b_column(layout(), c) + e), out(layout(), c * e, index(w.shape(2))),
          scale(s), offset(o), a_bias(a_b), b_bias(b_b), out_bias(w_b) {
        in.place(0, transposed_block(a, "a"));
        in.place(b_column(layout(), c), transposed_block(b, "b"));
        Array block = array_of(w, "out");
        require(block.size[0] == c && block.size[1] == e && block.stride[0] == e * block.stride[1], "out: [c, e, c_z], contiguous");
        block.size[0] = 1;
        block.size[1] = c * e;
        block.stride[0] = block.stride[1];
        block.stride[1] = 1;
        out.place(0, block);
    }
};

void run(const Tensor& m, const Tensor& mask, const Tensor& z, const OuterProductWeights& w) {
    OuterProduct args;
    args.m = array_of(m, "m");
    args.z = array_of(z, "z");
    w.check(args.m);
    w.check(args.z);
    const index s = args.m.size[0], n = args.m.size[1];
    require(args.m.size[2] == w.in.matrix().k && args.z.size[2] == w.out.matrix().n, "outer product: m or z does not fit the weights");
    require(args.z.size[0] == n && args.z.size[1] == n, "outer product: z must have the residues of m");
    require(mask.ndim() == 2 && index(mask.shape(0)) == n && index(mask.shape(1)) == s, "outer product: a mask [n, s]");
    const Floats rows(mask);
    args.mask = rows.data();
    args.scale = w.scale.data();
    args.offset = w.offset.data();
    args.c = w.c;
    args.e = w.e;
    args.in = w.in.matrix();
    args.a_bias = w.a_bias.data();
    args.b_bias = w.b_bias.data();
    args.out = w.out.matrix();
    args.out_bias = w.out_bias.data();
    const nb::gil_scoped_release release;
    kernels().outer_product[int(w.type)](args);
}

}  // namespace

void bind_outer_product(nb::module_& m) {
    nb::class_<OuterProductWeights>(m, "OuterProductWeights")
        .def(nb::init<const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                      const Tensor&>(),
             nb::arg("scale"), nb::arg("offset"), nb::arg("a"), nb::arg("a_bias"), nb::arg("b"), nb::arg("b_bias"), nb::arg("out"),
             nb::arg("out_bias"));
    m.def("outer_product", &run, nb::arg("m"), nb::arg("mask"), nb::arg("z"), nb::arg("weights"),
          "z += (sum_s a_si x b_sj W + bias) / (1e-3 + count); mask [n, s]");
}

}  // namespace af2cpu
