# SPDX-License-Identifier: Apache-2.0
"""The graph of a run: `nodes` has its nouns, `build` makes it from a plan."""

from af2cpu.pipeline.graph.build import build_graph
from af2cpu.pipeline.graph.nodes import (
    AmongBest,
    Condition,
    Cost,
    Graph,
    Item,
    Node,
    Output,
    UntilScore,
    targets_of,
    total_cost,
)

__all__ = [
    "AmongBest",
    "Condition",
    "Cost",
    "Graph",
    "Item",
    "Node",
    "Output",
    "UntilScore",
    "build_graph",
    "targets_of",
    "total_cost",
]
