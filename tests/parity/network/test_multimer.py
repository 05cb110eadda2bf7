# SPDX-License-Identifier: Apache-2.0
"""AlphaFold-Multimer against the reference on both engines: what differs from the monomer, and the whole network.

All in one file, so that the reference is compiled once. The modules that do not differ are compared in test_modules.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from af2cpu.model.config import model_config
from af2cpu.ops import dispatch, isa
from af2cpu.records import ProcessedFeatures
from af2cpu.validate.cases import cases
from af2cpu.validate.compare import MODULE, make_row, output_rows
from af2cpu.validate.modules import Sizes, compare_module
from af2cpu.validate.reference import run_passes
from af2cpu.validate.synthetic import padded, synthetic_features

HETEROMER, HOMODIMER, MONOMER = (10, 5, 5), (10, 10), (20,)
ENGINES = ["torch", *(["native"] if isa.built() else [])]
OTHER = {  # the modules of a multimer model that differ from those of model_1_ptm
    "relative position",
    "template triangle multiplication outgoing",  # projections fused in the file
    "template triangle multiplication incoming",
    "template embedding",
    "template rows",
    "extra MSA block",
    "evoformer block",
    "invariant point attention",
    "structure module",
    "masked msa head",
}
CASES = [case for case in cases(model_config("model_1_multimer_v3")) if case.name in OTHER]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    dispatch.use_engine(request.param)
    return request.param


def test_all_that_differs_is_compared() -> None:
    assert {case.name for case in CASES} == OTHER


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_module(case: Any, model_1_multimer_v3: SimpleNamespace) -> None:
    sizes = Sizes(n_res=37, n_seq=7)
    reference = model_1_multimer_v3.reference(case.name, sizes)
    for engine in ENGINES:
        dispatch.use_engine(engine)
        for ours, theirs in compare_module(case, model_1_multimer_v3.model, reference, sizes):
            assert np.abs(theirs).mean() > 0.02, "the reference's output is dead: nothing is compared"
            row = make_row(case.name, ours, theirs, MODULE)
            assert row.passed, (engine, row)


def _draws(both: SimpleNamespace, chains: Sequence[int], n_templ: int, n: int) -> list[ProcessedFeatures]:
    """One size for all, so that the reference is compiled once; rows of zeros in the place of further templates."""
    sizes = {"n_seq": 20, "n_extra": 24, "n_templ": n_templ}
    return [padded(synthetic_features(both.config, chains, seed=k, **sizes), 20, 24, 4) for k in range(n)]


@pytest.mark.parametrize(
    ("chains", "n_templ", "passes"),
    [(HETEROMER, 2, 3), (HETEROMER, 0, 1), (HOMODIMER, 4, 1), (HOMODIMER, 0, 1), (MONOMER, 1, 1)],
)
def test_whole_network(tiny_multimer: SimpleNamespace, chains: Sequence[int], n_templ: int, passes: int) -> None:
    draws = _draws(tiny_multimer, chains, n_templ, passes)
    *_, theirs = run_passes(tiny_multimer.config, tiny_multimer.parameters, draws, [{}] * passes)
    for engine in ENGINES:
        dispatch.use_engine(engine)
        ours = tiny_multimer.model.predict(draws, recycles=passes - 1, tolerance=0.0, save_all=True)
        rows = list(output_rows(ours, theirs, draws[-1]))
        assert [(engine, row) for row in rows if not row.passed] == []
        assert (rows[-1].name == "ipTM") == (len(chains) > 1)
        assert len(rows) == 12 + (len(chains) > 1)
    assert dispatch.in_pytorch() == ()


def test_templates_may_be_left_out(tiny_multimer: SimpleNamespace, engine: str) -> None:
    """No template at all is the same as rows of zeros."""
    draw = synthetic_features(tiny_multimer.config, HETEROMER, n_seq=5, n_extra=5, n_templ=0)
    without, with_zeros = (tiny_multimer.model.predict([d], recycles=0) for d in (draw, padded(draw, 5, 5, 4)))
    np.testing.assert_allclose(without.atom_positions, with_zeros.atom_positions, atol=1e-4)


def test_chains_matter(tiny_multimer: SimpleNamespace) -> None:
    """Which chain, which entity and which copy a residue belongs to: each changes the pair representation."""
    draw = synthetic_features(tiny_multimer.config, HETEROMER, n_seq=5, n_extra=5, n_templ=1)
    pair = "representations/pair"
    plain = tiny_multimer.model.predict([draw], recycles=0, save_all=True).extras[pair]
    for name, step in (("asym_id", -1), ("entity_id", 1), ("sym_id", 1)):  # of the third chain
        other = getattr(draw, name).copy()
        other[15:] += step
        changed = ProcessedFeatures(**{**vars(draw), name: other})
        z = tiny_multimer.model.predict([changed], recycles=0, save_all=True).extras[pair]
        assert np.abs(z - plain).max() > 0.01, name


@pytest.mark.skipif(not isa.built(), reason="the native kernels are not built in this installation")
def test_bf16_is_near(tiny_multimer: SimpleNamespace) -> None:
    dispatch.use_engine("native")
    draws = _draws(tiny_multimer, HETEROMER, 2, 1)
    exact = tiny_multimer.model.predict(draws, recycles=0, save_all=True).extras["representations/pair"]
    try:
        near = tiny_multimer.model.set_precision("bf16").predict(draws, recycles=0, save_all=True)
    finally:
        tiny_multimer.model.set_precision("fp32")
    error = np.linalg.norm(near.extras["representations/pair"] - exact) / np.linalg.norm(exact)
    assert 1e-4 < error < 0.05
    assert dispatch.in_pytorch() == ()


def test_pairs_of_chains_are_scored_as_alphafold_would_score_them_alone(tiny_multimer: SimpleNamespace) -> None:
    """DeepMind's predicted_tm_score with the weights of two chains, or of one for its pTM."""
    from alphafold.common.confidence import predicted_tm_score

    draw = synthetic_features(tiny_multimer.config, (20, 25, 31), n_seq=5, n_extra=5, n_templ=0)
    ours = tiny_multimer.model.predict([draw], recycles=0, save_all=True)
    logits, asym = ours.extras["predicted_aligned_error/logits"], draw.asym_id
    for a, b in itertools.product((1, 2, 3), repeat=2):
        weights = np.isin(asym, (a, b)).astype(np.float64)
        theirs = float(predicted_tm_score(logits, np.linspace(0, 31, 63), weights, asym if a != b else None))
        assert ours.chain_pairs.chain_pair_iptm[a - 1, b - 1] == pytest.approx(theirs, abs=1e-5)


def test_interface_score_by_hand() -> None:
    """The mean over the residues of other chains; the best of the residues that are not masked."""
    from af2cpu.model.heads import _interface_tm

    rng = np.random.default_rng(0)
    tm, mask, asym = rng.random((7, 7)), np.array([1, 1, 0, 1, 1, 1, 1.0]), np.array([1, 1, 1, 2, 2, 3, 3])
    tm[2] = 1.0  # a masked residue's
    best = max(np.mean([tm[i, j] for j in range(7) if asym[j] != asym[i] and mask[j]]) for i in range(7) if mask[i])
    given = (torch.tensor(x).float() for x in (tm, mask))
    assert _interface_tm(*given, torch.tensor(asym)) == pytest.approx(best, abs=1e-6)
