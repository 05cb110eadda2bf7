"""From a query, its alignments and its templates to the network's input (supplement 1.2)."""

from __future__ import annotations

from collections.abc import Sequence

from af2cpu.features.config import SamplingConfig
from af2cpu.features.draws import Draws
from af2cpu.features.msa import msa_features
from af2cpu.features.own_template import check_own_templates, own_templates
from af2cpu.features.sequence import sequence_features
from af2cpu.features.template import TemplateSource, hit_templates, stack_templates
from af2cpu.records import Alignment, Features, Query, Templates

__all__ = [
    "Draws",
    "SamplingConfig",
    "TemplateSource",
    "check_own_templates",
    "hit_templates",
    "make_features",
    "own_templates",
]


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
