# SPDX-License-Identifier: Apache-2.0
"""The module of kernels is the one that this Python code was written for."""

from __future__ import annotations

from pathlib import Path

import pytest

from af2cpu.errors import InputError
from af2cpu.ops import isa

pytestmark = pytest.mark.skipif(not isa.built(), reason="no native kernels in this installation")


def test_kernels_of_other_sources_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "_kernels.pyi"
    other.write_text("def linear(x: Tensor) -> Tensor: ...\n")
    monkeypatch.setattr(isa, "_INTERFACE", other)
    with pytest.raises(InputError, match=r"_kernels\S*\.so: built from other sources than this af2cpu"):
        isa.kernels.__wrapped__()


def test_kernels_of_these_sources_are_taken() -> None:
    assert isa.kernels.__wrapped__() is isa.kernels()
