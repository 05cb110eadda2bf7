# SPDX-License-Identifier: Apache-2.0
"""The whole network against the reference, on the `tiny` preset: depths, templates, recycles, masks, ensembles.

The reference always gets arrays padded to one size, ours the real ones or the same padded ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from af2cpu.records import ProcessedFeatures
from af2cpu.validate.compare import compare, output_rows
from af2cpu.validate.reference import load_reference, reference_batch, reference_config, run_passes
from af2cpu.validate.synthetic import padded, synthetic_features
from af2cpu.validate.torsions import shared_torsions

N_RES = 19
PADDED = (520, 24, 4)  # rows, extra rows, templates


def _reference(both: SimpleNamespace, draws: Sequence[ProcessedFeatures]) -> dict:
    draws = [padded(draw, *PADDED) for draw in draws]
    *_, last = run_passes(both.config, both.parameters, draws, [shared_torsions(draw)[0] for draw in draws])
    return last


def _check(both: SimpleNamespace, draws: list[ProcessedFeatures], given: list[ProcessedFeatures] | None = None) -> None:
    """Ours on `given`, by default the draws themselves, against the reference on the draws padded."""
    given = draws if given is None else given
    ours = both.model.predict(given, recycles=len(draws) - 1, save_all=True)
    rows = list(output_rows(ours, _reference(both, draws), padded(draws[-1], *PADDED)))
    assert len(rows) == 12
    assert [row for row in rows if not row.passed] == []


def _draws(both: SimpleNamespace, n: int = 1, **sizes: int) -> list[ProcessedFeatures]:
    return [synthetic_features(both.config, N_RES, seed=seed, **sizes) for seed in range(n)]


@pytest.mark.parametrize(("n_seq", "n_extra"), [(1, 0), (50, 0), (508, 5)], ids=["MSA of 1", "MSA of 50", "MSA of 513"])
@pytest.mark.parametrize("n_templ", [0, 2])
def test_depths_and_templates(tiny: SimpleNamespace, n_seq: int, n_extra: int, n_templ: int) -> None:
    _check(tiny, _draws(tiny, n_seq=n_seq, n_extra=n_extra, n_templ=n_templ))


@pytest.mark.parametrize("recycles", [1, 3])
def test_recycles(tiny: SimpleNamespace, recycles: int) -> None:
    _check(tiny, _draws(tiny, recycles + 1, n_seq=20, n_extra=24, n_templ=4))


def test_a_complex(tiny: SimpleNamespace) -> None:
    """As in ColabFold, a monomer model takes chains as far apart; ipTM counts the pairs between them."""
    draw = synthetic_features(tiny.config, (9, 5, 5), n_seq=20, n_extra=24, n_templ=4)
    ours = tiny.model.predict([draw], recycles=0, save_all=True)
    rows = list(output_rows(ours, _reference(tiny, [draw]), padded(draw, *PADDED)))
    assert rows[-1].name == "ipTM"
    assert [row for row in rows if not row.passed] == []


def test_padded_features_give_the_same(tiny: SimpleNamespace) -> None:
    draws = _draws(tiny, n_seq=11, n_extra=7, n_templ=1)
    _check(tiny, draws, [padded(draw, *PADDED) for draw in draws])


def test_masks_with_zeros(tiny: SimpleNamespace) -> None:
    (draw,) = _draws(tiny, n_seq=30, n_extra=20, n_templ=3)
    rng = np.random.default_rng(0)
    holes = {
        name: (rng.random(getattr(draw, name).shape) > 0.2).astype(np.float32)
        for name in ("msa_mask", "extra_msa_mask")
    }
    holes["msa_mask"][0] = 1.0
    holes["msa_mask"][5] = 0.0  # a whole row, which ours drops
    seq_mask = np.ones(N_RES, np.float32)
    seq_mask[[4, 9, N_RES - 1]] = 0.0  # the last one is padding, which ours cuts off
    holes = {name: mask * seq_mask for name, mask in holes.items()}
    # Template rows of the MSA are masked by their own atoms alone.
    holes["template_all_atom_masks"] = draw.template_all_atom_masks * seq_mask[:, None]
    holes["template_pseudo_beta_mask"] = draw.template_pseudo_beta_mask * seq_mask
    template_mask = np.array([1.0, 0.0, 1.0], np.float32)  # the second keeps its row in the MSA
    _check(tiny, [replace(draw, seq_mask=seq_mask, template_mask=template_mask, **holes)])


def test_ensemble_of_two(tiny: SimpleNamespace) -> None:
    """Without templates, whose rounding noise the reference would compute inside its loop."""
    draws = _draws(tiny, 2, n_seq=20, n_extra=24, n_templ=0)
    r, c = load_reference(), reference_config(tiny.config)
    members = [reference_batch(padded(draw, 20, 24, 1)) for draw in draws]
    batch = {name: np.stack([member[name] for member in members]) for name in members[0]}
    batch |= {
        "seq_length": np.full(2, N_RES),
        "prev": {
            "prev_msa_first_row": np.zeros((N_RES, tiny.config.c_m), np.float32),
            "prev_pair": np.zeros((N_RES, N_RES, tiny.config.c_z), np.float32),
            "prev_pos": np.zeros((N_RES, 37, 3), np.float32),
        },
    }

    def forward(batch: dict) -> dict:
        network = r.modules.AlphaFold(c)
        return network(batch, is_training=False, ensemble_representations=True, return_representations=True)

    apply = r.jax.jit(r.haiku.transform(forward).apply)
    theirs = r.jax.tree_util.tree_map(np.asarray, apply(tiny.parameters, r.jax.random.PRNGKey(0), batch))
    ours = tiny.model.predict(draws, recycles=0, ensembles=2, save_all=True)
    assert [row for row in output_rows(ours, theirs, draws[0]) if not row.passed] == []


def test_bf16_is_near_and_finite(tiny: SimpleNamespace) -> None:
    result = compare("tiny", "synthetic:0", _draws(tiny, 2), precision="bf16")
    assert result.passed
    values = {row.name: row.value for row in result.rows}
    assert 1e-4 < values["representations pair"] < 0.05  # it is bf16, and it is right


def test_a_wrong_parameter_fails(tiny: SimpleNamespace) -> None:
    """The comparison can fail: one weight of one late layer is another."""
    draws = _draws(tiny, n_seq=5, n_extra=5, n_templ=0)
    parameter = tiny.model.evoformer.blocks[1].pair_transition.down.bias
    parameter[0] += 0.05
    try:
        rows = list(
            output_rows(
                tiny.model.predict(draws, recycles=0, save_all=True), _reference(tiny, draws), padded(draws[0], *PADDED)
            )
        )
    finally:
        parameter[0] -= 0.05
    assert not all(row.passed for row in rows)
