# SPDX-License-Identifier: Apache-2.0
"""Shapes in the signatures of the network are checked in all tests; a web server for those that fetch."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator

import pytest
from http_server import Server, serving
from jaxtyping import install_import_hook
from msa_server import MsaServer, serving_msas

pytest_plugins = ["fault_table"]

install_import_hook(["af2cpu.geometry", "af2cpu.model", "af2cpu.ops"], "beartype.beartype")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background jobs ignore Ctrl-C, and so would the programs that the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A local HTTP server; what fetches from it does not pause before it tries again."""
    monkeypatch.setattr("af2cpu.download.requests._PAUSE", 0.0)
    with serving() as running:
        yield running


@pytest.fixture
def msas(monkeypatch: pytest.MonkeyPatch) -> Iterator[MsaServer]:
    """A local MSA server; what asks it does not pause."""
    monkeypatch.setattr("af2cpu.download.requests._PAUSE", 0.0)
    monkeypatch.setattr("af2cpu.search.server.client._FIRST_PAUSE", 0.0)
    monkeypatch.setattr("af2cpu.search.server.client._silent", set())
    with serving_msas() as running:
        yield running


@pytest.fixture(autouse=True)
def _definitions() -> Iterator[None]:
    """Tests run on the definitions in PyTorch, unless they choose an engine: which the next test must not inherit."""
    yield
    dispatch = sys.modules.get("af2cpu.ops.dispatch")
    if dispatch is not None and dispatch.engine() != "torch":
        dispatch.use_engine("torch")
