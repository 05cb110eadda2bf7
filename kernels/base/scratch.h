// SPDX-License-Identifier: Apache-2.0
// How a kernel lays out its scratch: `lay` is run twice, first to count bytes, then to hand out memory.
//
//   struct Work {
//       float* c;
//       void lay(Arena& arena) { c = arena.take<float>(n); }
//   } work;
//   set_up(work);
#pragma once

#include "base/level.h"
#include "base/types.h"

namespace af2cpu {
void* thread_scratch(std::size_t bytes);
void* borrow(std::size_t bytes, std::size_t& size);
void give_back(void* p, std::size_t size);
}  // namespace af2cpu

AF2CPU_BEGIN

struct Arena {
    char* start = nullptr;
    std::size_t used = 0;

    template <class T>
    T* take(index n) {
        T* p = reinterpret_cast<T*>(start + used);
        used += (std::size_t(n) * sizeof(T) + 63) / 64 * 64;
        return p;
    }
};

template <class Work>
static void set_up(Work& work) {
    Arena count;
    work.lay(count);
    Arena arena{static_cast<char*>(thread_scratch(count.used))};
    work.lay(arena);
}

// The same for memory that all threads share during one call: `const Shared memory(work);` before the parallel region.
struct Shared {
    void* memory;
    std::size_t size;

    template <class Work>
    explicit Shared(Work& work) {
        Arena count;
        work.lay(count);
        memory = borrow(count.used, size);
        Arena arena{static_cast<char*>(memory)};
        work.lay(arena);
    }
    Shared(const Shared&) = delete;
    ~Shared() { give_back(memory, size); }
};

AF2CPU_END
