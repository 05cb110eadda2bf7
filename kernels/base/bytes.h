// SPDX-License-Identifier: Apache-2.0
// SIMD on bytes: B holds kBytes lanes; saturating arithmetic, maxima, tables of 32 bytes that are looked up lane by lane.
// shift_in(x, low), where all bytes of `low` are equal: byte i is byte i - 1 of x, byte 0 that of `low`.
#pragma once

#include "base/vec.h"

AF2CPU_BEGIN

#if AF2CPU_ISA >= AF2CPU_IS_avx512

using B = __m512i;
constexpr index kBytes = 64;

AF2CPU_INLINE B load_bytes(const void* p) { return _mm512_loadu_si512(p); }
AF2CPU_INLINE void store_bytes(void* p, B x) { _mm512_storeu_si512(p, x); }
AF2CPU_INLINE B splat_byte(int x) { return _mm512_set1_epi8(char(x)); }
AF2CPU_INLINE B subtract_signed(B a, B b) { return _mm512_subs_epi8(a, b); }
AF2CPU_INLINE B max_signed(B a, B b) { return _mm512_max_epi8(a, b); }
AF2CPU_INLINE B add_unsigned(B a, B b) { return _mm512_adds_epu8(a, b); }
AF2CPU_INLINE B subtract_unsigned(B a, B b) { return _mm512_subs_epu8(a, b); }
AF2CPU_INLINE B max_unsigned(B a, B b) { return _mm512_max_epu8(a, b); }

#ifdef AF2CPU_VBMI

AF2CPU_INLINE B shift_in(B x, B low) {
    alignas(64) static constexpr std::uint8_t before[kBytes] = {
        0,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
        31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62};
    return _mm512_mask_permutexvar_epi8(low, ~__mmask64(1), load_bytes(before), x);
}

// One permute of 64 bytes: the table is in both halves.
using Lookup = __m512i;
using Codes = __m512i;
AF2CPU_INLINE Lookup load_lookup(const void* table) {
    return _mm512_broadcast_i64x4(_mm256_load_si256(static_cast<const __m256i*>(table)));
}
AF2CPU_INLINE Codes load_codes(const void* p) { return load_bytes(p); }
AF2CPU_INLINE B look_up(const Lookup& table, const Codes& codes) { return _mm512_permutexvar_epi8(codes, table); }

#else

AF2CPU_INLINE B shift_in(B x, B low) { return _mm512_alignr_epi8(x, _mm512_alignr_epi64(x, low, 6), 15); }

// Two shuffles of 16 bytes, the second one merged where bit 4 of the code is set.
struct Lookup {
    __m512i low, high;
};
struct Codes {
    __m512i nibble;
    __mmask64 upper;
};
AF2CPU_INLINE Lookup load_lookup(const void* table) {
    const __m128i* const half = static_cast<const __m128i*>(table);
    return {_mm512_broadcast_i32x4(_mm_load_si128(half)), _mm512_broadcast_i32x4(_mm_load_si128(half + 1))};
}
AF2CPU_INLINE Codes load_codes(const void* p) {
    const __m512i codes = load_bytes(p);
    return {_mm512_and_si512(codes, splat_byte(15)), _mm512_test_epi8_mask(codes, splat_byte(16))};
}
AF2CPU_INLINE B look_up(const Lookup& table, const Codes& codes) {
    const __m512i low = _mm512_shuffle_epi8(table.low, codes.nibble);
    return _mm512_mask_shuffle_epi8(low, codes.upper, table.high, codes.nibble);
}

#endif

#elif AF2CPU_ISA == AF2CPU_IS_avx2

using B = __m256i;
constexpr index kBytes = 32;

