# SPDX-License-Identifier: Apache-2.0
"""The Python API: what a prediction holds, when recycling ends, what is refused."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

import af2cpu
from af2cpu.chemistry import residues
from af2cpu.model.alphafold import AlphaFold
from af2cpu.model.config import model_config
from af2cpu.model.inputs import Inputs
from af2cpu.validate.synthetic import padded, synthetic_features

N_RES = 11


@pytest.fixture(scope="module")
def net() -> AlphaFold:
    return af2cpu.load_model("tiny", "synthetic:0", engine="torch")


def _draws(n: int, **sizes: int) -> list[af2cpu.ProcessedFeatures]:
    return [
        synthetic_features(model_config("tiny"), N_RES, seed=seed, n_seq=4, n_extra=6, **sizes) for seed in range(n)
    ]


def test_prediction(net: AlphaFold) -> None:
    (draw,) = _draws(1)
    p = net.predict([draw], recycles=0)
    assert p.model == "tiny"
    assert p.atom_positions.shape == (N_RES, 37, 3)
    assert np.array_equal(p.atom_mask, residues.ATOM37_EXISTS[draw.aatype])
    assert not p.atom_positions[p.atom_mask == 0].any()
    assert p.plddt.shape == (N_RES,)
    assert ((p.plddt > 0) & (p.plddt < 100)).all()
    assert p.pae is not None
    assert p.pae.shape == (N_RES, N_RES)
    assert ((p.pae > 0) & (p.pae < p.max_pae)).all()
    assert p.max_pae == 31.75
    assert 0 < p.ptm < 1
    assert p.extras == {}


def test_bond_lengths_are_ideal(net: AlphaFold) -> None:
    positions = net.predict(_draws(1), recycles=0).atom_positions
    bond = np.linalg.norm(positions[:, residues.N] - positions[:, residues.CA], axis=-1)
    np.testing.assert_allclose(bond, 1.46, atol=0.01)


def test_the_same_twice(net: AlphaFold) -> None:
    first, second = (net.predict(_draws(2), recycles=1) for _ in range(2))
    assert np.array_equal(first.atom_positions, second.atom_positions)


@torch.no_grad()
def test_a_pass_uses_up_the_pair_tensor_of_the_one_before(net: AlphaFold) -> None:
    """It is as large as what a whole pass takes; whoever holds the first pass does not hold it."""
    passes = net.passes(_draws(2), 1, 0.0, 1)
    first = next(passes)
    pair = weakref.ref(first.representations.z)
    assert first.representations.z.numel() > 0
    second = next(passes)
    assert pair() is None
    assert second.representations.z.numel() > 0
    assert first.structure.atoms.atom37.shape == second.structure.atoms.atom37.shape


def test_a_template_is_gone_when_the_next_one_is_made(net: AlphaFold) -> None:
    embedder = net.template_embedder
    assert embedder is not None
    c_t, c_z, made = net.config.template_embedder.c_t, net.config.c_z, []

    def templates() -> Iterator[torch.Tensor]:
        for _ in range(3):
            assert not any(t() is not None for t in made)
            t = torch.randn(N_RES, N_RES, c_t)
            made.append(weakref.ref(t))
            yield t
            del t

    with torch.no_grad():
        embedder.attention(templates(), torch.randn(N_RES, N_RES, c_z))
    assert len(made) == 3


def test_recycles_use_new_draws_and_the_pass_before(net: AlphaFold) -> None:
    draws = _draws(2)
    recycled = net.predict(draws, recycles=1)
    assert recycled.passes == 2
    assert len(recycled.changes) == 2
    assert not np.allclose(recycled.atom_positions, net.predict(draws[1:], recycles=0).atom_positions, atol=1e-3)
    assert not np.allclose(
        recycled.atom_positions, net.predict([draws[0], draws[0]], recycles=1).atom_positions, atol=1e-3
    )


def test_recycling_ends_at_the_tolerance(net: AlphaFold) -> None:
    draws = [_draws(1)[0]] * 6
    changes = net.predict(draws, recycles=5).changes
    assert len(changes) == 6
    early = net.predict(draws, recycles=5, tolerance=changes[2] + 1e-3)
    stop = next(k for k in range(1, 6) if changes[k] < changes[2] + 1e-3)
    assert early.passes == stop + 1
    assert net.predict(draws, recycles=5, tolerance=1e9).passes == 2  # never after the first pass


def test_extra_pass_after_an_early_stop(net: AlphaFold) -> None:
    """DeepMind's multimer code makes its result in a pass of its own: three passes at the least."""
    draws = _draws(6)
    changes = net.predict(draws, recycles=5).changes
    tolerance = sorted(changes[1:])[2]  # two of the passes from the second one on are below
    stop = next(k for k in range(1, 6) if changes[k] < tolerance)
    given = {"recycles": 5, "tolerance": tolerance}
    colabfold, deepmind = (net.predict(draws, **given, extra_pass=extra) for extra in (False, True))
    assert (colabfold.passes, deepmind.passes) == (stop + 1, stop + 2)
    assert deepmind.changes == changes[: stop + 2]
    one_more = net.predict(draws, recycles=stop + 1)
    assert np.array_equal(deepmind.atom_positions, one_more.atom_positions)
    assert not np.array_equal(deepmind.atom_positions, colabfold.atom_positions)
    assert net.predict(draws, recycles=5, tolerance=1e9, extra_pass=True).passes == 3


