// SPDX-License-Identifier: Apache-2.0
// Memory of the kernels: aligned buffers, and scratch that stays with its thread from call to call.
#pragma once

#include <cstddef>
#include <memory>

#include "base/types.h"

namespace af2cpu {

struct Free {
    void operator()(void* p) const;
};
using Buffer = std::unique_ptr<void, Free>;

// `bytes` of zeros on a cache line's (large ones on a huge page's) border. Throws std::bad_alloc.
Buffer allocate(std::size_t bytes);

// The same without the zeros: a page comes into being near the thread that first writes to it. To be given to `release`.
void* reserve(std::size_t bytes);
void release(void* p);

// The same for the length of one kernel's call: `size` is at least `bytes`. One block of up to 64 MB is kept from call to call: the
// system fills new pages with zeros, which takes a fifth of a triangle multiplication's time.
void* borrow(std::size_t bytes, std::size_t& size);
void give_back(void* p, std::size_t size);

// Frees what is kept.
void release_kept();

// Scratch of the calling thread, at least `bytes`, touched first by it; what it held is lost when it grows.
void* thread_scratch(std::size_t bytes);

}  // namespace af2cpu
