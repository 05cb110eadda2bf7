# SPDX-License-Identifier: Apache-2.0
"""af2cpu db: index, pack, verify, list and download databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from af2cpu.commands.console import print_line
from af2cpu.commands.errors import FAILED, one_line
from af2cpu.commands.help import Commands
from af2cpu.commands.listeners import showing_results
from af2cpu.commands.paths import path as as_path
from af2cpu.cores import available_cores
from af2cpu.errors import DatabaseError, InputError

if TYPE_CHECKING:
    from af2cpu.search.index import Index

app = Commands(no_args_is_help=True, help="Databases: index, pack, verify, list, download.")

_STRUCTURES = "pdb_mmcif"
_MULTIMER = "multimer"  # AlphaFold's word for what predicts complexes

DATA_DIR = typer.Option(
    "--data-dir",
    parser=as_path,
    envvar="AF2CPU_DATA_DIR",
    metavar="FOLDER",
    help="Folder with the databases, as AlphaFold's scripts make it.",
)

Threads = Annotated[
    int | None,
    typer.Option(min=1, metavar="NUMBER", help="Number of threads. Default: all cores that the process may use."),
]


def _summary(path: Path, index: Index) -> str:
    skipped = f", {len(index.skipped)} too long for a search" if index.skipped else ""
    cut = "" if index.ends_with_newline else ", does not end with a line end: cut off?"
    return f"{path}: {index.n_seq:,} sequences, {index.n_res:,} residues{skipped}, hash {index.hash}{cut}"


@app.command("index")
def index_command(
    paths: Annotated[list[Path], typer.Argument(metavar="FILES", parser=as_path, help="FASTA files.")],
    threads: Threads = None,
    pack: Annotated[bool, typer.Option("--pack", help="Also make the packed file, as af2cpu db pack does.")] = False,
) -> None:
    """Count a database and write its index beside it (or into the cache); continues an interrupted run."""
    from af2cpu.search.indexing import build_index

    with one_line(), showing_results():
        for path in paths:
            index = build_index(path, threads or available_cores())
            print_line(_summary(path, index))
            if pack:
                _pack(path, threads)


@app.command("pack")
def pack_command(
    paths: Annotated[
        list[Path], typer.Argument(metavar="FILES", parser=as_path, help="FASTA files, or .gz files of them.")
    ],
    threads: Threads = None,
) -> None:
    """Make a packed file beside a database, which is searched faster; continues an interrupted run.

    The packed file has sequences, names and descriptions, about 3/4 of the size
    of the FASTA file. A .gz file is packed without unpacking it to the disk,
    and the FASTA file is not needed then.

    Example: af2cpu db pack /data/uniref90/uniref90.fasta
    """
    with one_line(), showing_results():
        for path in paths:
            _pack(path, threads)


def _pack(path: Path, threads: int | None) -> None:
    from af2cpu.search.index import packed_path
    from af2cpu.search.packed.pack import pack

    fasta, index, made = pack(path, threads or available_cores())
    packed = packed_path(fasta)
    state = "packed" if made else "packed already"
    print_line(f"{packed}: {index.n_seq:,} sequences {state}, {packed.stat().st_size / 1e9:.2f} GB")


@app.command("verify")
def verify_command(
    paths: Annotated[list[Path], typer.Argument(metavar="FILES", parser=as_path, help="FASTA files with an index.")],
    threads: Threads = None,
) -> None:
    """Read databases and compare them with their index, byte for byte, and packed files with their checksums."""
    from af2cpu.search.index import load_index, stored_file
    from af2cpu.search.indexing import verify
    from af2cpu.search.packed.verify import verify_packed
    from af2cpu.search.targets import current_packed

    with one_line(), showing_results():
        for path in paths:
            index = load_index(path)
            if index is None:
                raise DatabaseError(f"{path}: has no index; make it with af2cpu db index {path}")
            if stored_file(path) == path:
                verify(path, index, threads or available_cores())
                print_line(f"{_summary(path, index)}: as indexed")
            if packed := current_packed(path, index):
                verify_packed(packed, threads or available_cores())
                print_line(f"{packed.path}: as packed")


@app.command("list")
def list_command(data_dir: Annotated[Path, DATA_DIR]) -> None:
    """Say what is in a data folder, what is missing, and how large it is."""
    from af2cpu.search.databases import MMCIF, PAIRING, PRESETS
    from af2cpu.search.profile_databases import LAYOUT
    from af2cpu.search.sources import SOURCES

    with one_line():
        for name in PRESETS["reduced"]:
            print_line(_listed(data_dir, name))
        print_line(_listed(data_dir, PAIRING))
        for name in LAYOUT:
            print_line(_listed_profiles(data_dir, name))
        structures = data_dir / MMCIF
        n_entries = sum(path.suffix in {".cif", ".gz"} for path in structures.glob("*.cif*"))
        print_line(
            f"pdb_mmcif   {n_entries:,} structures in {structures}"
            if n_entries
            else f"pdb_mmcif   missing: {structures}"
        )
        obsolete = data_dir / SOURCES["obsolete"].path
        print_line(f"obsolete    {'present' if obsolete.is_file() else 'missing'}: {obsolete}")


def _listed(data_dir: Path, name: str) -> str:
    from af2cpu.search.databases import expected_path
    from af2cpu.search.index import load_index, stored_file
    from af2cpu.search.sources import SOURCES

    path = expected_path(data_dir, name)
    if not stored_file(path).is_file():
        optional = "optional, for complexes of different chains; " if SOURCES[name].optional else ""
        return f"{name:11} {optional}missing: {path} ({_offer(data_dir, name)})"
    index = load_index(path)
    size = stored_file(path).stat().st_size
    if index is None:
        return f"{name:11} {size / 1e9:.2f} GB, not indexed: {path}"
    stale = ", CHANGED since it was indexed" if path.exists() and index.size != size else ""
    return f"{name:11} {size / 1e9:.2f} GB, {index.n_seq:,} sequences{stale}, {_packed_state(path, index)}: {path}"


def _packed_state(path: Path, index: Index) -> str:
    """Whether a database has a packed file, in words."""
    from af2cpu.search.packed import open_packed

    try:
        packed = open_packed(path)
    except DatabaseError:
        return "packed file DAMAGED"
    if packed is None:
        return "not packed"
    if packed.origin.hash != index.hash:
        return "packed file of ANOTHER VERSION"
    return "packed" if path.exists() else "packed, without the FASTA file"


def _listed_profiles(data_dir: Path, name: str) -> str:
    """A database of profiles, for --preset full or --template-search hhsearch."""
    from af2cpu.search.profile_databases import expected_prefix, files_of, missing_files

    prefix = expected_prefix(data_dir, name)
    missing = missing_files(prefix)
    if missing:
        return f"{name:11} optional, missing: {missing[0]} ({_offer(data_dir, name)})"
    size = sum(path.stat().st_size for path in files_of(prefix))
    return f"{name:11} {size / 1e9:.2f} GB: {prefix}"


def _offer(data_dir: Path, name: str) -> str:
    """How to get a database that is missing, and its sizes."""
    from af2cpu.search.sources import SOURCES

    source = SOURCES[name]
    begun = f", {fetched / 1e9:.4g} GB of it are there" if (fetched := source.fetched(data_dir)) else ""
    return f"af2cpu db download {name}: about {source.packed_gb} GB{begun}, {source.unpacked_gb} GB on disk"


@app.command("download")
def download_command(
    data_dir: Annotated[Path, DATA_DIR],
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAMES",
            help="Names of databases, such as uniref90; uniprot, which pairs the chains of complexes; or bfd, uniref30 "
            "and pdb70 for hh-suite's programs. multimer means all of the reduced preset and uniprot. Default: all of "
            "the reduced preset.",
        ),
    ] = None,
    mmcif: Annotated[
        str,
        typer.Option(
            metavar="all|on-demand",
            help="Structures to download: all of the PDB, or on-demand: none now, the search fetches those it needs.",
        ),
    ] = "all",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be downloaded.")] = False,
) -> None:
    """Download databases into AlphaFold's folder layout; continues an interrupted download.

    It prints sizes, free space and time before it starts.

    Example: af2cpu db download uniref90 --data-dir /data/alphafold
    """
    from af2cpu.download import client, exclusive
    from af2cpu.search.databases import MMCIF
    from af2cpu.search.sources import SOURCES, fetch_source

    failures: list[str] = []
    with one_line(), showing_results():
        wanted = _wanted(names, mmcif)
        _announce(data_dir, wanted, all_structures=mmcif == "all")
        if dry_run:
            return
        with exclusive(data_dir), client() as http:
            for name in wanted:
                if name in SOURCES:
                    fetch_source(http, SOURCES[name], data_dir)
                    print_line(f"{name}: {data_dir / SOURCES[name].path}")
            if _STRUCTURES in wanted:
                (data_dir / MMCIF).mkdir(parents=True, exist_ok=True)
                failures = _all_structures(data_dir) if mmcif == "all" else []
    if failures:
        raise typer.Exit(FAILED)


def _wanted(names: list[str] | None, mmcif: str) -> list[str]:
    from af2cpu.search.databases import PAIRING
    from af2cpu.search.sources import SOURCES

    reduced = [*(name for name in SOURCES if not SOURCES[name].optional), _STRUCTURES]
    sets = {_MULTIMER: [*reduced, PAIRING]}
    wanted = list(dict.fromkeys(one for name in names or reduced for one in sets.get(name, [name])))
    unknown = sorted(set(wanted) - set(SOURCES) - {_STRUCTURES})
    if unknown:
        raise InputError(
            f"no database is named {', '.join(unknown)}; there are {', '.join(SOURCES)}, {_STRUCTURES}, and "
            f"{_MULTIMER} for those of the reduced preset and {PAIRING}"
        )
    if mmcif not in {"all", "on-demand"}:
        raise InputError(f"--mmcif {mmcif}: must be all or on-demand")
    return wanted


def _announce(data_dir: Path, wanted: list[str], *, all_structures: bool) -> None:
    """Sizes, free space and time, from the table of sources. Raises DownloadError if it can't all fit."""
    from af2cpu.download import check_space, outlook

    fetched, kept, most_packed = 0.0, 0.0, 0.0
    for name, path, packed, unpacked in _lacking(data_dir, wanted, all_structures=all_structures):
        print_line(f"{name:11} about {packed / 1e9:.4g} GB to fetch, {unpacked / 1e9:.4g} GB on disk: {path}")
        fetched, kept = fetched + packed, kept + unpacked
        most_packed = max(most_packed, packed if unpacked > packed else 0.0)  # gone once it is unpacked
    if fetched:
        needed = kept + most_packed
        print_line(f"in all about {outlook(fetched, data_dir)}; {needed / 1e9:.4g} GB on disk at the most")
        check_space(data_dir, needed, "the databases together")


