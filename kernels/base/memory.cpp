// SPDX-License-Identifier: Apache-2.0
#include "base/memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

namespace af2cpu {

namespace {
constexpr std::size_t kLine = 64, kHugePage = std::size_t(2) << 20, kKept = std::size_t(64) << 20;

std::mutex kept_lock;  // kernels may be called from several threads
Buffer kept;
std::size_t kept_size = 0;
}  // namespace

void* reserve(std::size_t bytes) {
    const std::size_t border = bytes >= kHugePage ? kHugePage : kLine;
    const std::size_t size = (bytes + border) / border * border;
    void* p = std::aligned_alloc(border, size);
    if (!p) throw std::bad_alloc();
    if (border == kHugePage) madvise(p, size, MADV_HUGEPAGE);
    return p;
}

void release(void* p) { std::free(p); }

void Free::operator()(void* p) const { release(p); }

void* borrow(std::size_t bytes, std::size_t& size) {
    Buffer block;
    {
        const std::lock_guard<std::mutex> lock(kept_lock);
        block = std::move(kept);
        size = std::exchange(kept_size, 0);
    }
    if (size >= bytes) return block.release();
    block.reset();
    size = bytes;
    return reserve(bytes);
}

void give_back(void* p, std::size_t size) {
    Buffer block(p);
    const std::lock_guard<std::mutex> lock(kept_lock);
    if (size <= kKept && size > kept_size) kept = std::move(block), kept_size = size;
}

void release_kept() {
    Buffer block;
    const std::lock_guard<std::mutex> lock(kept_lock);
    block = std::move(kept), kept_size = 0;
}

Buffer allocate(std::size_t bytes) {
    void* p = reserve(bytes);
    std::memset(p, 0, bytes);
    return Buffer(p);
}

void* thread_scratch(std::size_t bytes) {
    thread_local Buffer buffer;
    thread_local std::size_t size = 0;
    if (size < bytes) {
        buffer.reset();
        buffer = allocate(bytes);
        size = bytes;
    }
    return buffer.get();
}

}  // namespace af2cpu
