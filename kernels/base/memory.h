// SPDX-License-Identifier: Apache-2.0
// Memory of the kernels: aligned buffers, and scratch that each thread keeps from call to call.
#pragma once

#include <cstddef>
#include <memory>

#include "base/types.h"

namespace af2cpu {

struct Free {
    void operator()(void* p) const;
};
using Buffer = std::unique_ptr<void, Free>;

// `bytes` of zeros, aligned to a cache line (large blocks to a huge page). Throws std::bad_alloc.
Buffer allocate(std::size_t bytes);

// The same, not set to zero: the system places each page near the thread that first writes to it. Freed by `release`.
void* reserve(std::size_t bytes);
void release(void* p);

// The same for one call of a kernel; `size` returns the size of the block, at least `bytes`. One block of up to 64 MB is kept from call
// to call, because new pages are set to zero by the system, which takes a fifth of a triangle multiplication's time.
void* borrow(std::size_t bytes, std::size_t& size);
void give_back(void* p, std::size_t size);

// Frees the kept block.
void release_kept();

// Scratch of the calling thread, at least `bytes`, first written by it. Its contents are lost when it grows.
void* thread_scratch(std::size_t bytes);

}  // namespace af2cpu
