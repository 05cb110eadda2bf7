# SPDX-License-Identifier: Apache-2.0
"""The databases that AlphaFold 2 searches: their names, files, caps, and AlphaFold's folder layout."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from af2cpu.errors import DatabaseError, InputError
from af2cpu.search.index import PACKED_SUFFIX, fasta_of_packed, stored_file
from af2cpu.search.profile_databases import BFD_UNIREF, LAYOUT, PDB70, ProfileDatabase, layout_profiles
from af2cpu.shipped import shipped


@dataclass(frozen=True)
class Database:
    """A FASTA file to search. `max_rows` is the cap of its alignment, the query counts; None: uncut."""

    name: str
    path: Path
    max_rows: int | None = None


def alignment_file(database: Database | ProfileDatabase) -> str:
    """The name of an alignment in AlphaFold's msas/ folder."""
    return f"{database.name}_hits.{'a3m' if isinstance(database, ProfileDatabase) else 'sto'}"


def hits_file(database: Database | ProfileDatabase) -> str:
    """The name of template hits in AlphaFold's msas/ folder."""
    return HHR_HITS if isinstance(database, ProfileDatabase) else HITS


@dataclass(frozen=True)
class DatabaseSet:
    """The databases of one run. Alignments are joined in the order of `msa`, which is AlphaFold's."""

    msa: tuple[Database | ProfileDatabase, ...]
    templates: Database | ProfileDatabase | None  # pdb_seqres or pdb70
    mmcif: Path | None  # folder with the entries' mmCIF files
    obsolete: Path | None  # the PDB's list of entries and their successors
    pairing: Database | None = None  # uniprot, whose names tell the species: for complexes of different chains

    @property
    def every(self) -> tuple[Database | ProfileDatabase, ...]:
        """All databases that are searched."""
        others = (one for one in (self.pairing, self.templates) if one)
        return (*self.msa, *others)

    @property
    def fasta(self) -> tuple[Database, ...]:
        """Those of sequences, which are indexed."""
        return tuple(database for database in self.every if isinstance(database, Database))

    @property
    def profiles(self) -> tuple[ProfileDatabase, ...]:
        """Those of profiles, which external programs search."""
        return tuple(database for database in self.every if isinstance(database, ProfileDatabase))

    def structures_only(self) -> DatabaseSet:
        """The same without anything to search."""
        return DatabaseSet((), None, self.mmcif, self.obsolete)


# name -> (file in AlphaFold's layout, cap). MGnify's release is part of its name: any is taken, the newest first.
_LAYOUT: Mapping[str, tuple[str, int | None]] = {
    "uniref90": ("uniref90/uniref90.fasta", 10_000),
    "small_bfd": ("small_bfd/bfd-first_non_consensus_sequences.fasta", None),
    "mgnify": ("mgnify/mgy_clusters*.fa", 501),
    "pdb_seqres": ("pdb_seqres/pdb_seqres.txt", None),
    "uniprot": ("uniprot/uniprot.fasta", 50_000),
}
Way = Literal["packed", "plain", "without screen"]  # how a database is read and searched
SCREENED: tuple[Way, ...] = ("packed", "plain")  # HMMER's pipeline sees what passes the native filter
TEMPLATES = "pdb_seqres"
SERVER = "msa_server"  # the name of what an MSA server found
SERVER_ALIGNMENT, SERVER_PAIRED = f"{SERVER}_hits.a3m", f"{SERVER}_paired.a3m"  # in AlphaFold's msas/ folder
PAIRING = "uniprot"
HITS, HHR_HITS = "pdb_hits.sto", "pdb_hits.hhr"  # template hits in AlphaFold's msas/ folder: hmmsearch's, hhsearch's
MMCIF = "pdb_mmcif/mmcif_files"
_OBSOLETE = "pdb_mmcif/obsolete.dat"

_REDUCED = ("uniref90", "small_bfd", "mgnify", TEMPLATES)
_FULL = ("uniref90", BFD_UNIREF, "mgnify", TEMPLATES)
PRESETS: Mapping[str, tuple[str, ...]] = {
    "reduced": _REDUCED,
    "full": _FULL,
    "reduced_dbs": _REDUCED,  # AlphaFold's words
    "full_dbs": _FULL,
}
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


