"""From items of the graph to works of their stages, with what earlier nodes have made. All runners share it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from af2cpu.pipeline.graph import Condition, Item, Output
from af2cpu.workspace import Receipt, Work, content_hash

# By node, one for each of its items; None for an item that failed. A node that did not run is missing.
Receipts = dict[str, tuple[Receipt[Any] | None, ...]]


def works_of(items: Sequence[Item], receipts: Mapping[str, tuple[Receipt[Any] | None, ...]]) -> list[Work[Any]]:
    """The works of items whose inputs are made; nodes that did not run are left out of the inputs. Raises OSError."""
    return [
        Work(
            task=item.task,
            path=item.path,
            inputs={name: tuple(_received(values, receipts)) for name, values in item.inputs.items()},
            copies=item.copies,
            targets=item.targets,
        )
        for item in items
    ]


def _received(
    values: Iterable[Output | Path], receipts: Mapping[str, tuple[Receipt[Any] | None, ...]]
) -> Iterator[Receipt[Any]]:
    for value in values:
        if isinstance(value, Path):
            yield Receipt(value, "", content_hash(value), None, reused=True)
        elif value.node in receipts and (receipt := receipts[value.node][value.item]) is not None:
            yield receipt


def holds(condition: Condition | None, receipts: Mapping[str, tuple[Receipt[Any] | None, ...]]) -> bool:
    """Whether a node is to run, by what the node with the order has made."""
    if condition is None:
        return True
    made = receipts[condition.order.node][condition.order.item]
    return made is not None and condition.candidate in made.done.order[: condition.first]
