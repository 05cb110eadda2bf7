# SPDX-License-Identifier: Apache-2.0
"""Nodes that the run's own process makes while workers make the others: those that ask a server and wait."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from af2cpu.pipeline.graph import Item, Node
from af2cpu.pipeline.resolve import Receipts
from af2cpu.pipeline.results import Made, make_items


@dataclass(frozen=True)
class MadeHere:
    """The outcome of a node."""

    node: Node
    items: Sequence[Item]
    made: Sequence[Made]
    seconds: float
    error: BaseException | None = None  # that ends the run


class OwnProcess:
    """Makes nodes one after the other in a thread, which ends with the process; each result is a message "here"."""

    def __init__(self, receipts: Receipts, messages: queue.SimpleQueue[tuple[str, Any]]) -> None:
        """receipts: of the run, which grow; a node's inputs are in them when it is given."""
        self._receipts, self._messages = receipts, messages
        self._orders: queue.SimpleQueue[tuple[Node, Sequence[Item]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._open = 0
        self._ended = threading.Event()

    @property
    def busy(self) -> bool:
        """Whether a node is not made yet."""
        return self._open > 0

    def make(self, node: Node, items: Sequence[Item]) -> None:
        """Takes a node, whose inputs are made."""
        self._open += 1
        self._orders.put((node, items))
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True, name="here")
            self._thread.start()

    def taken(self) -> None:
        """A message has been read."""
        self._open -= 1

    def close(self) -> None:
        """Gives up what is not made."""
        self._ended.set()
        self._orders.put(None)

    def _work(self) -> None:
        from af2cpu.search.server.client import ended

        ended.set(self._ended)
        while (order := self._orders.get()) and not self._ended.is_set():
            node, items = order
            start = time.perf_counter()
            try:
                made = make_items(node, items, self._receipts)
                message = MadeHere(node, items, made, time.perf_counter() - start)
            except BaseException as error:
                message = MadeHere(node, items, (), time.perf_counter() - start, error)
            self._messages.put(("here", message))
