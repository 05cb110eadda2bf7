// SPDX-License-Identifier: Apache-2.0
// The level in use: the highest that the processor supports, capped by the environment variable AF2CPU_ISA.
#pragma once

#include <string>
#include <vector>

#include "base/kernels.h"

namespace af2cpu {

// Levels that this machine can run, from the lowest to the highest; `amx_model` comes last and is never chosen by itself.
std::vector<std::string> levels();

// The name of the level in use, and its kernels.
const std::string& level();
const Kernels& kernels();

// Whether the machine and the build have AVX512-VBMI and the level in use is AVX-512.
bool has_vbmi();

// Throws std::invalid_argument for a level that the machine (or the build) lacks.
void use_level(const std::string& name);

}  // namespace af2cpu
