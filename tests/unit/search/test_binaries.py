# SPDX-License-Identifier: Apache-2.0
"""The search gives what AlphaFold 2 gets from HMMER's programs: byte for byte but for the `#=GF AU` line."""

from __future__ import annotations

from pathlib import Path

import pytest
from search_cases import (
    capped,
    demo_database,
    few_database,
    hard_database,
    hard_pdb,
    hmmsearch,
    jackhmmer,
    queries,
    without_author,
)

from af2cpu.formats.template_hits import read_template_hits
from af2cpu.records import Query
from af2cpu.search.databases import Database
from af2cpu.search.msa import search_msas
from af2cpu.search.templates import search_templates

parsers = pytest.importorskip("alphafold.data.parsers", reason="AlphaFold's own cut and parsers (extra: validate)")

LONER = Query("loner", "WWHHMMCCWWHHMMCCYYWWPPHHMMCCWW", "loner without relatives", "made up")
ODD = Query("odd", "MQIFVKTLTGKTITLEVEPSDTUENVKAKIQDKEGIPPDQQXXIFAGKQLEDGRTBSDYNIQKEST", "odd", "made up")
ALL = [*queries(), LONER, ODD]


@pytest.mark.parametrize("query", ALL, ids=lambda query: query.name)
def test_alignments_equal_jackhmmers(query: Query, tmp_path: Path) -> None:
    database, index = demo_database("uniref90")
    expected = jackhmmer(query, database.path, tmp_path)
    for max_rows in (10_000, 23, 1, None):
        (result,) = search_msas([query], [tmp_path], [capped("uniref90", max_rows)], threads=2)
        text = result.path.read_text()
        if max_rows is None:
            assert without_author(text) == without_author(expected.read_text())
            assert "#=GF AU af2cpu" in text
        else:
            assert text == parsers.truncate_stockholm_msa(str(expected), max_rows)
        assert result.rows == len(parsers.parse_stockholm(text))
    assert (result.hits > 20) == (query is not LONER)
    assert index.n_seq == database.path.read_bytes().count(b">")


@pytest.mark.parametrize("name", ["lysozyme", "ubiquitin", "gb1", "crambin"])
def test_alignments_equal_jackhmmers_where_thresholds_decide(name: str, tmp_path: Path) -> None:
    (query,) = queries(name)
    database, index = hard_database()
    expected = jackhmmer(query, database.path, tmp_path)
    (result,) = search_msas([query], [tmp_path], [(Database("hard", database.path), index)], threads=2)
    assert without_author(result.path.read_text()) == without_author(expected.read_text())
    assert len(index.shards) > 3


@pytest.mark.parametrize("seed", range(1, 9))
def test_alignments_equal_jackhmmers_where_filters_decide(seed: int, tmp_path: Path) -> None:
    (query,) = queries("lysozyme")
    database, index = few_database(seed)
    expected = jackhmmer(query, database.path, tmp_path)
    (result,) = search_msas([query], [tmp_path], [(database, index)], threads=2)
    assert without_author(result.path.read_text()) == without_author(expected.read_text())
    assert result.hits > 0


@pytest.mark.parametrize(
    ("query", "hard"),
    [(query, False) for query in ALL] + [(query, True) for query in queries("lysozyme", "ubiquitin", "gb1")],
    ids=lambda value: getattr(value, "name", "hard" if value else "demo"),
)
def test_template_hits_equal_hmmsearchs(query: Query, hard: bool, tmp_path: Path) -> None:
    list(search_msas([query], [tmp_path], [hard_database() if hard else demo_database("uniref90")], threads=2))
    alignment = (tmp_path / "uniref90_hits.sto").read_text()
    database, index = hard_pdb()
    (result,) = search_templates([tmp_path / "uniref90_hits.sto"], [tmp_path], database, index, threads=2)
    path = result.path

    msa = parsers.remove_empty_columns_from_stockholm_msa(parsers.deduplicate_stockholm_msa(alignment))
    expected = hmmsearch(msa, database.path, tmp_path)
    assert without_author(path.read_text()) == without_author(expected)

    a3m = parsers.convert_stockholm_to_a3m(expected, remove_first_row_gaps=False)
    reference = parsers.parse_hmmsearch_a3m(query.sequence, a3m, skip_first=False)
    hits = read_template_hits(path, query)
    names = ("index", "name", "aligned_cols", "sum_probs", "query", "hit_sequence")
    assert [[getattr(hit, name) for name in names] for hit in hits] == [
        [getattr(hit, name) for name in names] for hit in reference
    ]
    assert [hit.indices_query for hit in hits] == [tuple(hit.indices_query) for hit in reference]
    assert [hit.indices_hit for hit in hits] == [tuple(hit.indices_hit) for hit in reference]
    assert hits or query is LONER
