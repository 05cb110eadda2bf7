# SPDX-License-Identifier: Apache-2.0
"""Ten queries against two databases, packed and plain: the Stockholm text of jackhmmer's binary, of every query."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from search_cases import demo_database, hard_database, jackhmmer, needs_kernels, queries, without_author
from shared_data import shared_data

from af2cpu.records import Query
from af2cpu.search.databases import Database
from af2cpu.search.indexing import build_index
from af2cpu.search.msa import search_msas
from af2cpu.search.packed import pack

pytestmark = needs_kernels
_N_QUERIES = 10
_folder: TemporaryDirectory[str] = TemporaryDirectory(prefix="af2cpu-ways-")


def letters_of(path: Path) -> list[str]:
    """The sequences of a Stockholm alignment without gaps."""
    rows: dict[str, str] = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith(("#", "//")):
            name, columns = line.split()
            rows[name] = rows.get(name, "") + columns
    return [row.replace("-", "").replace(".", "") for row in rows.values()]


@cache
def made() -> tuple[Path, list[Query]]:
    """The demo UniRef90, far relatives, and records as no tidy database has them."""
    text = demo_database("uniref90")[0].path.read_bytes() + hard_database()[0].path.read_bytes()
    odd = [query.sequence for query in queries("ubiquitin", "lysozyme", "gb1")]
    for i, letters in enumerate(odd):
        text += f">twin {i}\n{letters}\n>empty{i}\n>twin other {i}\r\n".encode()
        text += f"{letters[:30].lower()}\r\n \t{letters[30:]}*\n".encode()
        text += f">odd{i} caf\xe9\n{letters[:20]}XBZUOJ*X{letters[20:]}\n".encode("latin-1")
    path = Path(_folder.name) / "made.fasta"
    path.write_bytes(text + b">too_long\n" + b"M" * 100_001 + b"\n")
    found = [
        *queries(),
        Query("loner", "WWHHMMCCWWHHMMCCYYWWPPHHMMCCWW", "loner without relatives", "made up"),
        Query("odd", "MQIFVKTLTGKTITLEVEPSDTUENVKAKIQDKEGIPPDQQXXIFAGKQLEDGRTBSDYNIQKEST", "odd", "made up"),
        Query("repeats", queries("gb1")[0].sequence * 3, "repeats of gb1", "made up"),
        Query("low", "EEEKKKEEEKKKEEKKEEKKKEEEAAAKKKEEEKKK", "low complexity", "made up"),
        Query("short", "MQIFVKTLTGK", "short", "made up"),
    ]
    return path, found[-_N_QUERIES:]


@cache
def real() -> tuple[Path, list[Query]]:
    """Homologs of several proteins from alignments of real databases."""
    alignments = [
        shared_data("msas", *parts)
        for parts in (("2q2k_A", "uniprot_hits.sto"), ("2q2k_A", "mgnify_hits.sto"), ("6KWC", "mgnify_hits.sto"))
    ]
    rng = np.random.default_rng(7)
    rows = [row for path in alignments for row in letters_of(path)[:350]]
    path = Path(_folder.name) / "real.fasta"
    path.write_text("".join(f">real{i:05d} homolog {i}\n{row}\n" for i, row in enumerate(rows)))
    chosen = rng.choice(len(rows), _N_QUERIES, replace=False)
    return path, [Query(f"real{i}", rows[i].upper(), f"real{i} of the database", "shared") for i in chosen]


@pytest.mark.parametrize("database", [made, real], ids=["made", "real"])
def test_ten_queries_equal_jackhmmers(database, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path, found = database()
    short = path.with_name(f"{path.stem}-short.fasta")  # jackhmmer aborts at a target that is too long
    short.write_bytes(path.read_bytes().partition(b">too_long")[0])
    expected = [without_author(jackhmmer(query, short, tmp_path).read_text("latin-1")) for query in found]
    assert len(found) == _N_QUERIES
    for way in ("plain", "packed"):
        if way == "packed":
            pack.pack(path, 2)
        index = build_index(path, 2)
        folders = [tmp_path / query.name for query in found]
        for folder in folders:
            folder.mkdir(exist_ok=True)
        results = list(search_msas(found, folders, [(Database("x", path), index)], 2))
        assert {result.way for result in results} == {way}
        assert sum(result.hits for result in results) > 100
        for result, text in zip(results, expected, strict=True):
            ours = without_author(result.path.read_text("utf-8"))
            assert ours == without_author(text.encode("latin-1").decode("utf-8", "replace")), result.query.name
