# SPDX-License-Identifier: Apache-2.0
"""The inputs of stages that have some for each entity of a target: a distinct sequence, named by its first chain."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from af2cpu.workspace import Receipt, Work


def entity_input(entity: str, name: str) -> str:
    """The name of an entity's input in `Work.inputs`; name: alignments, pairing, hits or own_templates."""
    return f"{entity}/{name}"


def inputs_of(work: Work[Any], entity: str, name: str) -> tuple[Receipt[Any], ...]:
    """An entity's inputs of one name."""
    return work.all(entity_input(entity, name))


def inputs_of_all(work: Work[Any], name: str) -> Iterable[tuple[str, Receipt[Any]]]:
    """The inputs of one name of all entities, each with its entity, in order."""
    for key, receipts in work.inputs.items():
        entity, _, kind = key.partition("/")
        if kind == name:
            yield from ((entity, receipt) for receipt in receipts)
