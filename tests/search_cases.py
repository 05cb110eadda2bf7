# SPDX-License-Identifier: Apache-2.0
"""The demo databases, made once per test session, and HMMER's own programs to compare with."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from make_databases import examples, make_sequences, write_fasta
from synthetic.evolution import homolog, random_sequences

from af2cpu.ops import isa
from af2cpu.records import Query
from af2cpu.search.databases import Database, expected_path
from af2cpu.search.index import Index
from af2cpu.search.indexing import build_index

needs_kernels = pytest.mark.skipif(not isa.built(), reason="the native kernels are not built in this installation")

_CAPS = {"uniref90": 10_000, "mgnify": 501, "small_bfd": None, "pdb_seqres": None}
_FILTERS = ["--F1", "0.0005", "--F2", "0.00005", "--F3", "0.0000005", "--incE", "0.0001", "-E", "0.0001"]
_TEMPLATE_FLAGS = [
    "--F1",
    "0.1",
    "--F2",
    "0.1",
    "--F3",
    "0.1",
    "--incE",
    "100",
    "-E",
    "100",
    "--domE",
    "100",
    "--incdomE",
    "100",
]


@cache
def _demo() -> TemporaryDirectory[str]:
    folder = TemporaryDirectory(prefix="af2cpu-demo-")
    make_sequences(Path(folder.name), relatives=2, others=8)
    return folder


def demo() -> Path:
    """The folder of the demo databases. Read only: tests that change a database copy it."""
    return Path(_demo().name)


@cache
def demo_database(name: str) -> tuple[Database, Index]:
    """A demo database with its index."""
    path = expected_path(demo(), name)
    return Database(name, path, _CAPS[name]), build_index(path, 2)


@cache
def hard_database() -> tuple[Database, Index]:
    """Where thresholds decide: far relatives, fragments, repeats of unequal quality, of the longer examples."""
    rng = np.random.default_rng(20)
    records: list[tuple[str, bytes]] = []
    for query in queries("lysozyme", "ubiquitin", "gb1"):
        text = query.sequence.encode()
        for _ in range(500):
            copies = []
            for _ in range(int(rng.integers(1, 4))):
                start = int(rng.integers(0, len(text) // 2))
                part = text[start : start + int(rng.integers(20, len(text)))]
                copies.append(homolog(rng, part, float(rng.uniform(0.3, 0.85))))
                copies.append(next(random_sequences(rng, 20)))
            records.append((f"hard{len(records):05d} far relative", np.concatenate(copies).tobytes()))
    path = demo() / "hard.fasta"
    write_fasta(path, records)
    return Database("uniref90", path, 10_000), build_index(path, 2)


@cache
def few_database(seed: int) -> tuple[Database, Index]:
    """Sixty relatives of lysozyme with many indels: with so few the filters (F1-F3) decide, not the E-value."""
    rng = np.random.default_rng(seed)
    (query,) = queries("lysozyme")
    letters = np.frombuffer(query.sequence.encode(), np.uint8)
    records = []
    for i in range(60):
        cuts = np.sort(rng.integers(0, len(letters), int(rng.integers(3, 12))))
        parts = [
            homolog(rng, part.tobytes(), float(rng.uniform(0.6, 1.0)))
            for part in np.split(letters, cuts)
            if len(part) > 2
        ]
        spacers = [next(random_sequences(rng, 20))[: int(rng.integers(1, 12))] for _ in parts]
        text = np.concatenate([piece for pair in zip(parts, spacers, strict=True) for piece in pair])
        records.append((f"few{i:02d} far relative", text.tobytes()))
    path = demo() / f"few{seed}.fasta"
    write_fasta(path, records)
    return Database("few", path), build_index(path, 2)


@cache
def hard_pdb() -> tuple[Database, Index]:
    """The demo PDB sequences, and nucleic acids whose letters read as relatives of the examples."""
    path = demo() / "hard_pdb.txt"
    records = [
        f">9{name} mol:na length:{len(q.sequence)}  NONE\n{q.sequence}\n"
        for name, q in zip(["aaa_A", "bbb_B"], queries("lysozyme", "ubiquitin"), strict=True)
    ]
    path.write_text(expected_path(demo(), "pdb_seqres").read_text() + "".join(records))
    return Database("pdb_seqres", path), build_index(path, 2)


def capped(name: str, max_rows: int | None) -> tuple[Database, Index]:
    """A demo database with another cap."""
    database, index = demo_database(name)
    return replace(database, max_rows=max_rows), index


def queries(*names: str) -> list[Query]:
    """The proteins of examples/, all or those named."""
    found = [Query(header.split()[0], text.decode(), header, "examples") for header, text in examples()]
    return [query for query in found if not names or query.name in names]


def run(program: str, arguments: Sequence[object]) -> None:
    """Runs one of HMMER's programs, or skips the test where it is not installed."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed (Debian's package hmmer)")
    subprocess.run([path, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def jackhmmer(query: Query, fasta: Path, folder: Path) -> Path:
    """The Stockholm file that AlphaFold's jackhmmer call makes."""
    (folder / "query.fasta").write_text(f">{query.description}\n{query.sequence}\n")
    result = folder / "jackhmmer.sto"
    run(
        "jackhmmer",
        ["-o", "/dev/null", "-A", result, "--noali", *_FILTERS, "--cpu", 1, "-N", 1, folder / "query.fasta", fasta],
    )
    return result


def hmmsearch(msa: str, fasta: Path, folder: Path) -> str:
    """The Stockholm text that AlphaFold-Multimer's hmmbuild and hmmsearch calls make; empty without hits."""
    (folder / "query.msa").write_text(msa)
    run("hmmbuild", ["--hand", "--amino", folder / "query.hmm", folder / "query.msa"])
    result = folder / "hmmsearch.sto"
    run("hmmsearch", ["--noali", "--cpu", 1, *_TEMPLATE_FLAGS, "-A", result, folder / "query.hmm", fasta])
    return result.read_text()


def without_author(text: str) -> str:
    """Stockholm text without the one line that may differ."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#=GF AU"))
