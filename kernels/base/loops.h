// SPDX-License-Identifier: Apache-2.0
// Counts the work items of each parallel loop, for benchmarks/scaling.py: threads beyond the number of items are idle.
#pragma once

#include <vector>

#include "base/types.h"

namespace af2cpu {

// Records a loop that the calling thread is about to start.
void note_loop(index items);

// Appends the items of each loop that the calling thread starts to `items` from now on; nullptr ends it.
void count_loops(std::vector<index>* items);

}  // namespace af2cpu
