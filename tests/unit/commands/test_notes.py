# SPDX-License-Identifier: Apache-2.0
"""The notes of a run in one line."""

from __future__ import annotations

from af2cpu.commands.notes import notes_summary


def test_hits_are_counted_by_reason() -> None:
    notes = [
        *(f"template {k}abc_A skipped: {k} residues are too short" for k in (3, 8, 9)),
        *(f"template 1xy{k}_B skipped: released 2021-05-0{k}, after 2020-05-14" for k in (1, 2)),
        "template 7xyz_C skipped: the hit is a copy of the query",
        "template 2abc_A skipped: 2abc.cif: no such file; check the path",
        "chain A: template 8xyz_C skipped: something else",
        "uniref90: 3 sequences over 100,000 residues are not searched",
    ]
    assert notes_summary(notes, "the report") == (
        "8 template hits skipped: 3 too short, 2 released too late, 1 copies of the query, 1 without a structure, "
        "1 for other reasons; "
        "1 other note; details in the report"
    )
    assert notes_summary(notes[-1:], "search.json") == "1 note; details in search.json"
    assert notes_summary([], "search.json") is None
