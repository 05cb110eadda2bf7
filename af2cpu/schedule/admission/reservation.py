# SPDX-License-Identifier: Apache-2.0
"""The node that waits for memory, and the host whose memory is kept for it once it has waited too long."""

from __future__ import annotations

import math

from af2cpu.schedule.admission.hosts import Host


class Reservation:
    """One node at a time: the most urgent one that does not start for lack of memory only."""

    def __init__(self, patience: float) -> None:
        """patience: seconds after which a host is reserved."""
        self._patience = patience
        self._since = 0.0
        self.number: int | None = None  # the node that waits
        self.host: Host | None = None  # reserved for it

    def watch(self, number: int, host: Host, now: float, *, alone: bool, memory: float) -> None:
        """A node does not fit into a host now. alone: it needs a whole host, which is reserved at once.

        memory: bytes that it needs. now: in seconds.
        """
        if self.number != number:
            self.number, self.host, self._since = number, None, -math.inf if alone else now
        if now - self._since >= self._patience and self.host is None and (alone or memory <= host.memory):
            self.host = host

    def started(self, number: int) -> None:
        """A node has started: if it was the one that waited, nothing is reserved any more."""
        if self.number == number:
            self.number, self.host = None, None