AF2CPU_INLINE B load_bytes(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
AF2CPU_INLINE void store_bytes(void* p, B x) { _mm256_storeu_si256(static_cast<__m256i*>(p), x); }
AF2CPU_INLINE B splat_byte(int x) { return _mm256_set1_epi8(char(x)); }
AF2CPU_INLINE B subtract_signed(B a, B b) { return _mm256_subs_epi8(a, b); }
AF2CPU_INLINE B max_signed(B a, B b) { return _mm256_max_epi8(a, b); }
AF2CPU_INLINE B add_unsigned(B a, B b) { return _mm256_adds_epu8(a, b); }
AF2CPU_INLINE B subtract_unsigned(B a, B b) { return _mm256_subs_epu8(a, b); }
AF2CPU_INLINE B max_unsigned(B a, B b) { return _mm256_max_epu8(a, b); }
AF2CPU_INLINE B shift_in(B x, B low) { return _mm256_alignr_epi8(x, _mm256_permute2x128_si256(x, low, 2), 15); }

// A shuffle yields zero where bit 7 of its index is set: each half of the table sees the codes of the other half so.
struct Lookup {
    __m256i low, high;
};
struct Codes {
    __m256i low, high;
};
AF2CPU_INLINE Lookup load_lookup(const void* table) {
    const __m128i* const half = static_cast<const __m128i*>(table);
    return {_mm256_broadcastsi128_si256(_mm_load_si128(half)), _mm256_broadcastsi128_si256(_mm_load_si128(half + 1))};
}
AF2CPU_INLINE Codes load_codes(const void* p) {
    const __m256i codes = load_bytes(p), nibble = _mm256_and_si256(codes, splat_byte(15));
    const __m256i upper = _mm256_slli_epi16(_mm256_and_si256(codes, splat_byte(16)), 3);
    return {_mm256_or_si256(nibble, upper), _mm256_or_si256(nibble, _mm256_xor_si256(upper, splat_byte(128)))};
}
AF2CPU_INLINE B look_up(const Lookup& table, const Codes& codes) {
    return _mm256_or_si256(_mm256_shuffle_epi8(table.low, codes.low), _mm256_shuffle_epi8(table.high, codes.high));
}

#else

typedef std::uint8_t B __attribute__((vector_size(16)));
typedef std::int8_t SignedB __attribute__((vector_size(16)));
constexpr index kBytes = 16;

AF2CPU_INLINE B load_bytes(const void* p) {
    B x;
    __builtin_memcpy(&x, p, sizeof x);
    return x;
}
AF2CPU_INLINE void store_bytes(void* p, B x) { __builtin_memcpy(p, &x, sizeof x); }
AF2CPU_INLINE B splat_byte(int x) { return std::uint8_t(x) - B{}; }
AF2CPU_INLINE B choose(B where, B a, B b) { return (where & a) | (~where & b); }
AF2CPU_INLINE B max_unsigned(B a, B b) { return choose((B)(a > b), a, b); }
AF2CPU_INLINE B max_signed(B a, B b) { return choose((B)((SignedB)a > (SignedB)b), a, b); }
AF2CPU_INLINE B add_unsigned(B a, B b) {
    const B sum = a + b;
    return sum | (B)(sum < a);
}
AF2CPU_INLINE B subtract_unsigned(B a, B b) { return (a - b) & (B)(a > b); }
// Overflows where the signs of a and b differ, and those of a and the difference: then the bound on a's side.
AF2CPU_INLINE B subtract_signed(B a, B b) {
    const B difference = a - b, bound = (B)((SignedB)a < 0) ^ splat_byte(127);
    return choose((B)((SignedB)((a ^ b) & (a ^ difference)) < 0), bound, difference);
}
AF2CPU_INLINE B shift_in(B x, B low) {
    for (index i = 1; i < kBytes; ++i) low[i] = x[i - 1];
    return low;
}

using Lookup = const std::uint8_t*;
using Codes = B;
AF2CPU_INLINE Lookup load_lookup(const void* table) { return static_cast<const std::uint8_t*>(table); }
AF2CPU_INLINE Codes load_codes(const void* p) { return load_bytes(p) & splat_byte(31); }
AF2CPU_INLINE B look_up(const Lookup& table, const Codes& codes) {
    B x{};
    for (index i = 0; i < kBytes; ++i) x[i] = table[codes[i]];
    return x;
}

#endif

AF2CPU_INLINE std::uint8_t highest_byte(B x) {
    std::uint8_t bytes[kBytes], highest = 0;
    store_bytes(bytes, x);
    for (index i = 0; i < kBytes; ++i) highest = bytes[i] > highest ? bytes[i] : highest;
    return highest;
}

AF2CPU_END
