# SPDX-License-Identifier: Apache-2.0
"""Processed features drawn at random, of the form that real ones have, and a network of few blocks.

For comparisons and benchmarks only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict

from af2cpu.chemistry import residues
from af2cpu.records import Chains, ProcessedFeatures

_GAP, _MASKED = 21, 22


def synthetic_features(
    config: ConfigDict,
    residues_of: int | Sequence[int],
    *,
    seed: int = 0,
    n_seq: int | None = None,
    n_extra: int | None = None,
    n_templ: int | None = None,
) -> ProcessedFeatures:
    """One draw, by default with as many rows and templates as the model takes. Only template masks hold zeros.

    residues_of: number of residues, or of each chain; chains of equal length are copies of one entity.
    """
    data = config.data
    lengths = [residues_of] if isinstance(residues_of, int) else list(residues_of)
    chains, n_res = Chains.of(["A" * length for length in lengths]), sum(lengths)
    n_templ = data.max_templates if n_templ is None else n_templ
    n_seq = data.max_msa_clusters - data.max_templates if n_seq is None else n_seq
    n_extra = data.max_extra_msa if n_extra is None else n_extra
    rng = np.random.default_rng([seed, n_res])
    residue_index = np.concatenate([np.arange(length, dtype=np.int32) for length in lengths])
    aatype = _copied(rng.integers(0, 20, n_res).astype(np.int32), lengths)
    extra = _msa(rng, aatype, n_extra)
    deletions = _deletions(rng, extra.shape)
    return ProcessedFeatures(
        aatype=aatype,
        residue_index=residue_index,
        **vars(chains),
        target_feat=_target_feat(aatype, config.input_embedder.n_target_features),
        msa_feat=_msa_features(rng, _msa(rng, aatype, n_seq)),
        msa_mask=np.ones((n_seq, n_res), np.float32),
        seq_mask=np.ones(n_res, np.float32),
        extra_msa=extra,
        extra_has_deletion=(deletions > 0).astype(np.float32),
        extra_deletion_value=_deletion_value(deletions),
        extra_msa_mask=np.ones(extra.shape, np.float32),
        **_templates(rng, aatype, n_templ),
    )


def _copied(aatype: np.ndarray, lengths: Sequence[int]) -> np.ndarray:
    """The chains of equal length with the residues of the first of them."""
    first: dict[int, np.ndarray] = {}
    starts = np.cumsum(lengths)[:-1]
    return np.concatenate([first.setdefault(len(part), part) for part in np.split(aatype, starts)])


def _target_feat(aatype: np.ndarray, n_features: int) -> np.ndarray:
    """Residue types; in the monomer models after the column for breaks."""
    one_hot = np.eye(21, dtype=np.float32)[aatype]
    return np.pad(one_hot, [(0, 0), (n_features - 21, 0)])


def with_one_block(config: ConfigDict) -> FrozenConfigDict:
    """One block in each stack: what a pass takes in memory is the same, but for the parameters."""
    one = ConfigDict(config.to_dict())
    for stack in (one.evoformer, one.extra_msa_stack, one.template_embedder):
        stack.n_blocks = 1
    return FrozenConfigDict(one)


def padded(f: ProcessedFeatures, n_seq: int, n_extra: int, n_templ: int) -> ProcessedFeatures:
    """The same features with masked rows and templates of zeros added, as the reference's data pipeline pads them."""
    more = {name: n_seq - len(f.msa_mask) for name in ("msa_feat", "msa_mask")}
    more |= {name: n_extra - len(f.extra_msa) for name in vars(f) if name.startswith("extra_")}
    more |= {name: n_templ - len(f.template_mask) for name in vars(f) if name.startswith("template_")}
    return replace(f, **{name: _more_rows(getattr(f, name), n) for name, n in more.items()})


def _more_rows(array: np.ndarray, n: int) -> np.ndarray:
    return np.pad(array, [(0, n)] + [(0, 0)] * (array.ndim - 1))


def _msa(rng: np.random.Generator, aatype: np.ndarray, n_rows: int) -> np.ndarray:
    """Rows that keep half of the query's letters, with gaps; the first is the query."""
    other = rng.integers(0, 22, (n_rows, len(aatype))).astype(np.int32)
    msa = np.where(rng.random(other.shape) < 0.5, aatype, other)
    msa[:1] = aatype
    return msa.astype(np.int32)


def _deletions(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.poisson(1.0, shape) * (rng.random(shape) < 0.1)


def _deletion_value(deletions: np.ndarray) -> np.ndarray:
    return (np.arctan(deletions / 3.0) * (2 / np.pi)).astype(np.float32)


def _msa_features(rng: np.random.Generator, msa: np.ndarray) -> np.ndarray:
    """[n_seq, n_res, 49]: letters with 15 % masked, deletions, cluster profile, mean deletions."""
    masked = np.where(rng.random(msa.shape) < 0.15, _MASKED, msa)
    deletions = _deletions(rng, msa.shape)
    profile = rng.dirichlet(np.full(23, 0.2), msa.shape).astype(np.float32)
    return np.concatenate(
        [
            np.eye(23, dtype=np.float32)[masked],
            (deletions > 0).astype(np.float32)[..., None],
            _deletion_value(deletions)[..., None],
            profile,
            _deletion_value(deletions * rng.random(msa.shape))[..., None],
        ],
        axis=-1,
    )


def _templates(rng: np.random.Generator, aatype: np.ndarray, n_templ: int) -> dict[str, np.ndarray]:
    """Random walks for chains, with atoms missing here and there and gaps in the alignment."""
    n_res = len(aatype)
    gap = rng.random((n_templ, n_res)) < 0.1
    letters = np.where(gap, _GAP, np.where(rng.random((n_templ, n_res)) < 0.5, aatype, rng.integers(0, 20, n_res)))
    center = np.cumsum(rng.normal(0, 2.2, (n_templ, n_res, 3)), axis=1)
    exists = residues.ATOM37_EXISTS[np.minimum(letters, residues.UNKNOWN)]
    mask = exists * (rng.random(exists.shape) < 0.95)
    positions = (center[:, :, None] + rng.normal(0, 1.2, (n_templ, n_res, 37, 3))) * mask[..., None]
    beta_atom = np.where(letters == residues.RESTYPES.index("G"), residues.CA, residues.CB)
    take = (np.arange(n_templ)[:, None], np.arange(n_res)[None], beta_atom)
    return {
        "template_aatype": letters.astype(np.int32),
        "template_all_atom_positions": positions.astype(np.float32),
        "template_all_atom_masks": mask.astype(np.float32),
        "template_pseudo_beta": positions[take].astype(np.float32),
        "template_pseudo_beta_mask": mask[take].astype(np.float32),
        "template_mask": np.ones(n_templ, np.float32),
    }
