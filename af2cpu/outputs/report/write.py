"""Results folders to pages."""

from __future__ import annotations

from pathlib import Path

from af2cpu.outputs.layout import Layout, write_bytes
from af2cpu.outputs.report.content import read_content
from af2cpu.outputs.report.find import Found, find_targets
from af2cpu.outputs.report.page import index_html, report_html

INDEX = "index.html"


def write_report(layout: Layout, work: Path) -> Path:
    """The report of one target that is done; `work`: the folder of its features.npz. From the files there only.

    Raises InputError that names a file that is missing or damaged, OSError.
    """
    return write_bytes(layout.page(), report_html(read_content(Found(layout, work, None))))


def write_index(out: Path) -> Path | None:
    """The table of all targets below `out`; none if `out` is the folder of a target itself or holds none.

    Raises InputError that names a damaged file, OSError.
    """
    found = find_targets(out)
    if not found or found[0].work == out:
        return None
    return write_bytes(out / INDEX, index_html(found, out))
