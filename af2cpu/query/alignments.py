"""Alignments that the user gives in place of a search: which files, in which order, and that they fit the query."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from af2cpu.chemistry.residues import HHBLITS_AA_TO_ID
from af2cpu.errors import InputError
from af2cpu.formats.a3m import read_a3m
from af2cpu.formats.stockholm import read_stockholm
from af2cpu.formats.streams import name_of, open_rewindable
from af2cpu.query.kinds import ALIGNMENTS, kind_of
from af2cpu.records import Alignment, Query

# AlphaFold's msas/ folder, in the order in which it joins them: UniRef90, (small) BFD, MGnify.
_AF2_FILES = (
    "uniref90_hits.sto",
    "bfd_uniref_hits.a3m",
    "bfd_uniclust_hits.a3m",
    "small_bfd_hits.sto",
    "mgnify_hits.sto",
)


def given_alignments(paths: Sequence[Path]) -> list[Path]:
    """The alignment files behind `--msa`: files as given, a folder as AlphaFold's msas/ in AlphaFold's order.

    Raises InputError for a path that is missing, of an unknown kind, a pipe, or a folder without AlphaFold's files.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += _af2_folder(path)
        else:
            _check_kind(path)
            files.append(path)
    return files


def _check_kind(path: Path) -> None:
    if not path.exists():
        raise InputError(f"{name_of(path)}: there is no such alignment; check the path")
    if not path.is_file():
        raise InputError(
            f"{name_of(path)}: is not a regular file; alignments are read more than once, save it to a file"
        )
    with open_rewindable(path) as stream:
        if kind_of(path, stream) not in ALIGNMENTS:
            raise InputError(f"{name_of(path)}: an alignment must be .a3m or .sto (plain or .gz)")


def _af2_folder(folder: Path) -> list[Path]:
    files = [file for name in _AF2_FILES for file in (folder / name, folder / f"{name}.gz") if file.is_file()]
    if not files:
        raise InputError(f"{name_of(folder)}: has none of AlphaFold's alignments ({', '.join(_AF2_FILES)})")
    return files


def read_given(path: Path, query: Query, max_rows: int | None = None) -> Alignment:
    """The alignment in `path`, after checking that its first row is the query.

    Raises InputError with the fault: empty, cut off, of a complex, or the alignment of another sequence.
    """
    database = name_of(Path(path.name.removesuffix(".gz")).stem.removesuffix("_hits"))
    with open_rewindable(path) as stream:
        if kind_of(path, stream) == "a3m":
            alignment = read_a3m(stream, max_rows, database, query.sequence)
        else:
            alignment = read_stockholm(stream, max_rows, database)
    check_query_row(alignment, query, name_of(path))
    return alignment


def check_query_row(alignment: Alignment, query: Query, place: str) -> None:
    """Raises InputError unless the first row is the query's sequence (letters that share a code count as equal)."""
    expected = np.array([HHBLITS_AA_TO_ID[letter] for letter in query.sequence], np.uint8)
    found = alignment.msa[0]
    if len(found) != len(expected):
        raise InputError(
            f"{place}: its first row has {len(found)} residues where {query.name} ({query.source}) has "
            f"{len(expected)}; this is the alignment of another sequence"
        )
    different = np.flatnonzero(found != expected)
    if different.size:
        raise InputError(
            f"{place}: its first row differs from {query.name} ({query.source}) at {different.size} of "
            f"{len(expected)} residues, first at {different[0] + 1}; this is the alignment of another sequence"
        )
