# SPDX-License-Identifier: Apache-2.0
"""One draw against DeepMind's own data transforms, for the rows and the mask that the draw happened to take.

They are written for TensorFlow, which is no dependency: where it is not installed numpy stands in for it
(tests/numpy_tensorflow.py).
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from dataclasses import fields, replace
from types import ModuleType, SimpleNamespace

import numpy as np
import numpy_tensorflow
import pytest
from feature_cases import random_features

from af2cpu.features.config import SamplingConfig
from af2cpu.features.mask import mask_msa, msa_profile
from af2cpu.features.sample import _TO_AATYPE, Sampler
from af2cpu.records import Chains, Features, ProcessedFeatures

CONFIG = SamplingConfig(max_msa_clusters=20, max_extra_msa=10_000, replace_fraction=0.3)


@pytest.fixture(scope="module")
def tf() -> Iterator[SimpleNamespace]:
    """`tensorflow`, or numpy in its place, and DeepMind's `transforms`."""
    pytest.importorskip("alphafold.model", reason="the reference package is not installed")
    real = importlib.util.find_spec("tensorflow") is not None
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not real:
            v1 = numpy_tensorflow.module()
            packages = {name: ModuleType(name) for name in ("tensorflow", "tensorflow.compat")}
            vars(packages["tensorflow"])["compat"] = packages["tensorflow.compat"]
            vars(packages["tensorflow.compat"])["v1"] = v1
            for name, module in (packages | {"tensorflow.compat.v1": v1}).items():
                patch.setitem(sys.modules, name, module)
        transforms = importlib.import_module("alphafold.model.tf.data_transforms")
        importlib.import_module("tensorflow.compat.v1").set_random_seed(1)
        patch.setattr(transforms.shape_helpers, "shape_list", lambda x: [int(n) for n in x.shape])
        yield SimpleNamespace(tensorflow=importlib.import_module("tensorflow.compat.v1"), transforms=transforms)
    if not real:
        for name in [name for name in sys.modules if name.startswith("alphafold.model.tf")]:
            del sys.modules[name]


@pytest.fixture(scope="module")
def features() -> Features:
    rng = np.random.default_rng(0)
    plain = random_features(5, 300, 41)
    return replace(
        plain,
        between_segment_residues=rng.integers(0, 3, 41).astype(np.int32),
        template_aatype=np.eye(22, dtype=np.float32)[rng.integers(0, 22, (6, 41))],
        template_all_atom_positions=rng.standard_normal((6, 41, 37, 3)).astype(np.float32),
        template_all_atom_masks=rng.integers(0, 2, (6, 41, 37)).astype(np.float32),
        template_domain_names=np.array([b"1abc_A"] * 6),
        template_sequence=np.array([b"-" * 41] * 6),
        template_sum_probs=np.zeros((6, 1), np.float32),
    )


def once_per_protein(tf: SimpleNamespace, features: Features) -> dict:
    """What the reference does before it draws anything."""
    t = tf.transforms
    protein = {
        "aatype": tf.tensorflow.constant(features.aatype),
        "msa": tf.tensorflow.constant(features.msa.astype(np.int64)),
        "deletion_matrix": tf.tensorflow.constant(features.deletion_matrix_int.astype(np.float32)),
        "between_segment_residues": tf.tensorflow.constant(features.between_segment_residues),
        "seq_length": tf.tensorflow.constant(features.seq_length),
        "template_aatype": tf.tensorflow.constant(features.template_aatype),
        "template_all_atom_positions": tf.tensorflow.constant(features.template_all_atom_positions),
        "template_all_atom_masks": tf.tensorflow.constant(features.template_all_atom_masks),
        "template_domain_names": tf.tensorflow.constant(features.template_domain_names),
    }
    steps = (
        t.correct_msa_restypes,
        t.cast_64bit_ints,
        t.squeeze_features,
        t.make_seq_mask,
        t.make_msa_mask,
        t.make_hhblits_profile,
        t.fix_templates_aatype,
        t.make_template_mask,
        t.make_pseudo_beta("template_"),
    )
    for step in steps:
        protein = step(protein)
    return protein


def rows_of(msa: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows of the family are all different."""
    return np.array([np.flatnonzero((msa == row).all(axis=1))[0] for row in rows])


def test_one_draw(tf, features: Features) -> None:
    draw = Sampler(features, CONFIG).draw(np.random.default_rng(3))
    rng = np.random.default_rng(3)
    centres = np.concatenate([[0], 1 + rng.permutation(299)[:15]])  # the draw's first random numbers choose the rows
    protein = once_per_protein(tf, features)
    msa = np.asarray(protein["msa"])
    extra = rows_of(msa, draw.extra_msa)
    assert sorted([*centres, *extra]) == list(range(300))
    for name in ("msa", "deletion_matrix", "msa_mask"):
        protein["extra_" + name] = tf.tensorflow.gather(protein[name], extra)
        protein[name] = tf.tensorflow.gather(protein[name], centres)
    masked = draw.msa_feat[..., :23].argmax(-1)
    assert 0.15 < (masked != msa[centres]).mean() < 0.35
    protein["msa"] = tf.tensorflow.constant(masked.astype(np.int32))
    t = tf.transforms
    steps = (t.nearest_neighbor_clusters(), t.summarize_clusters(), t.make_msa_feat(), t.crop_templates(4))
    for step in steps:
        protein = step(protein)
    for name in sorted({f.name for f in fields(ProcessedFeatures)} - {"residue_index", *vars(Chains.one(1))}):
        mine, theirs = getattr(draw, name), np.asarray(protein[name])
        assert mine.shape == theirs.shape, name
        if name in ("msa_feat", "extra_deletion_value"):  # rounding of atan and of the division
            np.testing.assert_allclose(mine, theirs, rtol=3e-6, atol=1e-7, err_msg=name)
        else:
            np.testing.assert_array_equal(mine, theirs, err_msg=name)


def test_masking_has_the_same_rates(tf, features: Features) -> None:
    """Codes that replace masked cells, counted over many draws of both."""
    protein = once_per_protein(tf, features)
    profile = msa_profile(features.msa, _TO_AATYPE)
    np.testing.assert_allclose(profile, np.asarray(protein["hhblits_profile"]), rtol=1e-6)
    config = SimpleNamespace(uniform_prob=0.1, profile_prob=0.1, same_prob=0.1)
    step = tf.transforms.make_masked_msa(config, 0.15)
    rng = np.random.default_rng(1)
    msa = np.asarray(protein["msa"]).astype(np.uint8)
    counts = np.zeros((2, 23))
    n_draws = 60
    for _ in range(n_draws):
        theirs = step(dict(protein))
        counts[0] += np.bincount(np.asarray(theirs["msa"])[np.asarray(theirs["bert_mask"]) > 0], minlength=23)
        mine, chosen = mask_msa(rng, msa, profile, SamplingConfig())
        counts[1] += np.bincount(mine[chosen], minlength=23)
    totals = counts.sum(axis=1)
    cells = n_draws * msa.size
    assert abs(totals[0] - totals[1]) < 5 * np.sqrt(2 * cells * 0.15 * 0.85)
    p = counts.sum(axis=0) / totals.sum()
    spread = np.sqrt(p * (1 - p) * (1 / totals[0] + 1 / totals[1]))
    assert (abs(counts[0] / totals[0] - counts[1] / totals[1]) <= 5 * spread).all()
