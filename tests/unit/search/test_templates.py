# SPDX-License-Identifier: Apache-2.0
"""Profiles of given alignments, and template hits that a user gives: other programs' files, damaged files."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from search_cases import demo_database, hard_pdb, queries

from af2cpu.errors import InputError
from af2cpu.formats.template_hits import read_template_hits
from af2cpu.search.msa import search_msas
from af2cpu.search.templates import profile_of, search_templates

STOCKHOLM = b"# STOCKHOLM 1.0\n\nq  NLYI--QWLKDGGPSSGRPPPS\nh1 NLYIAEEWLKDGGP--GRPPPS\n"
REFERENCE = b"#=GC RF xxxx..xxxxxxxxxxxxxxxx\n"


def profile(path: Path, text: bytes) -> str:
    path.write_bytes(text)
    written = io.BytesIO()
    profile_of(path).write(written)
    return "".join(
        line for line in written.getvalue().decode().splitlines(keepends=True) if not line.startswith("DATE")
    )


def test_a_profile_has_the_querys_columns_with_and_without_a_reference_line(tmp_path: Path) -> None:
    path = tmp_path / "uniref90_hits.sto"
    expected = profile(path, STOCKHOLM + REFERENCE + b"//\n")
    assert "LENG  20" in expected
    assert profile(path, STOCKHOLM + b"//\n") == expected
    assert profile(path, (STOCKHOLM + b"//\n").replace(b"\n", b"\r")) == expected
    other_gaps = STOCKHOLM.replace(b"I--Q", b"I..Q").replace(b"P--G", b"P~_G")
    assert profile(path, other_gaps + b"//\n") == expected
    assert profile(path, STOCKHOLM + REFERENCE[:-5] + b"\n//\n# STOCKHOLM 1.0\nother MK\n//\n") == expected


def test_rows_of_one_name_both_count(tmp_path: Path) -> None:
    row = b"h1 NLYWAEEWLKDWWP--GRPPPS\n"
    path = tmp_path / "uniref90_hits.sto"
    assert profile(path, STOCKHOLM + row + b"//\n") == profile(path, STOCKHOLM + b"h2" + row[2:] + b"//\n")


@pytest.mark.parametrize(
    "text", [b"", b"# STOCKHOLM 1.0\n//\n", STOCKHOLM + b"h2 NLY\n//\n", STOCKHOLM + b"h2 N Y\n//\n"]
)
def test_no_profile_of_damaged_alignments(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "uniref90_hits.sto"
    with pytest.raises(InputError, match=r"uniref90_hits\.sto: no profile can be made of it .* damaged"):
        profile(path, text)


def test_hits_that_a_user_gives_are_checked(tmp_path: Path) -> None:
    (query,), (other,) = queries("ubiquitin"), queries("lysozyme")
    list(search_msas([query], [tmp_path], [demo_database("uniref90")], threads=2))
    (result,) = search_templates([tmp_path / "uniref90_hits.sto"], [tmp_path], *hard_pdb(), threads=2)
    path = result.path
    hits = read_template_hits(path, query)
    assert hits
    with pytest.raises(
        InputError, match=r"row \d+ .*: 76 columns where the query has \d+ residues; .*another sequence"
    ):
        read_template_hits(path, other)
    text = path.read_bytes()
    path.write_bytes(text.replace(b"\n", b"\r\n"))
    assert read_template_hits(path, query) == hits
    path.write_bytes(text.replace(b"\n//", b"\na b c\n//"))
    with pytest.raises(InputError, match=r"pdb_hits\.sto, line \d+: expected a row name and its columns"):
        read_template_hits(path, query)
