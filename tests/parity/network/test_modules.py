# SPDX-License-Identifier: Apache-2.0
"""Every module against the reference in the published sizes, on odd lengths and masks with zeros."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from af2cpu.model.config import model_config
from af2cpu.validate.cases import Case, cases
from af2cpu.validate.compare import MODULE, make_row
from af2cpu.validate.modules import Sizes, compare_module

CASES = list(cases(model_config("model_1_ptm")))
MSA_CASES = [case for case in CASES if "msa" in case.name.lower() or "outer" in case.name]


def _check(case: Case, both: SimpleNamespace, sizes: Sizes, seed: int = 0) -> None:
    reference = both.reference(case.name, sizes, seed)
    for ours, theirs in compare_module(case, both.model, reference, sizes, seed):
        assert np.abs(theirs).mean() > 0.02, "the reference's output is dead: nothing is compared"
        row = make_row(case.name, ours, theirs, MODULE)
        assert row.passed, row


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_module(case: Case, model_1_ptm: SimpleNamespace) -> None:
    _check(case, model_1_ptm, Sizes(n_res=37, n_seq=7))


@pytest.mark.parametrize("n_seq", [1, 50, 513])
@pytest.mark.parametrize("case", MSA_CASES, ids=lambda case: case.name)
def test_msa_depth(case: Case, n_seq: int, model_1_ptm: SimpleNamespace) -> None:
    _check(case, model_1_ptm, Sizes(n_res=7, n_seq=n_seq), seed=1)


@pytest.mark.parametrize("case", [case for case in CASES if "block" in case.name or "structure" in case.name])
def test_no_holes(case: Case, model_1_ptm: SimpleNamespace) -> None:
    _check(case, model_1_ptm, Sizes(n_res=12, holes=0.0), seed=2)


def test_one_residue(tiny: SimpleNamespace) -> None:
    for case in cases(tiny.config):
        if "block" in case.name or "structure" in case.name:
            _check(case, tiny, Sizes(n_res=1, n_seq=3, holes=0.0), seed=3)


def test_extra_block_without_rows(model_1_ptm: SimpleNamespace) -> None:
    """The reference pads an empty extra MSA with a masked row, whose outer product is output_b / 1e-3."""
    block = model_1_ptm.model.extra_msa_stack.blocks[0]
    z = torch.zeros(9, 9, 128)
    with torch.no_grad():
        block.outer_product_mean(torch.zeros(0, 9, 64), torch.zeros(0, 9), z)
    torch.testing.assert_close(z, (block.outer_product_mean.out_bias / 1e-3).expand(9, 9, 128))
    assert z.abs().mean() > 0.1
