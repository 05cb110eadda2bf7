// SPDX-License-Identifier: Apache-2.0
// Conversions between bf16 and float for units that are not compiled for a level (units of a level use vec.h).
#pragma once

#include <cstring>

#include "base/types.h"

namespace af2cpu {

inline float widen_bits(std::uint16_t x) {
    const std::uint32_t bits = std::uint32_t(x) << 16;
    float y;
    std::memcpy(&y, &bits, 4);
    return y;
}

inline std::uint16_t round_to_bf16(float x) {
    std::uint32_t bits;
    std::memcpy(&bits, &x, 4);
    if (x != x) return std::uint16_t(bits >> 16 | 0x40);
    return std::uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// Element `at` of an array of either type.
inline float element(const void* data, Type type, index at) {
    return type == Type::bf16 ? widen_bits(static_cast<const std::uint16_t*>(data)[at]) : static_cast<const float*>(data)[at];
}

}  // namespace af2cpu
