#include "core/transition.h"

#include "bind/arrays.h"
#include "bind/module.h"

namespace af2cpu {
namespace {

struct TransitionWeights : Weights {
    Floats scale, offset, up_bias, down_bias;
    Packed up, down;

    // up [d, c] and down [c, d] as torch.nn.Linear has them.
    TransitionWeights(const Tensor& scale, const Tensor& offset, const Tensor& up, const Tensor& up_bias, const Tensor& down,
                      const Tensor& down_bias)
        : Weights(type_of(up)), scale(scale), offset(offset), up_bias(up_bias), down_bias(down_bias),
          up(layout(), index(up.shape(1)), index(up.shape(0))), down(layout(), index(down.shape(1)), index(down.shape(0))) {
        this->up.place(0, transposed_block(up, "up"));
        this->down.place(0, transposed_block(down, "down"));
        require(this->down.matrix().k == this->up.matrix().n && this->down.matrix().n == this->up.matrix().k,
                "transition: up and down do not fit each other");
    }
};

void run(const Tensor& x, const TransitionWeights& w) {
    Transition args;
    args.x = array_of(x, "x");
    w.check(args.x);
    require(args.x.size[2] == w.up.matrix().k, "transition: x does not fit the weights");
    args.scale = w.scale.data();
    args.offset = w.offset.data();
    args.up = w.up.matrix();
    args.up_bias = w.up_bias.data();
    args.down = w.down.matrix();
    args.down_bias = w.down_bias.data();
    const nb::gil_scoped_release release;
    kernels().transition[int(w.type)](args);
}

}  // namespace

void bind_transition(nb::module_& m) {
    nb::class_<TransitionWeights>(m, "TransitionWeights")
        .def(nb::init<const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&>(), nb::arg("scale"),
             nb::arg("offset"), nb::arg("up"), nb::arg("up_bias"), nb::arg("down"), nb::arg("down_bias"));
    m.def("transition", &run, nb::arg("x"), nb::arg("weights"), "x += W2 relu(W1 LN(x) + b1) + b2");
}

}  // namespace af2cpu
