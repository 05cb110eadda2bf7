# SPDX-License-Identifier: Apache-2.0
"""A reader of a complex's a3m by ColabFold's rules, independent of ours."""

from __future__ import annotations

import numpy as np

from af2cpu.chemistry.residues import HHBLITS_AA_TO_ID

Row = tuple[str, list[int], list[int]]  # name, codes, insertions before each column


def _row(name: str, letters: str) -> Row:
    codes, inserted, before = [], 0, []
    for letter in letters:
        if letter.islower():
            inserted += 1
            continue
        codes.append(HHBLITS_AA_TO_ID[letter])
        before.append(inserted)
        inserted = 0
    return name, codes, before


def colabfold_reads(text: str) -> tuple[list[str], list[int], list[list[Row]], list[list[Row]]]:
    """Distinct sequences, their copies, paired rows and own rows of each, as ColabFold's unserialize_msa takes an a3m
    apart: the insertions before a segment's first column are that segment's."""
    lines = text.splitlines()
    lengths, copies = ([int(one) for one in part.split(",")] for part in lines[0][1:].split("\t"))
    starts = np.cumsum([0, *lengths]).tolist()
    sequences = [lines[2][start : start + length] for start, length in zip(starts, lengths, strict=False)]
    paired: list[list[Row]] = [[] for _ in lengths]
    own: list[list[Row]] = [[] for _ in lengths]
    for header, letters in zip(lines[1::2], lines[2::2], strict=True):
        whole, segments, rest = letters, [], letters
        for length in lengths:
            end, columns = 0, 0
            while columns < length:
                columns += not rest[end].islower()
                end += 1
            segments.append(rest[:end])
            rest = rest[end:]
        assert rest == "", whole
        filled = [any(letter.isupper() for letter in segment) for segment in segments]
        if len(lengths) > 1 and sum(filled) > 1:
            names = header[1:].split("\t")
            for place, (name, segment) in enumerate(zip(names, segments, strict=True)):
                paired[place].append(_row(name, segment))
        else:
            for place, segment in enumerate(segments):
                own[place] += [_row(header[1:], segment)] if filled[place] else []
    return sequences, copies, paired, own
