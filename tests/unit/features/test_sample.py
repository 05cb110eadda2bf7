# SPDX-License-Identifier: Apache-2.0
"""One draw: which rows it takes, what its arrays hold."""

from dataclasses import fields, replace

import numpy as np
import pytest
from feature_cases import random_features

from af2cpu.errors import InputError
from af2cpu.features.config import SamplingConfig
from af2cpu.features.draws import Draws
from af2cpu.features.sample import _TO_AATYPE, Sampler
from af2cpu.records import Features, ProcessedFeatures

UNMASKED = SamplingConfig(max_msa_clusters=12, max_extra_msa=9, max_templates=4, replace_fraction=0.0)
TO_LETTER = "ARNDCQEGHILKMFPSTWYVX-"


@pytest.fixture(scope="module")
def features() -> Features:
    return random_features(3, 40, 17)


def draw(features: Features, config: SamplingConfig, seed: int = 0) -> ProcessedFeatures:
    return Sampler(features, config).draw(np.random.default_rng(seed))


def rows_of(features: Features, codes: np.ndarray) -> list[int]:
    """Which rows of the MSA these are (rows of the family are all different)."""
    msa = _TO_AATYPE[features.msa]
    return [int(np.flatnonzero((msa == row).all(axis=1))[0]) for row in codes]


def test_residue_codes_are_mapped_letter_by_letter() -> None:
    assert "".join(TO_LETTER[code] for code in _TO_AATYPE) == "ACDEFGHIKLMNPQRSTVWYX-"


def test_sizes_have_no_padding(features) -> None:
    one = draw(features, UNMASKED)
    assert one.msa_feat.shape == (8, 17, 49)  # 12 less 4 template rows
    assert one.msa_mask.shape == (8, 17)
    assert one.extra_msa.shape == one.extra_msa_mask.shape == (9, 17)
    assert one.target_feat.shape == (17, 22)
    assert all(mask.all() for mask in (one.msa_mask, one.extra_msa_mask, one.seq_mask))
    assert one.template_mask.shape == (0,)


def test_a_model_without_templates_has_more_rows(features) -> None:
    assert draw(features, replace(UNMASKED, max_templates=0)).msa_feat.shape[0] == 12


def test_a_small_msa_leaves_no_extra_rows(features) -> None:
    one = draw(features, SamplingConfig())
    assert one.msa_feat.shape[0] == 40
    assert one.extra_msa.shape == (0, 17)


def test_the_query_alone_is_enough() -> None:
    one = draw(random_features(0, 1, 5), SamplingConfig(replace_fraction=0.0))
    assert one.msa_feat.shape == (1, 5, 49)
    np.testing.assert_allclose(one.msa_feat[..., 25:48], one.msa_feat[..., :23], rtol=2e-6)


def test_rows_are_a_random_choice_without_repeats(features) -> None:
    counts = np.zeros(40)
    extra_counts = np.zeros(40)
    for seed in range(300):
        one = draw(features, UNMASKED, seed)
        centres = rows_of(features, one.msa_feat[..., :23].argmax(-1))
        extra = rows_of(features, one.extra_msa)
        assert centres[0] == 0
        assert len(set(centres + extra)) == 8 + 9
        counts[centres] += 1
        extra_counts[extra] += 1
    for seen, rate in ((counts[1:], 7 / 39), (extra_counts[1:], 9 / 39)):
        assert abs(seen / 300 - rate).max() < 4.5 * np.sqrt(rate * (1 - rate) / 300)


def test_channels_against_the_definition(features) -> None:
    config = SamplingConfig(max_msa_clusters=12, max_extra_msa=1000, max_templates=0, replace_fraction=0.0)
    one = draw(features, config)
    centres = rows_of(features, one.msa_feat[..., :23].argmax(-1))
    extra = rows_of(features, one.extra_msa)
    msa, deletions = _TO_AATYPE[features.msa].astype(int), features.deletion_matrix_int.astype(float)
    one_hot = np.eye(23)[msa]
    np.testing.assert_array_equal(one.msa_feat[..., :23], one_hot[centres])
    np.testing.assert_array_equal(one.msa_feat[..., 23], deletions[centres] > 0)
    np.testing.assert_allclose(one.msa_feat[..., 24], np.arctan(deletions[centres] / 3) * 2 / np.pi, rtol=1e-6)
    np.testing.assert_array_equal(one.extra_has_deletion, deletions[extra] > 0)
    np.testing.assert_allclose(one.extra_deletion_value, np.arctan(deletions[extra] / 3) * 2 / np.pi, rtol=1e-6)
    agreement = (one_hot[extra][:, None] * one_hot[centres])[..., :21].sum(axis=(2, 3))
    for k, centre in enumerate(centres):
        members = [centre, *np.array(extra)[agreement.argmax(axis=1) == k]]
        np.testing.assert_allclose(one.msa_feat[k, :, 25:48], one_hot[members].mean(0), atol=2e-6)
        mean = np.arctan(deletions[members].mean(0) / 3) * 2 / np.pi
        np.testing.assert_allclose(one.msa_feat[k, :, 48], mean, atol=2e-6)


