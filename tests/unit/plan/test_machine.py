# SPDX-License-Identifier: Apache-2.0
"""What the machine can do, with PyTorch of any version that is claimed."""

from __future__ import annotations

import pytest
import torch

from af2cpu.plan.machine import instructions


def test_older_versions_of_pytorch_do_not_tell_the_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before 2.9: then Linux does. What decides between bf16 and fp32 must be the same."""
    told = instructions()
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    decisive = {"avx2", "avx512_bf16", "amx_bf16"}
    assert decisive & set(instructions()) == decisive & set(told)
    assert "avx2" in instructions()
