// SPDX-License-Identifier: Apache-2.0
// The kernels of one level. Each takes one constant record of arguments, defined in its header in core/. Pairs of functions are indexed
// by the type of the activations, except msv.
#pragma once

#include "base/types.h"
#include "levels.h"

namespace af2cpu {

struct Attention;
struct GlobalAttention;
struct Linear;
struct MakeBlocks;
struct Msv;
struct OuterProduct;
struct PairBias;
struct PointAttention;
struct Rate;
struct TemplateClose;
struct TemplateGather;
struct Transition;
struct Triangle;
struct UnpackBlocks;

template <class Args>
using Kernel = void (*)(const Args&);

struct Kernels {
    Layout layout[2];
    Kernel<Attention> attention[2];
    Kernel<GlobalAttention> global_attention[2];
    Kernel<Linear> linear[2];
    Kernel<Msv> msv[2];  // [1]: with AVX512-VBMI, if the level and the build have it; else [0] again
    Kernel<OuterProduct> outer_product[2];
    Kernel<PairBias> pair_bias[2];
    Kernel<PointAttention> point_attention[2];
    Kernel<Rate> rate[2];
    Kernel<TemplateClose> template_close[2];
    Kernel<TemplateGather> template_gather[2];
    Kernel<Transition> transition[2];
    Kernel<Triangle> triangle[2];
    Kernel<MakeBlocks> interleave, pack_blocks;  // without activations
    Kernel<UnpackBlocks> unpack_blocks;
};

// Defined by vbmi.cpp.
namespace avx512vbmi {
extern const Kernel<Msv> msv_kernel;
}

// Defined by level.cpp, for each level that the compiler could build.
#define AF2CPU_DECLARE(name)      \
    namespace name {              \
    extern const Kernels kernels; \
    }
AF2CPU_BUILT_LEVELS(AF2CPU_DECLARE)
#undef AF2CPU_DECLARE

}  // namespace af2cpu
