# SPDX-License-Identifier: Apache-2.0
"""From nodes of the graph to works of their stages, with what earlier nodes have made. All runners share it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from af2cpu.pipeline.graph import AmongBest, Condition, Item, Node, Output
from af2cpu.pipeline.stages import STAGES
from af2cpu.workspace import Obtained, Receipt, Work, content_hash, obtain

# By node, for each of its items the receipts by protein. A node that did not run is missing.
Receipts = dict[str, tuple[Mapping[str, Receipt[Any]], ...]]


def needed_items(node: Node, failed: Collection[str]) -> list[Item]:
    """The items of a node that proteins without a failure need; the places of the others are left out."""
    items = []
    for item in node.items:
        places = {target: place for target, place in item.places.items() if target not in failed}
        if places:
            items.append(item if len(places) == len(item.places) else replace(item, places=places))
    return items


def obtain_items(node: Node, items: Sequence[Item], receipts: Receipts) -> list[Obtained[Any]]:
    """Has the artefacts of a node's items made, unless they are current. Raises DatabaseError.

    The items' inputs must be made. Every protein of an item gets a receipt or an error.
    """
    works: dict[int, Work[Any]] = {}
    obtained: dict[int, Obtained[Any]] = {}
    for number, item in enumerate(items):
        try:
            works[number] = work_of(item, receipts)
        except OSError as error:  # a file that the user gave
            obtained[number] = Obtained({}, dict.fromkeys(item.targets, error))
    made = obtain(STAGES[node.stage], list(works.values()), node.cost.cores)
    obtained |= dict(zip(works, made, strict=True))
    return [obtained[number] for number in range(len(items))]


def work_of(item: Item, receipts: Receipts) -> Work[Any]:
    """The work of an item whose inputs are made; nodes that did not run are left out of the inputs. Raises OSError."""
    inputs = {name: tuple(_received(values, item.targets, receipts)) for name, values in item.inputs.items()}
    return Work(item.task, item.places, inputs, item.cache, _same(item, receipts))


def _same(item: Item, receipts: Receipts) -> Receipt[Any] | None:
    """What the item can be taken over from; None if that was not made."""
    made = receipts.get(item.same.node) if item.same else None
    return next(iter(made[item.same.item].values()), None) if made and item.same else None


def _received(values: Iterable[Output | Path], targets: Collection[str], receipts: Receipts) -> Iterator[Receipt[Any]]:
    """Receipts of inputs; of an artefact that several proteins have, the one of the first of these targets."""
    for value in values:
        if isinstance(value, Path):
            yield Receipt(value, "", content_hash(value), None, reused=True)
        elif value.node in receipts:
            found = receipts[value.node][value.item]
            yield from (found[target] for target in list(targets)[:1] if target in found)


def holds(condition: Condition | None, receipts: Receipts) -> bool:
    """Whether a node is to run, by what the node before it has made; not if that has failed or did not run."""
    if condition is None:
        return True
    made = receipts[condition.after.node][condition.after.item] if condition.after.node in receipts else {}
    done = [receipt.done for receipt in made.values()]
    if isinstance(condition, AmongBest):
        return any(condition.candidate in one.order[: condition.first] for one in done)
    return bool(done) and not any(one.confidence.out_of_100 > condition.score for one in done)
