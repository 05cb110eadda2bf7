# SPDX-License-Identifier: Apache-2.0
"""Results folders to pages. What makes a page (jinja2) is imported when there is one to make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from af2cpu.outputs.layout import Layout, write_bytes
from af2cpu.outputs.report.compare import compare_runs
from af2cpu.outputs.report.content import read_content
from af2cpu.outputs.report.find import Found, find_targets
from af2cpu.outputs.report.pair_list import listed_pairs, pair_rows, pair_summaries, pairs_csv
from af2cpu.outputs.report.pairs import PAIR_SCORES, PairRow, PairScore, pair_table
from af2cpu.outputs.report.summary import Summaries, summary_files

INDEX, COMPARE = "index.html", "compare.html"
PAIRS_TABLE, PAIRS_PAGE = "pairs.csv", "pairs.html"


def write_report(layout: Layout, work: Path) -> Path:
    """The report of one target that is done; `work`: the folder of its features.npz. From the files there only.

    Raises InputError that names a file that is missing or damaged, OSError.
    """
    from af2cpu.outputs.report.page import report_html

    return write_bytes(layout.page(), report_html(read_content(Found(layout, work, None))))


def write_index(out: Path, known: Summaries | None = None) -> Path | None:
    """The table of all targets below `out` and, beside it, the summary files; None if `out` is the folder of a target
    itself or holds none. Of an all-against-all run also the table and the page of pairs.

    known: what an earlier call has read, so that only changed targets are read again.
    Raises OSError. A damaged target has a row that says so.
    """
    found = find_targets(out)
    if not found or found[0].work == out:
        return None
    from af2cpu.outputs.report.page import by_warning, index_html

    rows = (known or Summaries(out)).rows(found)
    for name, content in summary_files(rows).items():
        write_bytes(out / name, content)
    if pairs := listed_pairs(out):
        found_pairs = pair_summaries(pairs, {row.summary.target: row.summary for row in rows})
        write_bytes(out / PAIRS_TABLE, pairs_csv(found_pairs))
        paired = {pair.target for pair in pairs}
        warnings = by_warning(row for row in rows if row.summary.target in paired)
        write_pairs_page(out / PAIRS_PAGE, pair_rows(pairs, found_pairs), warnings=warnings, index_page=INDEX)
    return write_bytes(out / INDEX, index_html(rows, PAIRS_PAGE if pairs else None))


def write_pairs_page(
    page: Path,
    rows: Sequence[PairRow],
    scores: Sequence[PairScore] = PAIR_SCORES,
    *,
    warnings: Mapping[str, Sequence[str]] | None = None,
    index_page: str | None = None,
) -> Path:
    """The page of pairs: a matrix coloured by score and a table to sort and filter.

    rows: in the user's order, which is that of the matrix. scores: what `PairRow.scores` has. warnings: each with the
    targets that it is about. index_page: of all targets, below the page's folder. Raises OSError, and ValueError where
    a row has another number of scores.
    """
    from af2cpu.outputs.report.page import pairs_html

    return write_bytes(page, pairs_html(pair_table(rows, scores), warnings or {}, index_page))


def write_comparison(folders: Sequence[Path], page: Path) -> Path:
    """The page of several runs. Raises InputError that names a folder without results, OSError."""
    from af2cpu.outputs.report.page import compare_html

    return write_bytes(page, compare_html(compare_runs(folders, page.parent)))
