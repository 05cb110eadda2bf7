# SPDX-License-Identifier: Apache-2.0
"""The network on the native kernels against the reference: every module in its published size, and the whole `tiny`."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from af2cpu.model.config import model_config
from af2cpu.ops import dispatch, isa
from af2cpu.validate.cases import Case, cases
from af2cpu.validate.compare import MODULE, compare, make_row
from af2cpu.validate.modules import Sizes, compare_module
from af2cpu.validate.synthetic import synthetic_features

if not isa.built():
    pytest.skip("the native kernels are not built in this installation", allow_module_level=True)


@pytest.fixture(autouse=True)
def _native() -> None:
    dispatch.use_engine("native")


@pytest.fixture(params=isa.kernels().levels())
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    before = isa.level()
    isa.kernels().use_level(request.param)
    yield request.param
    isa.kernels().use_level(before)


@pytest.mark.parametrize("case", list(cases(model_config("model_1_ptm"))), ids=lambda case: case.name)
def test_module(case: Case, model_1_ptm: SimpleNamespace) -> None:
    sizes = Sizes(n_res=37, n_seq=7)  # as in test_modules: the reference runs once
    reference = model_1_ptm.reference(case.name, sizes, 0)
    for ours, theirs in compare_module(case, model_1_ptm.model, reference, sizes):
        row = make_row(case.name, ours, theirs, MODULE)
        assert row.passed, row


def test_whole_network(level: str) -> None:
    """On every instruction set; two passes, templates, an odd number of residues."""
    draws = [synthetic_features(model_config("tiny"), 19, seed=k, n_seq=20, n_extra=24, n_templ=4) for k in range(2)]
    result = compare("tiny", "synthetic:0", draws, modules=False)
    assert [row for row in result.rows if not row.passed] == []
    assert (dispatch.describe(), dispatch.in_pytorch()) == (f"native ({level})", ())


def test_bf16_is_near(level: str) -> None:
    draws = [synthetic_features(model_config("tiny"), 19, seed=0, n_seq=20, n_extra=24, n_templ=4)]
    result = compare("tiny", "synthetic:0", draws, precision="bf16", modules=False)
    values = {row.name: row.value for row in result.rows}
    assert result.passed
    assert 1e-4 < values["representations pair"] < 0.05
