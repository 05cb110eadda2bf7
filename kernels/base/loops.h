// SPDX-License-Identifier: Apache-2.0
// How many items the loops of the kernels share among the threads, for those who ask: too few, and many threads find no work.
#pragma once

#include <vector>

#include "base/types.h"

namespace af2cpu {

// Tell of a loop that the calling thread is about to start.
void note_loop(index items);

// From now on, what the calling thread starts is counted; nullptr ends it.
void count_loops(std::vector<index>* items);

}  // namespace af2cpu
