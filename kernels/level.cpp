// SPDX-License-Identifier: Apache-2.0
// All kernels of one level. Compiled once per level; see base/level.h.
#include "base/kernels.h"
#include "core/attention.h"
#include "core/global_attention.h"
#include "core/linear.h"
#include "core/msv.h"
#include "core/outer_product.h"
#include "core/pair_bias.h"
#include "core/point_attention.h"
#include "core/rate.h"
#include "core/targets.h"
#include "core/template_attention.h"
#include "core/transition.h"
#include "core/triangle.h"

namespace af2cpu::AF2CPU_LEVEL {

#if defined(AF2CPU_WITH_VBMI) && AF2CPU_ISA >= AF2CPU_IS_avx512
static void msv_with_vbmi(const Msv& args) { avx512vbmi::msv_kernel(args); }
#else
static void msv_with_vbmi(const Msv& args) { msv(args); }
#endif

extern const Kernels kernels;
const Kernels kernels = {
    {layout_of<Multiplied<float>::type>(), layout_of<Multiplied<bf16>::type>()},
    kBytes,
    {attention<float>, attention<bf16>},
    {global_attention<float>, global_attention<bf16>},
    {linear<float>, linear<bf16>},
    {msv, msv_with_vbmi},
    {outer_product<float>, outer_product<bf16>},
    {pair_bias<float>, pair_bias<bf16>},
    {point_attention<float>, point_attention<bf16>},
    {rate<float>, rate<bf16>},
    {template_close<float>, template_close<bf16>},
    {template_gather<float>, template_gather<bf16>},
    {transition<float>, transition<bf16>},
    {triangle<float>, triangle<bf16>},
    interleave,
    pack_blocks,
    unpack_blocks,
};

}  // namespace af2cpu::AF2CPU_LEVEL
