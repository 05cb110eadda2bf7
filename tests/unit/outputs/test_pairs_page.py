# SPDX-License-Identifier: Apache-2.0
"""The page of pairs: places in the matrix, the order of the table, text and links."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

import pytest

from af2cpu.outputs.report import PAIR_SCORES, PairRow, PairScore, write_pairs_page
from af2cpu.outputs.report.pairs import pair_table

ONE = (PairScore("ipTM", "interface pTM"),)
EVIL = "</script><b>x</b>\"'"


def _row(a: str, b: str, score: float | None = 0.5, link: str | None = None) -> PairRow:
    return PairRow(a, b, "done", (score,), link)


def test_all_against_all_is_one_matrix_of_all_names() -> None:
    table = pair_table([_row(a, b) for a, b in combinations("CAB", 2)], ONE)
    assert (table.down, table.across, table.symmetric) == (("C", "A", "B"), ("C", "A", "B"), True)
    assert [table.cell(row) for row in table.rows] == [(0, 1), (0, 2), (1, 2)]
    assert table.heads == ("Protein", "With")


def test_baits_are_lines_and_preys_are_columns() -> None:
    table = pair_table([_row(a, b) for a in ("bait", "other") for b in ("p", "q", "r")], ONE)
    assert (table.down, table.across, table.symmetric) == (("bait", "other"), ("p", "q", "r"), False)
    assert table.cell(table.rows[5]) == (1, 2)
    assert table.heads == ("Bait", "Prey")


def test_the_best_pair_comes_first_and_pairs_without_a_score_last() -> None:
    rows = [
        _row("a", "p", 0.2),
        PairRow("a", "q", "failed", error="no"),
        _row("a", "r", float("nan")),
        _row("a", "s", 0.9),
    ]
    assert [row.b for row in pair_table(rows, ONE).rows] == ["s", "p", "q", "r"]


def test_scores_must_be_complete() -> None:
    with pytest.raises(ValueError, match=f"the pair a and b has 1 scores of {len(PAIR_SCORES)}"):
        pair_table([_row("a", "b")])


def test_text_and_links_of_users_stay_what_they_are(tmp_path: Path) -> None:
    rows = [
        _row(EVIL, "b", 0.25, "a_&_b/report.html"),
        PairRow("c", "d", EVIL),
        PairRow("e", "f", "failed", error=EVIL),
    ]
    text = write_pairs_page(tmp_path / "pairs.html", rows, ONE).read_text()
    assert "<b>x</b>" not in text
    assert text.count("</script>") == 2  # names, ours
    assert 'href="a_%26_b/report.html"' in text
    (names,) = re.findall(r'id="names">(.*?)</script>', text)
    assert json.loads(names) == {"down": [EVIL, "c", "e"], "across": ["b", "d", "f"]}
    assert "3 pairs of 3 baits and 3 preys" in text
    assert "2 pairs without a result" in text
    assert re.findall(r'class="score" data-value="([\d.]+)">([\d.]+)<', text) == [("0.25", "0.250")]


def test_a_page_of_many_pairs_stays_small(tmp_path: Path) -> None:
    rows = [
        PairRow(f"P{a:05}", f"P{b:05}", "done", (1.0, 0.5, 0.5, 0.5, 0.5, 0.5), f"P{a:05}_P{b:05}/report.html")
        for a, b in combinations(range(100), 2)
    ]
    assert write_pairs_page(tmp_path / "pairs.html", rows).stat().st_size < 1000 * len(rows)
