# SPDX-License-Identifier: Apache-2.0
"""The network's input as tensors of real size: padding is cut off before anything is computed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from af2cpu.model.embed import ChainNumbers
from af2cpu.model.template import Templates
from af2cpu.records import ProcessedFeatures


class Inputs(NamedTuple):
    """One draw of the features. Sequences and templates that are masked everywhere are left out."""

    aatype: Tensor  # [i]
    residue_index: Tensor  # [i]
    chains: ChainNumbers
    seq_mask: Tensor  # [i]
    target_feat: Tensor  # [i, 22], or [i, 21] for multimer models
    msa_feat: Tensor  # [s, i, 49]
    msa_mask: Tensor  # [s, i]
    extra_msa: Tensor  # [e, i]
    extra_has_deletion: Tensor  # [e, i]
    extra_deletion_value: Tensor  # [e, i]
    extra_msa_mask: Tensor  # [e, i]
    templates: Templates
    n_empty_templates: int  # rows of zeros

    @property
    def pair_mask(self) -> Tensor:
        return self.seq_mask[:, None] * self.seq_mask[None, :]

    @classmethod
    def from_features(cls, f: ProcessedFeatures) -> Inputs:
        """Raises ValueError when no residue or no MSA row is left, or when the first row, the query's, is masked."""
        residues = np.flatnonzero(f.seq_mask)
        if not len(residues):
            raise ValueError("processed features: seq_mask is zero everywhere")
        n = int(residues[-1]) + 1
        msa = _rows_in_use(f.msa_mask[:, :n])
        if not len(msa) or msa[0] != 0:
            raise ValueError("processed features: the first MSA row, the query's, is masked")
        extra = _rows_in_use(f.extra_msa_mask[:, :n])
        # A template's row in the MSA goes by the masks of its atoms, its part in the pair stack by template_mask. The
        # multimer models have no template_mask: their mean counts all rows, those of zeros too.
        in_use = (f.template_mask > 0) | f.template_all_atom_masks.any(axis=(1, 2)) | f.template_aatype.any(axis=1)
        templates = np.flatnonzero(in_use)
        return cls(
            aatype=_tensor(f.aatype[:n], np.int64),
            residue_index=_tensor(f.residue_index[:n], np.int64),
            chains=ChainNumbers(*(_tensor(x[:n], np.int64) for x in (f.asym_id, f.entity_id, f.sym_id))),
            seq_mask=_tensor(f.seq_mask[:n], np.float32),
            target_feat=_tensor(f.target_feat[:n], np.float32),
            msa_feat=_tensor(f.msa_feat[msa, :n], np.float32),
            msa_mask=_tensor(f.msa_mask[msa, :n], np.float32),
            extra_msa=_tensor(f.extra_msa[extra, :n], np.int64),
            extra_has_deletion=_tensor(f.extra_has_deletion[extra, :n], np.float32),
            extra_deletion_value=_tensor(f.extra_deletion_value[extra, :n], np.float32),
            extra_msa_mask=_tensor(f.extra_msa_mask[extra, :n], np.float32),
            templates=Templates(
                aatype=_tensor(f.template_aatype[templates, :n], np.int64),
                positions=_tensor(f.template_all_atom_positions[templates, :n], np.float32),
                atom_mask=_tensor(f.template_all_atom_masks[templates, :n], np.float32),
                beta=_tensor(f.template_pseudo_beta[templates, :n], np.float32),
                beta_mask=_tensor(f.template_pseudo_beta_mask[templates, :n], np.float32),
                mask=_tensor(f.template_mask[templates], np.float32),
            ),
            n_empty_templates=len(in_use) - len(templates),
        )


def _rows_in_use(mask: np.ndarray) -> np.ndarray:
    return np.flatnonzero(mask.any(axis=1))


def _tensor(array: np.ndarray, dtype: type) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=dtype))
