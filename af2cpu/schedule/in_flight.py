# SPDX-License-Identifier: Apache-2.0
"""Tasks under way on workers, tasks whose workers are gone, and nodes whose items are made one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from af2cpu.pipeline.graph import Item
from af2cpu.pipeline.results import Made
from af2cpu.schedule.admission.hosts import Task
from af2cpu.schedule.workers.tasks import Step, StepDone

if TYPE_CHECKING:
    from distributed import Future


@dataclass
class Attempt:
    """A task that a worker has now."""

    task: Task
    steps: list[Step]
    future: Future
    address: str
    one_item: bool = False  # of a node whose items are made one by one


@dataclass
class Lost:
    """A task whose worker is gone; its nanny may still report how it ended."""

    attempt: Attempt
    until: float


@dataclass
class Singly:
    """A node whose items are made one by one, because making them together has ended a worker process."""

    made: dict[int, Made] = field(default_factory=dict)  # by id of the item's task
    seconds: float = 0.0

    def next(self, items: Sequence[Item]) -> Item | None:
        """The first item that is not made."""
        return next((item for item in items if id(item.task) not in self.made), None)

    def take(self, step: Step, done: StepDone) -> None:
        """The outcome of one item."""
        self.made[id(step.items[0].task)] = done.made[0]
        self.seconds += done.seconds

    def of(self, items: Sequence[Item]) -> list[Made]:
        """The outcomes of all items."""
        return [self.made[id(item.task)] for item in items]


def how_it_ended(told: Mapping[str, Any] | None) -> str:
    """How a worker process ended, in words. told: by its nanny, if that could."""
    if told is None:
        return "was lost with its connection"
    if told["memory"]:
        return "was killed by the system for lack of memory"
    code = told["code"]
    return f"was killed (signal {-code})" if code < 0 else f"ended with exit code {code}"
