// SPDX-License-Identifier: Apache-2.0
// The filter of sequences with the byte permute of AVX512-VBMI, which is independent of AVX512-BF16: Ice Lake has only the first,
// Cooper Lake only the second. Compiled as a unit of its own with the flags of level avx512 and VBMI; see base/level.h.
#include "base/kernels.h"
#include "core/msv.h"

namespace af2cpu::avx512vbmi {

extern const Kernel<Msv> msv_kernel;
const Kernel<Msv> msv_kernel = msv;

}  // namespace af2cpu::avx512vbmi
