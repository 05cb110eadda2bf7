#include "core/triangle.h"

#include <nanobind/stl/vector.h>

#include <vector>

#include "bind/arrays.h"
#include "bind/module.h"

namespace af2cpu {
namespace {

index panels_of(const Layout& layout, index n) { return (n + layout.width - 1) / layout.width; }

struct TriangleWeights : Weights {
    index c;
    Packed edges, out, gate;
    Floats scale, offset, bias[4], center_scale, center_offset, out_bias, gate_bias;

    // norm's scale and offset [c_z]; a, its gate, b, its gate [c, c_z], each followed by its bias [c]; scale and offset of the layer
    // norm of the product [c]; out [c_z, c], gate [c_z, c_z], each followed by its bias [c_z].
    explicit TriangleWeights(const std::vector<Tensor>& w)
        : Weights(type_of(w.at(2))), c(index(w[2].shape(0))),
          edges(layout(), index(w[2].shape(1)), 4 * panels_of(layout(), c) * layout().width), out(layout(), c, index(w.at(12).shape(0))),
          gate(layout(), index(w.at(14).shape(1)), index(w[14].shape(0))), scale(w[0]), offset(w[1]), center_scale(w[10]),
          center_offset(w[11]), out_bias(w[13]), gate_bias(w.at(15)) {
        const index width = layout().width;
        for (index side = 0; side < 4; ++side) {
            Array block = transposed_block(w[2 + 2 * side], "edges");
            bias[side] = Floats(w[3 + 2 * side]);
            block.size[2] = width;
            for (index first = 0; first < c; first += width, block.data = static_cast<char*>(block.data) + step(block)) {
                block.size[2] = std::min(width, c - first);
                edges.place((first / width * 4 + side) * width, block);
            }
        }
        out.place(0, transposed_block(w[12], "out"));
        gate.place(0, transposed_block(w[14], "gate"));
    }

  private:
    // Bytes from one panel's columns to the next one's.
    index step(const Array& block) const { return layout().width * block.stride[1] * (block.type == Type::bf16 ? 2 : 4); }
};

void run(const Tensor& z, const Tensor& mask, const TriangleWeights& w, bool outgoing) {
    Triangle args;
    args.z = array_of(z, "z");
    w.check(args.z);
    const index n = args.z.size[0];
    require(args.z.size[1] == n, "triangle: z [n, n, c_z]");
    require(args.z.size[2] == w.edges.matrix().k, "triangle: z does not fit the weights");
    require(mask.ndim() == 2 && index(mask.shape(0)) == n && index(mask.shape(1)) == n, "triangle: a mask [n, n]");
    const Floats pairs(mask);
    args.outgoing = outgoing;
    args.mask = pairs.data();
    args.scale = w.scale.data();
    args.offset = w.offset.data();
    args.c = w.c;
    args.edges = w.edges.matrix();
    for (index side = 0; side < 4; ++side) args.bias[side] = w.bias[side].data();
    args.center_scale = w.center_scale.data();
    args.center_offset = w.center_offset.data();
    args.out = w.out.matrix();
    args.gate = w.gate.matrix();
    args.out_bias = w.out_bias.data();
    args.gate_bias = w.gate_bias.data();
    const nb::gil_scoped_release release;
    kernels().triangle[int(w.type)](args);
}

}  // namespace

void bind_triangle(nb::module_& m) {
    nb::class_<TriangleWeights>(m, "TriangleWeights").def(nb::init<const std::vector<Tensor>&>(), nb::arg("parameters"));
    m.def("triangle", &run, nb::arg("z"), nb::arg("mask"), nb::arg("weights"), nb::arg("outgoing"),
          "z += sigmoid(gate) * LN(sum_k a_ik * b_jk) W, or with a_ki * b_kj");
    m.attr("triangle_edge_bytes") = kEdgeBytes;
}

}  // namespace af2cpu
