# SPDX-License-Identifier: Apache-2.0
"""How the network's input is drawn from the features: one small record per model."""

from __future__ import annotations

from dataclasses import dataclass, replace

from af2cpu.errors import InputError


@dataclass(frozen=True)
class SamplingConfig:
    """Sizes and rates of one model's input (supplement 1.2.6-1.2.9, Table 5). The defaults are those of model_1."""

    max_msa_clusters: int = 512  # rows of the clustered MSA, the template rows included
    max_extra_msa: int = 5120
    max_templates: int = 4  # 0: a model without templates
    replace_fraction: float = 0.15  # share of the MSA's cells that masking chooses
    uniform_prob: float = 0.1
    profile_prob: float = 0.1
    same_prob: float = 0.1
    draw: str = "monomer"  # or multimer: how rows are chosen, masked and clustered

    def __post_init__(self) -> None:
        if self.draw not in ("monomer", "multimer"):
            raise InputError(f"unknown way to draw the MSA {self.draw!r}: monomer or multimer")
        if self.max_templates < 0 or self.max_extra_msa < 0 or self.msa_rows < 1:
            raise InputError(
                f"an MSA of {self.max_msa_clusters} rows with {self.max_templates} template rows and "
                f"{self.max_extra_msa} extra rows leaves no row for the query; ask for at least "
                f"{max(self.max_templates, 0) + 1}:0"
            )
        if not 0 <= self.replace_fraction <= 1 or min(self.uniform_prob, self.profile_prob, self.same_prob) < 0:
            raise InputError("masking rates must lie between 0 and 1")
        if self.uniform_prob + self.profile_prob + self.same_prob > 1:
            raise InputError("the rates of uniform, profile and same replacements add up to more than 1")

    @property
    def msa_rows(self) -> int:
        """Sequences in the clustered MSA: room is left for the template rows whether there are any or not."""
        return self.max_msa_clusters - self.max_templates

    def with_max_msa(self, text: str) -> SamplingConfig:
        """Sizes from `S:E`, clusters and extra rows, such as 512:5120. Raises InputError."""
        clusters, colon, extra = text.partition(":")
        if not colon or not clusters.isdecimal() or not extra.isdecimal():
            raise InputError(f"--max-msa takes CLUSTERS:EXTRA such as 512:5120, not {text!r}")
        return replace(self, max_msa_clusters=int(clusters), max_extra_msa=int(extra))
