# SPDX-License-Identifier: Apache-2.0
"""Template hits of an MSA server as AlphaFold reads hmmsearch's."""

from __future__ import annotations

from pathlib import Path

import pytest

from af2cpu.features.hits import hit_letters, query_to_hit
from af2cpu.formats.template_hits import read_template_hits
from af2cpu.records import Query
from af2cpu.search.server.hits import hits_of_lines, stockholm_of_hits

QUERY = Query("q", "MKTAYIAKQRQ", "q", "made up")
CHAIN = "GSAYWWIAKRQLV"


def line(chain: str, spans: str, cigar: str) -> str:
    return "\t".join(["101", chain, "0.9", "8", "0", "0", *spans.split(), "1E-9", "99", cigar])[4:]


def m8(*lines: str) -> list[str]:
    return [f"101\t{one}" for one in lines]


def test_columns_insertions_and_deletions(tmp_path: Path) -> None:
    """Residues 4 to 11 of the query are AYIAKQRQ; of the chain residues 3 to 11 are AYWWIAKRQ."""
    hits, notes = hits_of_lines(m8(line("2ABC_A", "4 11 3 11", "2M2D3M1I2M"), line("1xyz_B", "1 2 12 13", "2M")))
    assert notes == []
    chains = {"2ABC_A": (CHAIN, "some protein"), "1xyz_B": (CHAIN, "")}
    text, notes, count = stockholm_of_hits(hits, chains, QUERY.n_res)
    assert (notes, count) == ([], 2)
    assert len({len(row) for row in text.split("\n") if row and row[0] not in "#/"}) == 1
    (tmp_path / "pdb_hits.sto").write_text(text)
    first, second = read_template_hits(tmp_path / "pdb_hits.sto", QUERY)
    assert (first.name, first.description.split("  ")[1]) == ("2abc_A", "some protein")
    assert (first.hit_sequence, first.aligned_cols) == ("---AYWWIAK-RQ", 7)
    assert hit_letters(first) == "AYWWIAKRQ"
    pairs = query_to_hit(first, QUERY.sequence)
    assert "".join(QUERY.sequence[i] for i in pairs) == "AYIAKRQ"
    assert "".join(CHAIN[2:][j] for j in pairs.values()) == "AYIAKRQ"
    assert (second.name, hit_letters(second), query_to_hit(second, QUERY.sequence)) == ("1xyz_B", "LV", {0: 0, 1: 1})


@pytest.mark.parametrize(
    ("spans", "cigar", "why"),
    [
        ("4 12 3 11", "9M", "longer than the sequences"),
        ("4 11 8 15", "8M", "longer than the sequences"),
        ("4 11 3 10", "7M", "contradicts itself"),
        ("4 11 3 10", "9M", "contradicts itself"),
        ("4 11 3 10", "8M1D", "contradicts itself"),
    ],
)
def test_alignments_that_are_none(spans: str, cigar: str, why: str) -> None:
    hits, _ = hits_of_lines(m8(line("2abc_A", spans, cigar)))
    text, notes, count = stockholm_of_hits(hits, {"2abc_A": (CHAIN, "")}, QUERY.n_res)
    assert (text, count) == ("", 0)
    assert why in notes[0]


def test_chains_and_lines_that_can_not_be_used() -> None:
    bad = ["2abc_A\t1", line("../x", "1 2 1 2", "2M"), line("2abc_A", "1 2 1 2", "2X"), line("2abc_A", "0 2 1 2", "2M")]
    hits, notes = hits_of_lines(m8(*bad, line("2abc_A", "1 x 1 2", "2M")))
    assert hits == []
    assert len(notes) == 5
    hits, _ = hits_of_lines(m8(line("2abc_A", "1 2 1 2", "2M")))
    assert stockholm_of_hits(hits, {}, 11)[1] == ["template 2abc_A skipped: the server has no sequence of it"]
