#include "base/memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <new>

namespace af2cpu {

namespace {
constexpr std::size_t kLine = 64, kHugePage = std::size_t(2) << 20;
}

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
