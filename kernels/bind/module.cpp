// SPDX-License-Identifier: Apache-2.0
#include "bind/module.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>
#include <omp.h>

#include "base/cpu.h"
#include "base/loops.h"
#include "base/memory.h"

NB_MODULE(_kernels, m) {
    namespace nb = nanobind;
    nb::set_leak_warnings(false);  // a process keeps its last network, and so its packed weights, to its end
    m.doc() = "The native kernels of af2cpu. Import torch first: the kernels then run on its OpenMP threads.";
    m.attr("interface") = AF2CPU_INTERFACE;
    m.def("level", [] { return af2cpu::level(); }, "The instruction set level in use.");
    m.def("levels", &af2cpu::levels, "All levels that this machine can run.");
    m.def("use_level", &af2cpu::use_level, nb::arg("name"), "Run this level from now on; weights must be packed anew.");
    m.def(
        "multiplies_bf16", [] { return af2cpu::kernels().layout[1].type == af2cpu::Type::bf16; },
        "Whether the level in use multiplies bf16 as it is.");
    m.def(
        "loops_of",
        [](const nb::callable& run) {
            std::vector<af2cpu::index> items;
            const struct Counted {
                explicit Counted(std::vector<af2cpu::index>* to) { af2cpu::count_loops(to); }
                ~Counted() { af2cpu::count_loops(nullptr); }
            } counted(&items);
            run();
            return items;
        },
        nb::arg("run"), "Call `run`: the items of each loop that kernels shared among threads meanwhile, called from this thread.");
    m.def("release_memory", &af2cpu::release_kept, "Free the memory that is kept from call to call.");
    m.def("threads", [] { return omp_get_max_threads(); }, "Threads that a kernel started here would run on.");
    af2cpu::bind_attention(m);
    af2cpu::bind_global_attention(m);
    af2cpu::bind_linear(m);
    af2cpu::bind_msv(m);
    af2cpu::bind_outer_product(m);
    af2cpu::bind_point_attention(m);
    af2cpu::bind_rate(m);
    af2cpu::bind_targets(m);
    af2cpu::bind_template_attention(m);
    af2cpu::bind_transition(m);
    af2cpu::bind_triangle(m);
}
