# SPDX-License-Identifier: Apache-2.0
"""HHsearch's template hits: what is read, damaged files, hits of another sequence."""

from __future__ import annotations

from pathlib import Path

import pytest
from hh_cases import GB1, HHR
from search_cases import queries

from af2cpu.errors import InputError
from af2cpu.formats.template_hits import best_first, read_template_hits
from af2cpu.pipeline.stages.template_hits import entries_in
from af2cpu.records import TemplateHit


def read(tmp_path: Path, text: str) -> list[TemplateHit]:
    path = tmp_path / "pdb_hits.hhr"
    path.write_text(text)
    return read_template_hits(path, GB1)


def test_hits_as_they_are_in_the_file(tmp_path: Path) -> None:
    first, second = read(tmp_path, HHR)
    q = GB1.sequence
    assert first == TemplateHit(
        index=1,
        name="1ABC_A",
        aligned_cols=5,
        sum_probs=6.5,
        query=q[2:4] + "-" + q[4:9],
        hit_sequence="MKV-A-AG",
        indices_query=(2, 3, -1, 4, 5, 6, 7, 8),
        indices_hit=(10, 11, 12, -1, 13, -1, 14, 15),
        description="DEMO PROTEIN",
    )
    assert (second.index, second.name, second.sum_probs, second.description) == (2, "2XYZ_B", 7.0, "")
    assert best_first([first, second]) == [second, first]
    assert best_first([]) == []
    assert entries_in([first, second]) == ("2xyz", "1abc")


def test_no_hits(tmp_path: Path) -> None:
    assert read(tmp_path, HHR.partition("No 1\n")[0]) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (HHR, "", "is not HHsearch's"),
        ("Query", "HHR", "is not HHsearch's"),
        (">2XYZ_B", "2XYZ_B", "line 28: expected the number of a hit, and its name"),
        ("Sum_probs=6.5", "", "line 12: expected Probab=, Aligned_cols= and Sum_probs="),
        ("ACDEF    5 (9)", "", "line 33: expected the columns of an alignment"),
        ("ACDEF    5", "ACDEF    6", "line 33: has 5 columns, which are not residues 1 to 6"),
        ("T 2XYZ_B            1 ACDEF    5 (9)\n", "", "line 28: hit 2 has no alignment, or one that is cut off"),
    ],
)
def test_damaged_files(tmp_path: Path, old: str, new: str, fault: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, HHR.replace(old, new))
    assert fault in str(caught.value)
    assert str(tmp_path / "pdb_hits.hhr") in str(caught.value)


def test_hits_of_another_sequence(tmp_path: Path) -> None:
    (other,) = queries("lysozyme")
    (tmp_path / "pdb_hits.hhr").write_text(HHR)
    with pytest.raises(InputError, match=r"hit 1: has .* as residue 3 where lysozyme has .*; these are the hits"):
        read_template_hits(tmp_path / "pdb_hits.hhr", other)
