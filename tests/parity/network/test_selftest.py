# SPDX-License-Identifier: Apache-2.0
"""The self-test of model_1_multimer_v3 against the reference with its own features and its own random numbers.

On another network, since the published parameters can't be part of a test: chains, MSA, draws, passes and scores.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from af2cpu.features.sample import _TO_AATYPE
from af2cpu.records import Features
from af2cpu.validate import selftest
from af2cpu.validate.reference import load_reference, reference_config

PASSES = 3
(PUBLISHED,) = (known for known in selftest.PUBLISHED if known.same_draws)
TINY = replace(PUBLISHED, model="tiny_multimer", scores={k: PUBLISHED.scores[k] for k in range(PASSES)})


def _batch(features: Features) -> dict[str, Any]:
    """As the reference's data pipeline hands it over, with templates of zeros."""
    n_seq, n_res = features.msa.shape
    return {
        "aatype": features.aatype.argmax(-1).astype(np.int32),
        "residue_index": features.residue_index,
        **vars(features.chains),
        "seq_mask": np.ones(n_res, np.float32),
        "msa": _TO_AATYPE[features.msa].astype(np.int32),
        "deletion_matrix": features.deletion_matrix_int.astype(np.float32),
        "msa_mask": np.ones((n_seq, n_res), np.float32),
        "bert_mask": np.ones((n_seq, n_res), np.float32),
        "cluster_bias_mask": np.eye(1, n_seq, dtype=np.float32)[0],
        "template_aatype": np.zeros((4, n_res), np.int32),
        "template_all_atom_positions": np.zeros((4, n_res, 37, 3), np.float32),
        "template_all_atom_mask": np.zeros((4, n_res, 37), np.float32),
        "all_atom_positions": np.zeros((n_res, 37, 3), np.float32),
    }


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64", "ignore:jax.nn.one_hot input")  # the reference's
def test_scores_of_each_pass(tiny_multimer: SimpleNamespace) -> None:
    r, config = load_reference(), reference_config(tiny_multimer.config)
    config.embeddings_and_evoformer.update(num_msa=3, num_extra_msa=4)

    def network(batch: dict[str, Any]) -> Any:
        return r.modules_multimer.AlphaFold(config)(batch, is_training=False)

    apply = r.jax.jit(r.haiku.transform(network).apply)
    features = selftest._features(TINY)
    n_res, c_m, c_z = features.n_res, tiny_multimer.config.c_m, tiny_multimer.config.c_z
    previous: Any = {
        "prev_msa_first_row": np.zeros((n_res, c_m), np.float32),
        "prev_pair": np.zeros((n_res, n_res, c_z), np.float32),
        "prev_pos": np.zeros((n_res, 37, 3), np.float32),
    }
    key, theirs = r.jax.random.PRNGKey(0), []
    for _ in range(PASSES):
        key, of_pass = r.jax.random.split(key)
        out = apply(tiny_multimer.parameters, of_pass, _batch(features) | {"prev": previous})
        previous = out["prev"]
        theirs += [float(out["plddt"].mean()), float(out["ptm"]), float(out["iptm"])]
    ours = [row.found for row in selftest.run_selftest("synthetic:0", TINY)]
    np.testing.assert_allclose(ours, theirs, rtol=2e-4)
    assert len({round(score, 5) for score in ours}) == 3 * PASSES  # each pass and score is another number


def test_rows_of_the_alignment() -> None:
    """Four of the complex, then each chain's own, the queries on top of each."""
    features = selftest._features(TINY)
    assert features.n_seq == 18
    gaps = features.msa == 21
    assert [bool(gaps[k, :4].all()) for k in range(18)] == [False] * 11 + [True] * 7
    assert [bool(gaps[k, 4:].all()) for k in range(18)] == [False] * 4 + [True] * 7 + [False] * 7
    assert not gaps[0].any()
    assert (features.msa[4, :4] == features.msa[0, :4]).all()
    assert (features.msa[11, 4:] == features.msa[0, 4:]).all()
    assert features.chains.asym_id.tolist() == [1, 1, 1, 1, 2, 2, 2, 2]
    assert features.residue_index.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
