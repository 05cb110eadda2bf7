# SPDX-License-Identifier: Apache-2.0
"""Alignments that the user gives in place of a search: which files, in which order, and that they fit the query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from af2cpu.chemistry.residues import HHBLITS_AA_TO_ID
from af2cpu.errors import InputError
from af2cpu.formats.a3m import JoinedAlignment, read_joined
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
    "msa_server_hits.a3m",  # ours
)


def given_alignments(paths: Sequence[Path]) -> list[Path]:
    """The alignment files behind `--msa`: files as given, a folder as AlphaFold's msas/ in AlphaFold's order.

    Raises InputError for a path that is missing, of an unknown kind, a pipe, or a folder without AlphaFold's files.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = _af2_files(path)
            if not found:
                raise InputError(f"{name_of(path)}: has none of AlphaFold's alignments ({', '.join(_AF2_FILES[:-1])})")
            files += found
        else:
            _check_kind(path)
            files.append(path)
    return files


def af2_folders(path: Path) -> list[Path]:
    """The folders of alignments in AlphaFold's msas/: the folder itself, or those of AlphaFold-Multimer's chains in it.

    Raises InputError if the folder can't be read.
    """
    try:
        inner = sorted(folder for folder in path.iterdir() if folder.is_dir())
    except OSError as error:
        raise InputError(f"{name_of(path)}: can't be read ({error.strerror}); check its permissions") from error
    of_chains = [folder for folder in inner if _af2_files(folder)]
    return [path] if _af2_files(path) or not of_chains else of_chains


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


def _af2_files(folder: Path) -> list[Path]:
    return [file for name in _AF2_FILES for file in (folder / name, folder / f"{name}.gz") if file.is_file()]


def read_given(path: Path, query: Query, max_rows: int | None = None) -> Alignment:
    """The alignment in `path`, after checking that its first row is the query. Of ColabFold's a3m of a complex the rows
    of this sequence alone.

    Raises InputError with the fault: empty, cut off, or the alignment of another sequence.
    """
    with open_rewindable(path) as stream:
        if kind_of(path, stream) == "stockholm":
            alignment = read_stockholm(stream, max_rows, _database(path))
        else:
            joined = read_joined(stream, max_rows, _database(path), (query.sequence,))
            part = _part_of(joined, query, name_of(path), "this is the alignment of another complex")
            alignment = replace(joined.own[part], notes=joined.notes)
    check_query_row(alignment, query, name_of(path))
    return alignment


def read_paired(path: Path, queries: Sequence[Query]) -> JoinedAlignment:
    """An a3m with the distinct sequences of a complex side by side, its parts in the order of the queries.

    The file need not declare the sequences, if it has them in that order. Raises InputError with the fault.
    """
    place = name_of(path)
    with open_rewindable(path) as stream:
        if kind_of(path, stream) != "a3m":
            raise InputError(f"{place}: an alignment of paired rows must be .a3m (plain or .gz)")
        known, lengths = [query.sequence for query in queries], [query.n_res for query in queries]
        joined = read_joined(stream, None, _database(path), known, lengths)
    if len(joined.own) > len(queries):
        raise InputError(
            f"{place}: joins {len(joined.own)} sequences, and the complex has {len(queries)}; give the alignment of "
            "its chains"
        )
    remedy = "give the alignment of this complex, its distinct sequences in the order of the chains"
    order = [_part_of(joined, query, place, remedy) for query in queries]
    own, paired = (tuple(parts[number] for number in order) for parts in (joined.own, joined.paired))
    return replace(joined, own=own, paired=paired)


def first_sequences(path: Path, known: Sequence[str]) -> list[np.ndarray]:
    """The codes of the sequence that an alignment belongs to; of ColabFold's a3m of a complex all of them.

    known: the sequences that it may be of. Raises InputError as `read_given` does for the first row.
    """
    with open_rewindable(path) as stream:
        if kind_of(path, stream) == "stockholm":
            return [read_stockholm(stream, 1).msa[0]]
        return [alignment.msa[0] for alignment in read_joined(stream, 1, known=known).own]


def is_of(codes: np.ndarray, query: Query) -> bool:
    """Whether a row is the query's sequence (letters that share a code count as equal)."""
    return np.array_equal(codes, _codes(query))


def check_query_row(alignment: Alignment, query: Query, place: str) -> None:
    """Raises InputError unless the first row is the query's sequence (letters that share a code count as equal)."""
    expected, found = _codes(query), alignment.msa[0]
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


def _codes(query: Query) -> np.ndarray:
    return np.array([HHBLITS_AA_TO_ID[letter] for letter in query.sequence], np.uint8)


def _database(path: Path) -> str:
    return name_of(Path(path.name.removesuffix(".gz")).stem.removesuffix("_hits"))


def _part_of(joined: JoinedAlignment, query: Query, place: str, remedy: str) -> int:
    """The place of the query's sequence in an alignment. That of one sequence is taken without a look."""
    if len(joined.own) == 1:
        return 0
    for number, alignment in enumerate(joined.own):
        if is_of(alignment.msa[0], query):
            return number
    lengths = " + ".join(map(str, joined.segments.lengths))
    raise InputError(
        f"{place}: joins sequences of {lengths} residues, and none is that of {query.name} ({query.source}, "
        f"{query.n_res} residues); {remedy}"
    )
