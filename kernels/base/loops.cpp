// SPDX-License-Identifier: Apache-2.0
#include "base/loops.h"

namespace af2cpu {

namespace {
thread_local std::vector<index>* counted = nullptr;
}

void note_loop(index items) {
    if (counted) counted->push_back(items);
}

void count_loops(std::vector<index>* items) { counted = items; }

}  // namespace af2cpu
