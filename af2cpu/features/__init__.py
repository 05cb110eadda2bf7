"""From a query, its alignments and its templates to the network's input (supplement 1.2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from af2cpu.features.config import SamplingConfig
from af2cpu.features.draws import Draws
from af2cpu.features.msa import msa_features
from af2cpu.features.sequence import sequence_features
from af2cpu.records import Alignment, Features, Query, Templates

__all__ = ["Draws", "SamplingConfig", "make_features", "no_templates"]


def make_features(query: Query, alignments: Sequence[Alignment], templates: Templates | None = None) -> Features:
    """AlphaFold 2's raw features. Raises InputError when an alignment is empty or belongs to another query."""
    if templates is None:
        templates = no_templates(query.n_res)
    return Features(
        **sequence_features(query.sequence, query.description),
        **msa_features(query.sequence, alignments),
        template_aatype=templates.template_aatype,
        template_all_atom_positions=templates.template_all_atom_positions,
        template_all_atom_masks=templates.template_all_atom_masks,
        template_domain_names=templates.template_domain_names,
        template_sequence=templates.template_sequence,
        template_sum_probs=templates.template_sum_probs,
    )


def no_templates(n_res: int, notes: tuple[str, ...] = ()) -> Templates:
    """Zero template rows.

    DEVIATION: where hmmsearch finds no template, AlphaFold-Multimer's featurizer puts in one that is all zeros, and the
    processing then gives it template_mask 1. We do as the monomer pipeline (hhsearch) does: no row, template_mask 0.
    tests/unit/features/test_template.py::test_no_template_gives_zero_rows
    """
    return Templates(
        template_aatype=np.zeros((0, n_res, 22), np.float32),
        template_all_atom_positions=np.zeros((0, n_res, 37, 3), np.float32),
        template_all_atom_masks=np.zeros((0, n_res, 37), np.float32),
        template_domain_names=np.zeros(0, "S1"),
        template_sequence=np.zeros(0, "S1"),
        template_sum_probs=np.zeros((0, 1), np.float32),
        notes=notes,
    )
