# SPDX-License-Identifier: Apache-2.0
"""Expected TM-scores of chains and of pairs of chains: against loops over frames and against ipTM."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import combinations

import numpy as np
import pytest
import torch

import af2cpu
from af2cpu.model.alphafold import AlphaFold
from af2cpu.model.chain_pairs import chain_pairs
from af2cpu.model.heads import Heads
from af2cpu.ops.slicing import memory_budget
from af2cpu.records import ChainPairs

ASYM = np.repeat([1, 2, 3], [24, 13, 31])
CENTERS = (np.arange(64) + 0.5) * 0.5


@pytest.fixture(scope="module")
def heads() -> Heads:
    """With errors and distances that differ from residue to residue: a contact in a tenth of the pairs."""
    net: AlphaFold = af2cpu.load_model("tiny", "synthetic:0", engine="torch")
    torch.manual_seed(0)
    with torch.no_grad():
        net.heads.predicted_aligned_error.logits.weight.normal_(0, 0.6)
        net.heads.distogram.half_logits.weight.normal_(0, 0.5)
        net.heads.distogram.half_logits.bias[:20] = -1.4
    return net.heads


def _pair(n_res: int) -> torch.Tensor:
    return torch.randn(n_res, n_res, 24, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def _scores(heads: Heads, asym: np.ndarray, mask: np.ndarray | None = None) -> ChainPairs | None:
    weights = torch.ones(len(asym)) if mask is None else torch.tensor(mask).float()
    z = _pair(len(asym))
    return chain_pairs(heads.predicted_aligned_error, heads.distogram, z, weights, torch.tensor(asym))


@torch.no_grad()
def _distributions(heads: Heads, n_res: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of aligned errors [i, j, 64], and of a contact [i, j]: bins that begin below 8 angstrom."""
    z = _pair(n_res)
    errors = torch.softmax(heads.predicted_aligned_error(z).double(), -1).numpy()
    distances = torch.softmax(heads.distogram(z).double(), -1).numpy()
    begins = np.concatenate([[0.0], np.linspace(2.3125, 21.6875, 63)])
    return errors, distances[..., begins < 8].sum(-1)


def _best(errors: np.ndarray, frames: Iterable[int], ends: Iterable[int], asym: np.ndarray, size: int) -> float:
    """The best frame's mean over the residues in other chains."""
    terms = 1 / (1 + (CENTERS / (1.24 * (max(size, 19) - 15) ** (1 / 3) - 1.8)) ** 2)
    found = [0.0]
    for i in frames:
        tm = [float(errors[i, j] @ terms) for j in ends if asym[i] != asym[j]]
        found += [sum(tm) / len(tm)] if tm else []
    return max(found)


def test_loops_over_frames(heads: Heads) -> None:
    """The pair sizes are those of two chains for AlphaFold 3's, of all three for ColabFold's scores."""
    scores = _scores(heads, ASYM)
    errors, contact = _distributions(heads, len(ASYM))
    both = set()
    for a, b in combinations((1, 2, 3), 2):
        members = np.flatnonzero((a == ASYM) | (b == ASYM)).tolist()
        alone = _best(errors, members, members, ASYM, len(members))
        together = _best(errors, members, members, ASYM, len(ASYM))
        sure = [i for i in members if any(contact[i, j] >= 0.6 for j in members if ASYM[i] != ASYM[j])]
        assert 0 < len(sure) < len(members)
        both |= {(i, j) for i in sure for j in sure if ASYM[i] != ASYM[j]}
        active = _best(errors, sure, sure, ASYM, len(ASYM))
        for x, y in ((a - 1, b - 1), (b - 1, a - 1)):
            assert scores.chain_pair_iptm[x, y] == pytest.approx(alone, abs=1e-5)
            assert scores.pairwise_iptm[x, y] == pytest.approx(together, abs=1e-5)
            assert scores.pairwise_actifptm[x, y] == pytest.approx(active, abs=1e-5)
    terms = 1 / (1 + (CENTERS / (1.24 * (len(ASYM) - 15) ** (1 / 3) - 1.8)) ** 2)
    rows = [[float(errors[i, j] @ terms) for k, j in both if k == i] for i in range(len(ASYM))]
    assert scores.actifptm == pytest.approx(max(np.mean(row) for row in rows if row), abs=1e-5)
    for a in (1, 2, 3):
        inside = np.flatnonzero(a == ASYM)
        d0 = 1.24 * (max(len(inside), 19) - 15) ** (1 / 3) - 1.8
        ptm = max(_mean(errors, i, inside, d0) for i in inside)
        assert scores.chain_pair_iptm[a - 1, a - 1] == pytest.approx(ptm, abs=1e-5)
    assert not np.diag(scores.pairwise_iptm).any()
    assert not np.diag(scores.pairwise_actifptm).any()


