# SPDX-License-Identifier: Apache-2.0
"""Nodes that may start: queues by urgency, and predictions that wait until their targets' turn."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence

from af2cpu.pipeline.graph import Node

_Entry = tuple[float, int]  # negative priority, node number
_Bucket = tuple[str, bool, int]


def paths(nodes: Sequence[Node], followers: Sequence[Sequence[int]]) -> tuple[list[float], list[float], list[bool]]:
    """Of each node the longest path to the end in seconds, with and without it; whether a prediction follows.

    followers: of each node the numbers of those that need it.
    """
    count = len(nodes)
    path, after, before = [0.0] * count, [0.0] * count, [False] * count
    for k in range(count - 1, -1, -1):
        after[k] = max((path[other] for other in followers[k]), default=0.0)
        path[k] = nodes[k].chance * nodes[k].cost.seconds + after[k]
        before[k] = any(before[other] or bool(nodes[other].network) for other in followers[k])
    return path, after, before


class Ready:
    """Nodes that may start, by network, width and size of their memory, the most urgent first."""

    def __init__(self) -> None:
        self._heaps: dict[_Bucket, list[_Entry]] = {}
        self.count = 0

    def add(self, node: Node, number: int, priority: float) -> None:
        heapq.heappush(self._heaps.setdefault(_bucket(node), []), (-priority, number))
        self.count += 1

    @property
    def head(self) -> int | None:
        """The most urgent node."""
        return min((heap[0] for heap in self._heaps.values()), default=(0.0, None))[1]

    def best(self, fits: Callable[[int], bool], network: str | None = None) -> int | None:
        """The most urgent node that fits; `network`: only nodes of this one."""
        if not self._heaps:
            return None
        heads = sorted((heap[0], key) for key, heap in self._heaps.items() if network is None or key[0] == network)
        for (_, number), key in heads:
            if fits(number):
                return number
            # Memory within a bucket differs by a fifth at most: the two next ones are tried too.
            for _, other in self._heaps[key][1:3]:
                if fits(other):
                    return other
        return None

    def remove(self, node: Node, number: int) -> None:
        heap = self._heaps[_bucket(node)]
        if heap[0][1] == number:
            heapq.heappop(heap)
        else:
            heap[:] = [entry for entry in heap if entry[1] != number]
            heapq.heapify(heap)
        self.count -= 1
        if not heap:
            del self._heaps[_bucket(node)]


def _bucket(node: Node) -> _Bucket:
    return node.network, node.cost.cores > 1, int(math.log2(max(node.cost.memory, 1.0)) * 4)


class Waiting:
    """Predictions that may start and wait until their targets' turn, those of a target together, the longest first."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, list[int]]] = []
        self._of_target: dict[tuple[str, ...], list[int]] = {}
        self.count = 0  # predictions

    def add(self, node: Node, number: int, priority: float) -> None:
        self.count += 1
        if node.targets in self._of_target:
            self._of_target[node.targets].append(number)
            return
        numbers = self._of_target[node.targets] = [number]
        heapq.heappush(self._heap, (-priority, number, numbers))

    def take(self, nodes: Sequence[Node], targets: int) -> list[int]:
        """The predictions of so many targets, which wait no longer. nodes: all, by number."""
        found: list[int] = []
        for _ in range(min(targets, len(self._heap))):
            _, _, numbers = heapq.heappop(self._heap)
            del self._of_target[nodes[numbers[0]].targets]
            found += numbers
        self.count -= len(found)
        return found