def test_target_channels(features) -> None:
    one = draw(features, UNMASKED)
    assert (one.target_feat[:, 0] == 0).all()
    assert (one.target_feat[:, 1:].argmax(1) == one.aatype).all()
    broken = replace(features, between_segment_residues=np.arange(17, dtype=np.int32))
    assert draw(broken, UNMASKED).target_feat[:, 0].tolist() == [0.0] + [1.0] * 16


def test_masked_cells_reach_the_network_and_the_profiles(features) -> None:
    config = SamplingConfig(max_templates=0, replace_fraction=1.0, uniform_prob=0, profile_prob=0, same_prob=0)
    one = draw(features, config)
    assert (one.msa_feat[..., 22] == 1).all()
    np.testing.assert_allclose(one.msa_feat[..., 25 + 22], 1, atol=2e-6)
    assert (one.aatype == features.aatype.argmax(-1)).all()


def test_templates_first_four_with_pseudo_beta(features) -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 22, (6, 17))
    full = replace(
        features,
        template_aatype=np.eye(22, dtype=np.float32)[codes],
        template_all_atom_positions=rng.standard_normal((6, 17, 37, 3)).astype(np.float32),
        template_all_atom_masks=rng.integers(0, 2, (6, 17, 37)).astype(np.float32),
        template_domain_names=np.array([b"1abc_A"] * 6),
        template_sequence=np.array([b"-" * 17] * 6),
        template_sum_probs=np.zeros((6, 1), np.float32),
    )
    one = draw(full, UNMASKED)
    assert one.template_mask.tolist() == [1.0] * 4
    for t, i in np.ndindex(4, 17):
        letter = "ACDEFGHIKLMNPQRSTVWYX-"[codes[t, i]]
        assert TO_LETTER[one.template_aatype[t, i]] == letter
        atom = 1 if letter == "G" else 3
        assert (one.template_pseudo_beta[t, i] == full.template_all_atom_positions[t, i, atom]).all()
        assert one.template_pseudo_beta_mask[t, i] == full.template_all_atom_masks[t, i, atom]
    assert draw(full, replace(UNMASKED, max_templates=0)).template_aatype.shape == (0, 17)


def equal(a: ProcessedFeatures, b: ProcessedFeatures) -> bool:
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(ProcessedFeatures))


def test_draws_depend_on_seed_and_number_only(features) -> None:
    config = SamplingConfig(max_msa_clusters=12)
    draws = Draws(features, config, seed=7, count=4)
    last = draws[3]
    first = draws[0]
    again = Draws(features, config, seed=7, count=9)
    assert equal(first, again[0])
    assert equal(last, again[3])
    assert equal(last, draws[-1])
    assert not equal(first, last)
    assert not equal(first, Draws(features, config, seed=8)[0])
    assert len(draws) == 4
    assert len(draws[1:3]) == 2
    assert len(list(draws)) == 4
    with pytest.raises(IndexError):
        draws[4]


def test_streams_are_those_of_a_spawned_seed(features) -> None:
    config = SamplingConfig(max_msa_clusters=12)
    child = np.random.SeedSequence(7).spawn(3)[2]
    expected = Sampler(features, config).draw(np.random.default_rng(child))
    assert equal(Draws(features, config, seed=7)[2], expected)


def test_max_msa() -> None:
    config = SamplingConfig().with_max_msa("64:128")
    assert (config.max_msa_clusters, config.msa_rows, config.max_extra_msa) == (64, 60, 128)
    for text in ("64", "64:", ":128", "a:b", "-1:5", "4:10"):
        with pytest.raises(InputError):
            SamplingConfig().with_max_msa(text)
