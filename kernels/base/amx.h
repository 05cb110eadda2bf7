// SPDX-License-Identifier: Apache-2.0
// AMX tiles: the instructions where the level is `amx`, a software model of them where it is `amx_model`.
//
// A tile is 16 rows of 64 bytes. Tiles 0-3 hold a 32 x 32 block of C (floats), 4-5 two blocks of 16 rows of A (32 bf16 each), 6-7 two
// panels of 16 columns of B (16 rows of pairs). 4 loads feed 4 products: 32 x 32 x 32 multiplications a step.
#pragma once

#include "base/vec.h"

#if AF2CPU_TILES

AF2CPU_BEGIN

#ifdef AF2CPU_TILE_MODEL

// The model keeps the eight tiles of a thread and does what Intel's manual says of TDPBF16PS: even and odd products are summed
// apart along the row, in float with fused multiply-add, then both sums together are added to C; denormals count as zero.
struct TileFile {
    float c[4][16][16];
    bf16 pairs[4][16][32];
};
inline thread_local TileFile tile_file;

AF2CPU_INLINE float flush(float x) { return __builtin_fabsf(x) < 0x1p-126f ? __builtin_copysignf(0.0f, x) : x; }

struct Tiles {
    Tiles() {}
};

AF2CPU_INLINE void tile_zero(int t) { __builtin_memset(tile_file.c[t], 0, sizeof tile_file.c[t]); }
AF2CPU_INLINE void tile_load(int t, const void* p, index stride) {
    for (index i = 0; i < 16; ++i)
        __builtin_memcpy(t < 4 ? (void*)tile_file.c[t][i] : (void*)tile_file.pairs[t - 4][i], (const char*)p + i * stride, 64);
}
AF2CPU_INLINE void tile_store(int t, void* p, index stride) {
    for (index i = 0; i < 16; ++i) __builtin_memcpy((char*)p + i * stride, tile_file.c[t][i], 64);
}
AF2CPU_INLINE void tile_dot(int to, int left, int right) {
    for (index m = 0; m < 16; ++m)
        for (index n = 0; n < 16; ++n) {
            float part[2] = {0, 0};
            for (index k = 0; k < 16; ++k)
                for (index o = 0; o < 2; ++o) {
                    const float a = flush(widen(tile_file.pairs[left - 4][m][2 * k + o]));
                    const float b = flush(widen(tile_file.pairs[right - 4][k][2 * n + o]));
                    part[o] = flush(__builtin_fmaf(a, b, part[o]));
                }
            float& c = tile_file.c[to][m][n];
            c = flush(flush(c) + flush(part[0] + part[1]));
        }
}

#elif defined(AF2CPU_TILE_NOTHING)

// For benchmarks/amx.py alone: tile instructions that do nothing, so that the rest of a kernel for AMX can be timed on other machines.
struct Tiles {
    Tiles() {}
};
AF2CPU_INLINE void tile_zero(int) {}
AF2CPU_INLINE void tile_load(int, const void*, index) {}
AF2CPU_INLINE void tile_store(int, void*, index) {}
AF2CPU_INLINE void tile_dot(int, int, int) {}

#else

// Configures the tiles of this thread; releases them at the end of its scope.
struct Tiles {
    Tiles() {
        struct alignas(64) {
            std::uint8_t palette = 1, start = 0, reserved[14] = {};
            std::uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
            std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
        } config;
        _tile_loadconfig(&config);
    }
    ~Tiles() { _tile_release(); }
};

// Compilers want the number of a tile as a literal.
#define tile_zero _tile_zero
#define tile_load _tile_loadd
#define tile_store _tile_stored
#define tile_dot _tile_dpbf16ps

#endif

// One step makes 32 rows of C, or 16 at the end. B is a panel of 32 columns: a row of pairs takes 128 bytes.
template <bool Two>
static void tile_block(const bf16* a, index lda, const bf16* b, index depth, float* c, index ldc, bool add) {
    const index row = 4 * ldc;
    // GCC does not know that tile intrinsics read memory: force pending writes to A and C out first.
    __asm__ volatile("" ::: "memory");
    if (add) {
        tile_load(0, c, row);
        tile_load(1, c + 16, row);
        if constexpr (Two) {
            tile_load(2, c + 16 * ldc, row);
            tile_load(3, c + 16 * ldc + 16, row);
        }
    } else {
        tile_zero(0);
        tile_zero(1);
        if constexpr (Two) {
            tile_zero(2);
            tile_zero(3);
        }
    }
    for (index p = 0; p < depth; p += 32) {
        tile_load(6, b + p * 32, 128);
        tile_load(7, b + p * 32 + 32, 128);
        tile_load(4, a + p, 2 * lda);
        tile_dot(0, 4, 6);
        tile_dot(1, 4, 7);
        if constexpr (Two) {
            tile_load(5, a + 16 * lda + p, 2 * lda);
            tile_dot(2, 5, 6);
            tile_dot(3, 5, 7);
        }
    }
    tile_store(0, c, row);
    tile_store(1, c + 16, row);
    if constexpr (Two) {
        tile_store(2, c + 16 * ldc, row);
        tile_store(3, c + 16 * ldc + 16, row);
    }
    __asm__ volatile("" ::: "memory");
}

static inline void multiply_tiles(index m, const bf16* a, index lda, const bf16* b, index depth, float* c, index ldc, bool add) {
    index i = 0;
    for (; m - i > 16; i += 32) tile_block<true>(a + i * lda, lda, b, depth, c + i * ldc, ldc, add);
    if (i < m) tile_block<false>(a + i * lda, lda, b, depth, c + i * ldc, ldc, add);
}

AF2CPU_END

#else

AF2CPU_BEGIN
struct Tiles {
    Tiles() {}
};
AF2CPU_END

#endif
