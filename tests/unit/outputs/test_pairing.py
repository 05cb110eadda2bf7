# SPDX-License-Identifier: Apache-2.0
"""paired.a3m and paired.tsv: what was paired in the MSA of a complex."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from colabfold_a3m import colabfold_reads
from output_cases import complex_features, features

from af2cpu.outputs.pairing import write_pairing

A, B, C = "MKVLAX", "GAVLKDEF", "WYW"


def test_the_table_names_rows_species_and_identities(tmp_path: Path) -> None:
    f = complex_features([A, B, A, C], 3, 2)
    parts = [["q", "a1\tx", "a2", "a3"], ["q", "b1", "", "b3"], ["q", "", "c2", "c3"]]
    parts = [[*one, *[""] * 6] for one in parts]
    paths = write_pairing(tmp_path / "msas", f, parts)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == ["msas/paired.a3m", "msas/paired.tsv"]
    text = paths[1].read_text()
    assert (
        text.splitlines()[0].split("\t") == "row species name_A identity_A name_B identity_B name_D identity_D".split()
    )
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t"))
    assert [(row["row"], row["species"]) for row in rows] == [("2", "SP0"), ("3", "SP1"), ("4", "SP2")]
    assert [(row["name_A"], row["name_B"], row["name_D"]) for row in rows] == [
        ("a1 x", "b1", ""),
        ("a2", "", "c2"),
        ("a3", "b3", "c3"),
    ]
    assert rows[0]["identity_D"] == ""  # it has gaps there
    same = (f.msa[2] == f.msa[0]) & (f.asym_id == 2)
    assert rows[1]["identity_B"] == f"{same.sum() / len(B):.3f}"
    _, copies, paired, own = colabfold_reads(paths[0].read_text())
    assert (copies, own) == ([2, 1, 1], [[], [], []])
    assert [name for name, _, _ in paired[0]] == ["101", "a1 x", "a2", "a3"]
    assert [name for name, _, _ in paired[2]] == ["103", "-", "c2", "c3"]
    assert paired[1][2][1] == f.msa[2, f.asym_id == 2].tolist()


def test_nothing_is_paired_in_one_sequence(tmp_path: Path) -> None:
    assert write_pairing(tmp_path, features(A, 4), [["q"] * 4]) == []
    assert write_pairing(tmp_path, complex_features([A, A], 0, 3), [["q"] * 4]) == []
    assert not list(tmp_path.iterdir())


def test_no_pairs_give_a_table_of_none(tmp_path: Path) -> None:
    f = complex_features([A, B], 0, 3)
    alignment, table = write_pairing(tmp_path, f, [["q"] * 7] * 2)
    assert table.read_text().count("\n") == 1
    assert alignment.read_text() == f"#6,8\t1,1\n>101\t102\n{A}{B}\n"
    assert np.array_equal(f.sym_id, np.ones(14))
