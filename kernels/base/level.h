// SPDX-License-Identifier: Apache-2.0
// Which instruction set a translation unit is compiled for. CMake compiles level.cpp once per level with
// -DAF2CPU_LEVEL=<name> and that level's flags; everything of it lives in namespace af2cpu::<name>, so that the linker can never
// put code of a higher level into the place of a lower one's. For the same reason these units use no templates of the
// standard library: their instances would be merged across units.
#pragma once

#include "levels.h"

// Two names without an instruction set of their own; levels.h has the others. vbmi.cpp is a variant of one kernel, not a level.
#undef AF2CPU_IS_amx_model
#ifdef AF2CPU_TILE_NOTHING
#define AF2CPU_IS_amx_model AF2CPU_IS_avx512bf16  // what the kernels for AMX do besides tile instructions; see base/amx.h
#else
#define AF2CPU_IS_amx_model AF2CPU_IS_scalar  // the tiles of AMX in software, all else portable
#endif
#define AF2CPU_IS_avx512vbmi AF2CPU_IS_avx512

#ifdef AF2CPU_LEVEL
#define AF2CPU_JOIN_(a, b) a##b
#define AF2CPU_JOIN(a, b) AF2CPU_JOIN_(a, b)
#define AF2CPU_ISA AF2CPU_JOIN(AF2CPU_IS_, AF2CPU_LEVEL)
#define AF2CPU_BEGIN namespace af2cpu::AF2CPU_LEVEL {
#define AF2CPU_END }
#endif