def _mean(errors: np.ndarray, i: int, ends: np.ndarray, d0: float) -> float:
    return float((errors[i, ends] @ (1 / (1 + (CENTERS / d0) ** 2))).mean())


def test_two_chains_have_the_complexs_own_iptm(heads: Heads) -> None:
    """With nothing but two chains both definitions are AlphaFold-Multimer's ipTM; a chain's pTM is a monomer's."""
    asym = np.repeat([1, 2], [30, 21])
    scores, head = _scores(heads, asym), heads.predicted_aligned_error
    with torch.no_grad():
        _, _, iptm = head.pae_and_ptm(_pair(51), torch.ones(51), torch.tensor(asym))
        _, alone, _ = head.pae_and_ptm(_pair(51)[:30, :30], torch.ones(30), torch.ones(30, dtype=torch.int64))
    assert scores.chain_pair_iptm[0, 1] == pytest.approx(iptm, abs=1e-6)
    assert scores.pairwise_iptm[0, 1] == pytest.approx(iptm, abs=1e-6)
    assert scores.chain_pair_iptm[0, 0] == pytest.approx(alone, abs=1e-6)


def test_other_chains_do_not_change_a_pair(heads: Heads) -> None:
    """AlphaFold 3's is of the two chains alone."""
    asym = np.repeat([1, 2, 3], [20, 21, 10])
    mask = np.ones(51)
    mask[41:] = 0
    whole, two = _scores(heads, asym), _scores(heads, asym, mask)
    np.testing.assert_allclose(whole.chain_pair_iptm[:2, :2], two.chain_pair_iptm[:2, :2], atol=1e-6)
    assert abs(whole.pairwise_iptm[0, 1] - two.pairwise_iptm[0, 1]) > 1e-3
    assert not two.chain_pair_iptm[2].any()


def test_masked_residues_are_left_out(heads: Heads) -> None:
    asym, mask = np.repeat([1, 2], [26, 25]), np.ones(51)
    mask[[3, 30, 50]] = 0
    kept = np.flatnonzero(mask)
    errors, _ = _distributions(heads, 51)
    expected = _best(errors, kept, kept, asym, 48)
    assert _scores(heads, asym, mask).chain_pair_iptm[0, 1] == pytest.approx(expected, abs=1e-5)


def test_one_row_at_a_time_gives_the_same(heads: Heads) -> None:
    whole = _scores(heads, ASYM)
    with memory_budget(1):
        cut = _scores(heads, ASYM)
    for name, values in vars(whole).items():
        np.testing.assert_allclose(getattr(cut, name), values, atol=1e-6, err_msg=name)


@contextmanager
def _contacts(heads: Heads, bias: float) -> Iterator[None]:
    """Within this block near bins of the distogram are likely or not."""
    given = heads.distogram.half_logits.bias
    before = given.detach().clone()
    with torch.no_grad():
        given[:20] = bias
    yield
    with torch.no_grad():
        given.copy_(before)


def test_without_contacts_actifptm_is_zero(heads: Heads) -> None:
    with _contacts(heads, -50.0):
        scores = _scores(heads, ASYM)
    assert not scores.pairwise_actifptm.any()
    assert scores.actifptm == 0.0
    assert scores.pairwise_iptm[0, 1] > 0


def test_with_contacts_everywhere_actifptm_is_iptm(heads: Heads) -> None:
    n_res = len(ASYM)
    with _contacts(heads, 50.0), torch.no_grad():
        scores = _scores(heads, ASYM)
        _, _, iptm = heads.predicted_aligned_error.pae_and_ptm(_pair(n_res), torch.ones(n_res), torch.tensor(ASYM))
    np.testing.assert_allclose(scores.pairwise_actifptm, scores.pairwise_iptm, atol=1e-6)
    assert scores.actifptm == pytest.approx(iptm, abs=1e-6)


def test_one_chain_has_no_pairs(heads: Heads) -> None:
    assert _scores(heads, np.ones(9, np.int64)) is None


def test_a_prediction_of_several_chains_has_them() -> None:
    from af2cpu.model.config import model_config
    from af2cpu.validate.synthetic import synthetic_features

    net = af2cpu.load_model("tiny_multimer", "synthetic:0", engine="torch")
    (draw,) = (synthetic_features(model_config("tiny_multimer"), lengths, n_seq=4, n_extra=6) for lengths in [(7, 4)])
    prediction = net.predict([draw], recycles=0)
    assert prediction.chain_pairs.chain_pair_iptm.shape == (2, 2)
    assert prediction.chain_pairs.chain_pair_iptm[1, 0] == pytest.approx(prediction.iptm, abs=1e-6)
    single = synthetic_features(model_config("tiny_multimer"), 7, n_seq=4, n_extra=6)
    assert net.predict([single], recycles=0).chain_pairs is None