def _lacking(data_dir: Path, wanted: list[str], *, all_structures: bool) -> Iterator[tuple[str, Path, float, float]]:
    """(name, path, bytes still to fetch, bytes once unpacked) of what is still missing, about."""
    from af2cpu.search.databases import MMCIF
    from af2cpu.search.index import stored_file
    from af2cpu.search.sources import SOURCES

    for name in wanted:
        if name in SOURCES:
            source = SOURCES[name]
            path = data_dir / source.path
            if source.is_complete(data_dir):
                print_line(f"{name:11} there already: {stored_file(path)}")
                continue
            yield name, path, max(source.packed_gb * 1e9 - source.fetched(data_dir), 0.0), source.unpacked_gb * 1e9
        elif all_structures:
            size = _structures_bytes(data_dir)
            yield name, data_dir / MMCIF, size, size


def _structures_bytes(data_dir: Path) -> float:
    """Of the structures that are lacking, about; all of them before their list is fetched."""
    from af2cpu.search.databases import MMCIF, expected_path
    from af2cpu.search.sources import STRUCTURES_GB
    from af2cpu.search.structures import ENTRY_BYTES, entries_of, lacking_entries

    seqres = expected_path(data_dir, "pdb_seqres")
    if not seqres.is_file():
        return STRUCTURES_GB * 1e9
    return ENTRY_BYTES * len(lacking_entries(entries_of(seqres), data_dir / MMCIF))


def _all_structures(data_dir: Path) -> list[str]:
    from af2cpu.search.databases import MMCIF, expected_path
    from af2cpu.search.structures import entries_of, fetch_entries

    seqres = expected_path(data_dir, "pdb_seqres")
    if not seqres.is_file():
        raise DatabaseError(f"{seqres}: is missing; it lists the structures, download pdb_seqres first")
    failures = fetch_entries(entries_of(seqres), data_dir / MMCIF)
    for failure in failures:
        print_line(failure)
    return failures
