# SPDX-License-Identifier: Apache-2.0
"""Which worker processes of a cluster a run uses: those of its version, and of its instruction set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from af2cpu import events
from af2cpu.ops import isa
from af2cpu.schedule.workers.tasks import WorkerInfo
from af2cpu.version import __version__

if TYPE_CHECKING:
    from distributed import Client


class AcceptedWorkers:
    """The workers of a run."""

    def __init__(self, client: Client, level: str | None) -> None:
        """level: instruction set of the run's kernels, None for a run without them."""
        self._client, self._level = client, level
        self.addresses: dict[str, str] = {}  # by name of the worker
        self._refused: set[str] = set()  # reasons that were told

    def __bool__(self) -> bool:
        return bool(self.addresses)

    def ask(self, address: str) -> WorkerInfo | None:
        """What a worker tells of itself; None for one that is known, gone again, or refused, which is told once."""
        from af2cpu.schedule.workers.processes import info

        if address in self.addresses.values():
            return None
        told = self._client.run(info, workers=[address], on_error="return").get(address)
        if isinstance(told, Exception):  # gone again
            return None
        reason = refusal(told, self._level)
        if not reason:
            return told
        if reason not in self._refused:
            events.emit("warning", f"worker {address}: is not used: {reason}", target="")
        self._refused.add(reason)
        return None

    def drop(self, address: str) -> str | None:
        """The name of a worker that is gone; None for one that is not used."""
        name = next((name for name, one in self.addresses.items() if one == address), None)
        if name is not None:
            del self.addresses[name]
        return name


def refusal(told: WorkerInfo | None, level: str | None) -> str:
    """Why a run whose kernels use an instruction set can't use a worker; empty if it can."""
    if told is None:
        return "start workers with af2cpu worker"
    if told.version != __version__:
        return f"it has af2cpu {told.version}, and this run {__version__}"
    if not told.predicts or level is None or told.isa == level:
        return ""
    if told.isa is None:
        return "its installation has no kernels, and this run uses them"
    common = told.isa if told.isa in isa.levels() else level
    return (
        f"its kernels run on {told.isa}, and those of this run on {level}, on which the results depend; "
        f"set AF2CPU_ISA={common} for all"
    )
