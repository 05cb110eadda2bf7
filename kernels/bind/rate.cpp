// SPDX-License-Identifier: Apache-2.0
#include "core/rate.h"

#include <nanobind/stl/string.h>

#include "bind/arrays.h"
#include "bind/module.h"

namespace af2cpu {

void bind_rate(nb::module_& m) {
    m.def(
        "rate",
        [](index repeats, const std::string& type) {
            require(type == "float32" || type == "bfloat16", "rate: float32 or bfloat16");
            double flops = 0;
            const nb::gil_scoped_release release;
            kernels().rate[type == "bfloat16"]({repeats, &flops});
            return flops;
        },
        nb::arg("repeats"), nb::arg("type"), "Multiply in registers and L1 on all threads, as often as asked; the flops that it took.");
}

}  // namespace af2cpu
