# SPDX-License-Identifier: Apache-2.0
"""Databases of profiles that hh-suite's programs search: BFD, UniRef30, pdb70. Each is six files with one prefix."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_PARTS = ("_a3m", "_hhm", "_cs219")
_ENDINGS = (".ffdata", ".ffindex")
_BLOCK = 1 << 24

# Prefixes in AlphaFold's folder layout. The release of UniRef30 is part of its name: the newest is taken.
LAYOUT: Mapping[str, str] = {
    "bfd": "bfd/bfd_metaclust_clu_complete_id30_c90_final_seq.sorted_opt",
    "uniref30": "uniref30/UniRef30_*",
    "pdb70": "pdb70/pdb70",
}
BFD_UNIREF, PDB70 = "bfd_uniref", "pdb70"
RELEASE = "2021_03"  # of UniRef30, AlphaFold's
# What is searched in one run of a program: the prefixes in AlphaFold's order, and the program.
_SEARCHED = {BFD_UNIREF: (("bfd", "uniref30"), "hhblits"), PDB70: (("pdb70",), "hhsearch")}


@dataclass(frozen=True)
class ProfileDatabase:
    """Profiles below one prefix or several, which one run of a program searches together. Its alignment has no cap."""

    name: str
    prefixes: tuple[Path, ...]
    program: str

    @property
    def path(self) -> str:
        """The prefixes, for people."""
        return " + ".join(map(str, self.prefixes))

    def missing(self) -> list[Path]:
        """Files that are lacking."""
        return [file for prefix in self.prefixes for file in missing_files(prefix)]

    def identity(self) -> str:
        """A hash of the names, sizes and times of the files: their bytes are terabytes. Raises OSError."""
        stamps = hashlib.blake2b(digest_size=16)
        for prefix in self.prefixes:
            for file in files_of(prefix):
                status = file.stat()
                stamps.update(f"{file.name} {status.st_size} {status.st_mtime_ns}\n".encode())
        return stamps.hexdigest()

    def size(self) -> tuple[int, int]:
        """Profiles and their columns. Raises OSError."""
        profiles = sum(_lines_in(_file(prefix, "_cs219", ".ffindex")) for prefix in self.prefixes)
        return profiles, self.estimated_columns() - profiles  # a byte for each column, and one that ends a profile

    def estimated_columns(self) -> int:
        """Columns of all profiles, about, without reading a file. Raises OSError."""
        return sum(_file(prefix, "_cs219", ".ffdata").stat().st_size for prefix in self.prefixes)


def files_of(prefix: Path) -> list[Path]:
    """The files with a prefix."""
    return [_file(prefix, part, ending) for part in _PARTS for ending in _ENDINGS]


def missing_files(prefix: Path) -> list[Path]:
    """Those of them that are lacking."""
    return [file for file in files_of(prefix) if not file.is_file()]


def expected_prefix(data_dir: Path, name: str) -> Path:
    """A prefix in AlphaFold's layout: the newest release of which there is a file, else the one to expect."""
    pattern = LAYOUT[name]
    if "*" not in pattern:
        return data_dir / pattern
    found = sorted(path for ending in _suffixes() for path in _prefixes(data_dir, pattern, ending))
    return found[-1] if found else data_dir / pattern.replace("*", RELEASE)


def layout_profiles(data_dir: Path | None, name: str, given: Mapping[str, Path]) -> ProfileDatabase:
    """The database `bfd_uniref` or `pdb70` with the prefixes that are given, else those of the data folder, if any."""
    parts, program = _SEARCHED[name]
    layout = {part: expected_prefix(data_dir, part) for part in parts} if data_dir else {}
    prefixes = layout | {part: prefix for part, prefix in given.items() if part in parts}
    return ProfileDatabase(name, tuple(prefixes[part] for part in parts if part in prefixes), program)


def _suffixes() -> list[str]:
    return [part + ending for part in _PARTS for ending in _ENDINGS]


def _prefixes(data_dir: Path, pattern: str, ending: str) -> Iterator[Path]:
    for path in data_dir.glob(pattern + ending):
        yield path.with_name(path.name.removesuffix(ending))


def _file(prefix: Path, part: str, ending: str) -> Path:
    return prefix.with_name(prefix.name + part + ending)


def _lines_in(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK), b""))
