"""The databases that AlphaFold 2 searches: their names, files, caps, and AlphaFold's folder layout."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from af2cpu.errors import DatabaseError, InputError
from af2cpu.search.index import PACKED_SUFFIX, fasta_of_packed, stored_file
from af2cpu.shipped import shipped


@dataclass(frozen=True)
class Database:
    """A FASTA file to search. `max_rows` is the cap of its alignment, the query counts; None: uncut."""

    name: str
    path: Path
    max_rows: int | None = None


def alignment_file(database: Database) -> str:
    """The name of an alignment in AlphaFold's msas/ folder."""
    return f"{database.name}_hits.sto"


@dataclass(frozen=True)
class DatabaseSet:
    """The databases of one run. Alignments are joined in the order of `msa`, which is AlphaFold's."""

    msa: tuple[Database, ...]
    templates: Database | None  # pdb_seqres
    mmcif: Path | None  # folder with the entries' mmCIF files
    obsolete: Path | None  # the PDB's list of entries and their successors

    @property
    def every(self) -> tuple[Database, ...]:
        """All sequence databases."""
        return (*self.msa, self.templates) if self.templates else self.msa

    def structures_only(self) -> DatabaseSet:
        """The same without anything to search."""
        return DatabaseSet((), None, self.mmcif, self.obsolete)


# name -> (file in AlphaFold's layout, cap). MGnify's release is part of its name: any is taken, the newest first.
_LAYOUT: Mapping[str, tuple[str, int | None]] = {
    "uniref90": ("uniref90/uniref90.fasta", 10_000),
    "small_bfd": ("small_bfd/bfd-first_non_consensus_sequences.fasta", None),
    "mgnify": ("mgnify/mgy_clusters*.fa", 501),
    "pdb_seqres": ("pdb_seqres/pdb_seqres.txt", None),
}
Way = Literal["packed", "plain", "without screen"]  # how a database is read and searched
SCREENED: tuple[Way, ...] = ("packed", "plain")  # HMMER's pipeline sees what passes the native filter
TEMPLATES = "pdb_seqres"
HITS = "pdb_hits.sto"  # template hits in AlphaFold's msas/ folder
MMCIF = "pdb_mmcif/mmcif_files"
_OBSOLETE = "pdb_mmcif/obsolete.dat"

_REDUCED = ("uniref90", "small_bfd", "mgnify", TEMPLATES)
PRESETS: Mapping[str, tuple[str, ...]] = {"reduced": _REDUCED, "reduced_dbs": _REDUCED}  # the second: AlphaFold's word
_HHBLITS_PRESETS = ("full", "full_dbs")
DEMO = "demo"  # in place of name=path: the small databases that come with the program, made up, in the same layout
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,60}")
_WITH_ROWS = re.compile(r"(.+):(\d+)", re.DOTALL)


def expected_path(data_dir: Path, name: str) -> Path:
    """Path of a database in AlphaFold's layout: the newest file that exists, else the name to expect."""
    pattern, _ = _LAYOUT[name]
    found = sorted({*data_dir.glob(pattern), *map(fasta_of_packed, data_dir.glob(pattern + PACKED_SUFFIX))})
    return found[-1] if found else data_dir / pattern.replace("*", "_2022_05")


def parse_databases(options: Sequence[str]) -> dict[str, Database]:
    """Databases by name from `name=path` or `name=path:rows`, rows being the cap of the alignment.

    Without rows AlphaFold's names keep AlphaFold's caps, and other databases have none. A path may contain colons: a
    file that exists under the whole text is that file. Raises InputError for another form or a name given twice.
    """
    databases: dict[str, Database] = {}
    for option in options:
        name, equals, text = option.partition("=")
        if not equals or not text or not _NAME.fullmatch(name):
            raise InputError(
                f"--db {option}: must be demo, name=path or name=path:rows; names have letters, digits, '_', '.', '-'"
            )
        if name in databases:
            raise InputError(f"--db {option}: the name {name} is given twice")
        databases[name] = _given_database(option, name, text)
    return databases


def _given_database(option: str, name: str, text: str) -> Database:
    _, default = _LAYOUT.get(name, ("", None))
    match = None if Path(text).is_file() else _WITH_ROWS.fullmatch(text)
    if match is None:
        return Database(name, Path(text), default)
    if name == TEMPLATES:
        raise InputError(
            f"--db {option}: {TEMPLATES} is searched for templates, which have no cap; leave :{match[2]} out"
        )
    if int(match[2]) < 1:
        raise InputError(f"--db {option}: must keep 1 row or more, the query is the first one")
    return Database(name, Path(match[1]), int(match[2]))


def select(data_dir: Path | None, preset: str | None, options: Sequence[str]) -> DatabaseSet:
    """The databases of a run. Those given by name=path replace the preset's of the same name and are added after them;
    `demo` takes the place of data_dir.

    Raises InputError if nothing is selected, DatabaseError that lists what is missing under data_dir.
    """
    given = parse_databases([option for option in options if option != DEMO])
    if DEMO in options:
        data_dir = shipped("demo_databases")
    if preset is not None and preset not in PRESETS:
        hint = "; full_dbs needs HHblits, which is out of scope: give its alignments with --msa"
        hint *= preset in _HHBLITS_PRESETS
        raise InputError(f"--preset {preset}: is none of {', '.join(PRESETS)}{hint}")
    databases: dict[str, Database] = {}
    if data_dir is not None:
        databases = {name: _layout_database(data_dir, name) for name in PRESETS[preset or "reduced"]}
    elif preset is not None and not given:
        raise InputError(f"--preset {preset}: needs --data-dir, the folder with AlphaFold's databases")
    databases |= given
    if not databases:
        raise InputError(
            "no database to search: give --data-dir, --db name=path, or alignments with --msa; to try it out, --db demo"
        )
    missing = [f"{name} ({one.path})" for name, one in databases.items() if not stored_file(one.path).is_file()]
    if missing:
        raise DatabaseError(f"databases are missing: {', '.join(missing)}; check the paths or run af2cpu db download")
    templates = databases.pop(TEMPLATES, None)
    return DatabaseSet(tuple(databases.values()), templates, *_structures(data_dir))


def _layout_database(data_dir: Path, name: str) -> Database:
    return Database(name, expected_path(data_dir, name), _LAYOUT[name][1])


def _structures(data_dir: Path | None) -> tuple[Path | None, Path | None]:
    if data_dir is None:
        return None, None
    mmcif, obsolete = data_dir / MMCIF, data_dir / _OBSOLETE
    return (mmcif if mmcif.is_dir() else None), (obsolete if obsolete.is_file() else None)
