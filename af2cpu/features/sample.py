# SPDX-License-Identifier: Apache-2.0
"""From features to the network's input: one random draw (supplement 1.2.6-1.2.9).

AlphaFold 2 does part of this once per protein (residue codes, profile, templates) and part once for every pass and
ensemble member (sampling, masking, clustering). `Sampler` is made once, `draw` is called for each. Nothing is padded
and nothing is cropped: the arrays have the protein's own sizes.
"""

from __future__ import annotations

import numpy as np

from af2cpu.chemistry.residues import CA, CB, HHBLITS_ORDER, RESTYPES, RESTYPES_WITH_X
from af2cpu.features.cluster import cluster, soft_cluster
from af2cpu.features.config import SamplingConfig
from af2cpu.features.gumbel import mask_by_noise, random_order
from af2cpu.features.mask import mask_msa, msa_profile
from af2cpu.records import Features, ProcessedFeatures

# HHblits' residue codes -> aatype, 20 X, 21 gap.
_TO_AATYPE = np.array([(RESTYPES_WITH_X + "-").index(letter) for letter in HHBLITS_ORDER], np.uint8)
_GLYCINE = RESTYPES.index("G")
_N_CODES = 23


class Sampler:
    """Draws the input of one model from one protein's features."""

    def __init__(self, features: Features, config: SamplingConfig) -> None:
        self._features = features
        self._config = config
        self._profile = msa_profile(features.msa, _TO_AATYPE)
        self._multimer = config.draw == "multimer"
        self._fixed = _residue_features(features) | _template_features(features, config.max_templates)
        if self._multimer:
            self._fixed = _multimer_form(self._fixed, config.max_templates)

    def draw(self, rng: np.random.Generator) -> ProcessedFeatures:
        """One draw: the query and a random choice of rows as cluster centres, masked; the other rows as extra MSA."""
        config = self._config
        order = self._order(rng)
        sampled, rest = order[: config.msa_rows], order[config.msa_rows :]
        mask, assign = (mask_by_noise, soft_cluster) if self._multimer else (mask_msa, cluster)

        msa, deletions = self._rows(sampled)
        msa, _ = mask(rng, msa, self._profile, config)
        clusters = assign(msa, deletions, lambda part: self._rows(rest[part]), len(rest))
        # `rest` is in random order already, so its head is a random choice.
        extra, extra_deletions = self._rows(rest[: config.max_extra_msa])
        return ProcessedFeatures(
            msa_feat=_msa_feat(msa, deletions, clusters.profile, clusters.deletion_mean),
            msa_mask=np.ones(msa.shape, np.float32),
            extra_msa=extra.astype(np.int32),
            extra_has_deletion=np.minimum(extra_deletions, 1.0),
            extra_deletion_value=_squash(extra_deletions),
            extra_msa_mask=np.ones(extra.shape, np.float32),
            **self._fixed,
        )

    def _order(self, rng: np.random.Generator) -> np.ndarray:
        """All rows, the query first, the others in random order."""
        n_seq = self._features.n_seq
        if self._multimer:
            return random_order(rng, np.eye(1, n_seq, dtype=np.float32)[0])
        return np.concatenate([[0], 1 + rng.permutation(n_seq - 1)])

    def _rows(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Codes (uint8, aatype order) and deletions (float32) of some rows of the MSA."""
        features = self._features
        return _TO_AATYPE[features.msa[rows]], features.deletion_matrix_int[rows].astype(np.float32)


def _squash(deletions: np.ndarray) -> np.ndarray:
    """Maps a number of deletions to 0..1 (supplement Table 1)."""
    return np.arctan(deletions / np.float32(3.0)) * np.float32(2.0 / np.pi)


def _msa_feat(msa: np.ndarray, deletions: np.ndarray, profile: np.ndarray, deletion_mean: np.ndarray) -> np.ndarray:
    """float32 [n_seq, n_res, 49]: one-hot 23, has deletion, deletions, cluster profile 23, mean deletions."""
    feat = np.zeros((*msa.shape, 2 * _N_CODES + 3), np.float32)
    np.put_along_axis(feat, msa[:, :, None].astype(np.intp), 1.0, axis=-1)
    feat[..., _N_CODES] = np.minimum(deletions, 1.0)
    feat[..., _N_CODES + 1] = _squash(deletions)
    feat[..., _N_CODES + 2 : -1] = profile
    feat[..., -1] = _squash(deletion_mean)
    return feat


def _residue_features(features: Features) -> dict[str, np.ndarray]:
    has_break = np.clip(features.between_segment_residues.astype(np.float32), 0.0, 1.0)
    aatype = features.aatype.argmax(axis=-1).astype(np.int32)
    one_hot = np.eye(21, dtype=np.float32)[aatype]
    return {
        "aatype": aatype,
        "residue_index": features.residue_index.astype(np.int32),
        **vars(features.chains),
        "target_feat": np.concatenate([has_break[:, None], one_hot], axis=-1),
        "seq_mask": np.ones(features.n_res, np.float32),
    }


def _template_features(features: Features, max_templates: int) -> dict[str, np.ndarray]:
    """The first templates, with the pseudo C-beta position of each residue (C-alpha for glycine)."""
    aatype = _TO_AATYPE[features.template_aatype[:max_templates].argmax(axis=-1)].astype(np.int32)
    positions = features.template_all_atom_positions[:max_templates]
    masks = features.template_all_atom_masks[:max_templates]
    glycine = aatype == _GLYCINE
    return {
        "template_aatype": aatype,
        "template_all_atom_positions": positions,
        "template_all_atom_masks": masks,
        "template_pseudo_beta": np.where(glycine[..., None], positions[..., CA, :], positions[..., CB, :]),
        "template_pseudo_beta_mask": np.where(glycine, masks[..., CA], masks[..., CB]),
        "template_mask": np.ones(len(aatype), np.float32),
    }


def _multimer_form(fixed: dict[str, np.ndarray], max_templates: int) -> dict[str, np.ndarray]:
    """Residue types without the column for chain breaks; empty templates as padding, which the network averages too."""
    missing = max_templates - len(fixed["template_mask"])
    padded = {
        name: np.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1))
        for name, array in fixed.items()
        if name.startswith("template_")
    }
    return fixed | padded | {"target_feat": fixed["target_feat"][:, 1:]}
