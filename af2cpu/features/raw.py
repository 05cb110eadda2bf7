# SPDX-License-Identifier: Apache-2.0
"""AlphaFold 2's raw features of one protein: sequence, alignments and templates put together."""

from __future__ import annotations

from collections.abc import Sequence

from af2cpu.features.msa import msa_features
from af2cpu.features.sequence import sequence_features
from af2cpu.features.template import stack_templates
from af2cpu.records import Alignment, Features, Query, Templates


def make_features(query: Query, alignments: Sequence[Alignment], templates: Templates | None = None) -> Features:
    """AlphaFold 2's raw features. Raises InputError when an alignment is empty or belongs to another query."""
    if templates is None:
        templates = stack_templates([], query.n_res)
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