def select(
    data_dir: Path | None,
    preset: str | None,
    options: Sequence[str],
    template_search: str = "hmmsearch",
    *,
    pairs: bool = False,
) -> DatabaseSet:
    """The databases of a run. Those given by name=path replace the preset's of the same name and are added after them;
    `demo` takes the place of data_dir. pairs: whether there is a complex whose chains' rows are paired.

    Raises InputError if nothing is selected, DatabaseError that lists what is missing under data_dir.
    """
    given = parse_databases([option for option in options if option != DEMO])
    if DEMO in options:
        data_dir = shipped("demo_databases")
    if preset is not None and preset not in PRESETS:
        raise InputError(f"--preset {preset}: is none of {', '.join(PRESETS)}")
    if data_dir is None and preset is not None and not given:
        raise InputError(f"--preset {preset}: needs --data-dir, the folder with AlphaFold's databases")
    prefixes = {name: given.pop(name).path for name in LAYOUT if name in given and _is_prefix(given[name])}
    databases: dict[str, Database | ProfileDatabase] = {}
    if data_dir:
        databases |= {name: _layout_database(data_dir, name) for name in PRESETS[preset or "reduced"]}
    if {"bfd", "uniref30"} & set(prefixes):
        databases[BFD_UNIREF] = layout_profiles(data_dir if BFD_UNIREF in databases else None, BFD_UNIREF, prefixes)
    databases |= given
    templates, pairing = databases.pop(TEMPLATES, None), given.get(PAIRING)
    databases.pop(PAIRING, None)
    if pairs and data_dir and not pairing:
        pairing = Database(PAIRING, expected_path(data_dir, PAIRING), _LAYOUT[PAIRING][1])
    if template_search == "none":
        templates = None
    elif template_search == "hhsearch":
        templates = _pdb70(data_dir, given, prefixes)
    elif PDB70 in prefixes:
        raise InputError(f"--db {PDB70}={prefixes[PDB70]}: is searched by hhsearch; add --template-search hhsearch")
    found = DatabaseSet(tuple(databases.values()), templates, *_structures(data_dir), pairing if pairs else None)
    _check(found)
    return found


def _check(found: DatabaseSet) -> None:
    """Raises InputError if there is nothing to search, DatabaseError that lists what is missing."""
    if not found.msa and not found.templates:
        raise InputError(
            "no database to search: give --data-dir, --db name=path, --msa-server URL, or alignments with --msa; to "
            "try it out, --db demo"
        )
    if missing := [text for database in found.every if (text := _missing(database))]:
        unpaired = found.pairing and _missing(found.pairing)
        remedy = f" multimer; without {PAIRING} a complex is predicted with --pairing none" if unpaired else ""
        raise DatabaseError(
            f"databases are missing: {', '.join(missing)}; check the paths or run af2cpu db download{remedy}"
        )


def structures_of(data_dir: Path | None) -> DatabaseSet:
    """The structures in a data folder without anything to search."""
    return DatabaseSet((), None, *_structures(data_dir))


def _is_prefix(given: Database) -> bool:
    """Whether one of the names of hh-suite's databases is given with a prefix, not with a FASTA file."""
    if given.name != PDB70 and given.path.is_file():
        return False
    if given.max_rows is not None:
        raise InputError(
            f"--db {given.name}={given.path}:{given.max_rows}: is no FASTA file; hh-suite's databases have no cap of "
            f"rows, leave :{given.max_rows} out"
        )
    return True


def _pdb70(data_dir: Path | None, given: Mapping[str, Database], prefixes: Mapping[str, Path]) -> ProfileDatabase:
    if TEMPLATES in given:
        raise InputError(
            f"--db {TEMPLATES}={given[TEMPLATES].path}: is searched by hmmsearch; leave out this or --template-search "
            "hhsearch"
        )
    found = layout_profiles(data_dir, PDB70, prefixes)
    if not found.prefixes:
        raise InputError(f"--template-search hhsearch: needs {PDB70}; give --data-dir, or --db {PDB70}=PREFIX")
    return found


def _missing(database: Database | ProfileDatabase) -> str:
    """What a database lacks, in one line; empty if it is complete."""
    if isinstance(database, Database):
        return "" if stored_file(database.path).is_file() else f"{database.name} ({database.path})"
    lacking = database.missing()
    rest = f" and {len(lacking) - 1} other files with such a prefix" if len(lacking) > 1 else ""
    return f"{database.name} ({lacking[0]}{rest})" if lacking else ""


def _layout_database(data_dir: Path, name: str) -> Database | ProfileDatabase:
    if name == BFD_UNIREF:
        return layout_profiles(data_dir, name, {})
    return Database(name, expected_path(data_dir, name), _LAYOUT[name][1])


def _structures(data_dir: Path | None) -> tuple[Path | None, Path | None]:
    if data_dir is None:
        return None, None
    mmcif, obsolete = data_dir / MMCIF, data_dir / _OBSOLETE
    return (mmcif if mmcif.is_dir() else None), (obsolete if obsolete.is_file() else None)
