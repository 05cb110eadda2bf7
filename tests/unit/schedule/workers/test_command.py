# SPDX-License-Identifier: Apache-2.0
"""Workers that join a scheduler end by SIGTERM, at whatever moment it comes."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Generator
from typing import Any

import pytest

from af2cpu.schedule.workers import command as joining
from af2cpu.settings import load_settings

closed: list[float] = []


class _Terminated(BaseException):
    pass


class _Nanny:
    """A stand-in for a nanny of Dask's; SIGTERM comes while a callback of its event loop runs."""

    status = "running"

    def __init__(self, *args: Any, **options: Any) -> None:
        pass

    def __await__(self) -> Generator[None, None, _Nanny]:
        yield
        return self

    async def finished(self) -> None:
        asyncio.get_running_loop().call_soon(self._signal)
        await asyncio.wait_for(asyncio.Event().wait(), 5)

    def _signal(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)  # the handler runs before the callback ends

    async def close(self, timeout: float) -> None:
        closed.append(timeout)


def test_sigterm_within_a_callback_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def terminate(number: int, frame: object) -> None:
        raise _Terminated

    closed.clear()
    monkeypatch.setattr(joining, "start_fork_server", lambda predicts: None)
    monkeypatch.setattr("af2cpu.schedule.workers.processes.WatchingNanny", _Nanny)
    settings = load_settings({"scheduler": "tcp://127.0.0.1:9", "workers": "1"})
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        with pytest.raises(_Terminated):
            joining.join(settings, None)
        assert signal.getsignal(signal.SIGTERM) is terminate
    finally:
        signal.signal(signal.SIGTERM, before)
    assert closed == [1]
