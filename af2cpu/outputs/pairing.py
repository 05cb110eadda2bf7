# SPDX-License-Identifier: Apache-2.0
"""What was paired in the MSA of a complex: paired.a3m for programs, paired.tsv for people.

Rows of several sequences side by side, which the network takes as those of one organism.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from af2cpu.outputs.alignment import a3m_text, entities_covered, paired_rows
from af2cpu.outputs.layout import write_bytes
from af2cpu.records import Features

PAIRED_A3M, PAIRED_TSV = "paired.a3m", "paired.tsv"


def write_pairing(folder: Path, features: Features, names: Sequence[Sequence[str]]) -> list[Path]:
    """Both files of a complex of different sequences; none of other targets.

    names: for each distinct sequence those of its n_seq rows; empty where it has gaps or where a name is not known.
    Raises OSError.
    """
    if len(np.unique(features.entity_id)) == 1:
        return []
    texts = {PAIRED_A3M: a3m_text(features, names, paired_only=True), PAIRED_TSV: paired_tsv(features, names)}
    return [write_bytes(folder / name, text) for name, text in texts.items()]


def paired_tsv(features: Features, names: Sequence[Sequence[str]]) -> bytes:
    """A line for each paired row: its number in the MSA (the queries are row 1) and its species; then for each distinct
    sequence, called by its first chain, the name of the row and the share of the sequence's residues that it has too.

    names: as in `write_pairing`. Cells are empty where a row has gaps only and where nothing is known.
    """
    spans = {chain: rows for chain, rows in features.chains.spans.items() if features.sym_id[rows.start] == 1}
    covered = entities_covered(features)
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(["row", "species", *(f"{what}_{chain}" for chain in spans for what in ("name", "identity"))])
    for row in paired_rows(features):
        cells = [str(row + 1), bytes(features.msa_species_identifiers[row]).decode(errors="replace")]
        for entity, span in enumerate(spans.values()):
            here = features.msa[row, span.start : span.stop] == features.msa[0, span.start : span.stop]
            name = " ".join(names[entity][row].split())
            cells += [name, f"{here.mean():.3f}"] if covered[row, entity] else ["", ""]
        writer.writerow(cells)
    return text.getvalue().encode("utf-8", "surrogateescape")
