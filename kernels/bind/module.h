// SPDX-License-Identifier: Apache-2.0
// One function for each file of bindings.
#pragma once

#include <nanobind/nanobind.h>

namespace af2cpu {

void bind_attention(nanobind::module_& m);
void bind_global_attention(nanobind::module_& m);
void bind_linear(nanobind::module_& m);
void bind_msv(nanobind::module_& m);
void bind_outer_product(nanobind::module_& m);
void bind_point_attention(nanobind::module_& m);
void bind_rate(nanobind::module_& m);
void bind_targets(nanobind::module_& m);
void bind_template_attention(nanobind::module_& m);
void bind_transition(nanobind::module_& m);
void bind_triangle(nanobind::module_& m);

}  // namespace af2cpu