@pytest.mark.parametrize(("recycles", "tolerance"), [(0, 0.0), (1, 1e9), (2, 0.0), (3, 1e-9)])
def test_no_extra_pass_without_an_early_stop(net: AlphaFold, recycles: int, tolerance: float) -> None:
    """The limit of recycles holds in both modes."""
    draws = _draws(5)
    passes = {net.predict(draws, recycles=recycles, tolerance=tolerance, extra_pass=x).passes for x in (False, True)}
    assert passes == {recycles + 1}


def test_ensemble_of_one_draw_twice_changes_nothing(net: AlphaFold) -> None:
    (draw,) = _draws(1)
    one, two = net.predict([draw], recycles=0), net.predict([draw, draw], recycles=0, ensembles=2)
    np.testing.assert_allclose(two.atom_positions, one.atom_positions, atol=1e-4)


def test_ensemble_is_a_mean(net: AlphaFold) -> None:
    draws = _draws(2)
    single = [net.predict([draw], recycles=0, save_all=True).extras["representations/pair"] for draw in draws]
    both = net.predict(draws, recycles=0, ensembles=2, save_all=True).extras["representations/pair"]
    np.testing.assert_allclose(both, (single[0] + single[1]) / 2, atol=1e-4)


def test_padding_is_never_computed() -> None:
    (draw,) = _draws(1, n_templ=1)
    x = Inputs.from_features(padded(draw, 40, 30, 4))
    assert (len(x.msa_feat), len(x.extra_msa), len(x.templates.aatype)) == (4, 6, 1)
    masked = np.ones(N_RES, np.float32)
    masked[[3, 9, 10]] = 0.0
    assert len(Inputs.from_features(replace(draw, seq_mask=masked)).aatype) == 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"recycles": 21}, "0 to 20, not 21"),
        ({"recycles": -1}, "0 to 20"),
        ({"ensembles": 0}, "1 or more, not 0"),
        ({"tolerance": -0.5}, "0 angstrom or more"),
        ({"tolerance": float("nan")}, "0 angstrom or more"),
        ({"recycles": 3}, "1 draws .* 4 are needed"),
        ({"recycles": 0, "ensembles": 8}, "8 are needed"),
    ],
)
def test_refused(net: AlphaFold, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        net.predict(_draws(1), **arguments)


def test_refused_features(net: AlphaFold) -> None:
    (draw,) = _draws(1)
    with pytest.raises(ValueError, match="seq_mask is zero everywhere"):
        net.predict([replace(draw, seq_mask=np.zeros(N_RES, np.float32))], recycles=0)
    no_query = draw.msa_mask.copy()
    no_query[0] = 0.0
    with pytest.raises(ValueError, match="the query's, is masked"):
        net.predict([replace(draw, msa_mask=no_query)], recycles=0)


def test_features_from_arrays() -> None:
    (draw,) = _draws(1)
    arrays = {name: value for name, value in vars(draw).items() if not name.startswith("template_")}
    assert len(af2cpu.ProcessedFeatures.from_arrays(arrays).template_mask) == 0
    del arrays["msa_feat"]
    with pytest.raises(ValueError, match="msa_feat"):
        af2cpu.ProcessedFeatures.from_arrays(arrays)


def test_unknown_precision() -> None:
    with pytest.raises(ValueError, match=r"fp16.*fp32, bf16"):
        af2cpu.load_model("tiny", "synthetic:0", precision="fp16", engine="torch")


def test_bf16_keeps_structure_module_and_heads_in_float32() -> None:
    types = {
        name: str(p.dtype)
        for name, p in af2cpu.load_model("tiny", "synthetic:0", precision="bf16", engine="torch").named_parameters()
    }
    for name, dtype in types.items():
        expected = "torch.float32" if name.startswith(("structure_module", "heads")) else "torch.bfloat16"
        assert dtype == expected, name
