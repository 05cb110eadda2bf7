# SPDX-License-Identifier: Apache-2.0
"""Each test here visits every instruction set that the machine has, and the software model of AMX tiles."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from af2cpu.ops import isa

if not isa.built():
    pytest.skip("the native kernels are not built in this installation", allow_module_level=True)


@pytest.fixture(params=isa.kernels().levels())
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    before = isa.level()
    isa.kernels().use_level(request.param)
    yield request.param
    isa.kernels().use_level(before)


@pytest.fixture
def threads() -> Iterator[None]:
    """The number of threads as it was, after a test that changes it."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
