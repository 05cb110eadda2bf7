# SPDX-License-Identifier: Apache-2.0
"""A draw of the multimer models against the reference's own code, both with the reference's random numbers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from feature_cases import random_features

from af2cpu.features.config import SamplingConfig
from af2cpu.features.sample import _TO_AATYPE, Sampler
from af2cpu.records import Features
from af2cpu.validate.reference import load_reference
from af2cpu.validate.threefry import PassNumbers

N_SEQ, N_RES = 60, 13
CONFIG = SamplingConfig(max_msa_clusters=20, max_extra_msa=30, replace_fraction=0.3, draw="multimer")


@pytest.fixture(scope="module")
def features() -> Features:
    """With rows that repeat others, so that centres are equally near."""
    features = random_features(5, N_SEQ, N_RES)
    features.msa[40:50] = features.msa[1:11]
    features.msa[50:55, :] = 21  # nothing but gaps: as near to each centre as to any other
    return features


def _keys(seed: int, index: int) -> tuple[Any, Any]:
    """The reference's keys of one pass, for the choice of rows and for masking."""
    r = load_reference()
    key = r.jax.random.PRNGKey(seed)
    for _ in range(index + 1):
        key, of_pass = r.jax.random.split(key)  # RunModel.predict
    of_module = r.haiku.transform(r.haiku.next_rng_key).apply({}, of_pass)
    _, of_ensemble = r.modules_multimer.prng.SafeKey(of_module).split()  # AlphaFoldIteration
    _, sample, mask = of_ensemble.split(3)  # EmbeddingsAndEvoformer
    return sample, mask


def _reference(features: Features, seed: int, index: int) -> dict[str, Any]:
    """What the reference makes of the MSA in one pass with its own random numbers."""
    r, m = load_reference(), load_reference().modules_multimer
    sample_key, mask_key = _keys(seed, index)
    n = CONFIG.msa_rows
    batch: dict[str, Any] = {
        "msa": _TO_AATYPE[features.msa].astype(np.int32),
        "deletion_matrix": features.deletion_matrix_int.astype(np.float32),
        "msa_mask": np.ones((N_SEQ, N_RES), np.float32),
        "bert_mask": np.ones((N_SEQ, N_RES), np.float32),
        "cluster_bias_mask": np.eye(1, N_SEQ, dtype=np.float32)[0],
    }
    batch = {name: r.jnp.asarray(array) for name, array in batch.items()}
    batch["msa_profile"] = m.make_msa_profile(batch)
    rates = SimpleNamespace(**{name: getattr(CONFIG, name) for name in ("uniform_prob", "profile_prob", "same_prob")})
    rates.replace_fraction = CONFIG.replace_fraction
    batch = m.sample_msa(sample_key, batch, n)
    batch = m.make_masked_msa(batch, mask_key, rates)
    batch["cluster_profile"], batch["cluster_deletion_mean"] = m.nearest_neighbor_clusters(batch)
    batch["msa_feat"] = m.create_msa_feat(batch)
    batch["extra_feat"], batch["extra_mask"] = m.create_extra_msa_feature(batch, CONFIG.max_extra_msa)
    return {name: np.asarray(array) for name, array in batch.items()}


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64", "ignore:jax.nn.one_hot input")  # the reference's
@pytest.mark.parametrize(("seed", "index"), [(0, 0), (0, 2), (5, 1)])
def test_draw_for_draw(features: Features, seed: int, index: int) -> None:
    theirs = _reference(features, seed, index)
    numbers = PassNumbers(seed, index, CONFIG.replace_fraction)
    draw = Sampler(features, CONFIG).draw(numbers)  # type: ignore[arg-type]
    masked = theirs["msa"] != theirs["true_msa"]
    assert 0.15 < masked.mean() < 0.4
    np.testing.assert_array_equal(draw.msa_feat[..., :23].argmax(-1), theirs["msa"])
    np.testing.assert_allclose(draw.msa_feat, theirs["msa_feat"], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(draw.extra_msa, theirs["extra_feat"][..., :23].argmax(-1))
    np.testing.assert_array_equal(draw.extra_has_deletion, theirs["extra_feat"][..., 23])
    np.testing.assert_allclose(draw.extra_deletion_value, theirs["extra_feat"][..., 24], rtol=1e-6)
    assert draw.extra_msa.shape == theirs["extra_mask"].shape == (30, N_RES)
    assert draw.msa_mask.shape == (16, N_RES)


def test_rows_share_their_weight_and_count_by_residues(features: Features) -> None:
    """By hand: two equal centres, one extra row equal to both; the row weighs n_res, half of it in each cluster."""
    from af2cpu.features.cluster import soft_cluster

    centres, row = np.array([[1, 2, 3], [1, 2, 3]], np.uint8), np.array([[1, 2, 4]], np.uint8)
    zeros, deletions = np.zeros((2, 3), np.float32), np.array([[0, 5, 0]], np.float32)
    found = soft_cluster(centres, zeros, lambda part: (row[part], deletions[part]), 1)
    weight = 3 / 2
    assert found.profile[:, 2, 4] == pytest.approx(weight / (weight + 1))
    assert found.profile[:, 2, 3] == pytest.approx(1 / (weight + 1))
    assert found.profile[:, 0, 1] == pytest.approx(1)
    assert found.deletion_mean[:, 1] == pytest.approx(5 * weight / (weight + 1))


def test_form_of_the_input(features: Features) -> None:
    """Residue types alone, and always as many templates as the model takes: rows of zeros where there are none."""
    draw = Sampler(features, CONFIG).draw(np.random.default_rng(0))
    assert draw.target_feat.shape == (N_RES, 21)
    assert (draw.target_feat.argmax(1) == draw.aatype).all()
    assert draw.template_aatype.shape == (4, N_RES)
    assert not draw.template_aatype.any()
    assert (draw.asym_id == 1).all()
