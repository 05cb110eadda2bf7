"""af2cpu db: index, verify, list and download databases."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from af2cpu.commands.errors import FAILED, one_line
from af2cpu.commands.progress import bars
from af2cpu.cores import available_cores
from af2cpu.errors import DatabaseError, InputError

if TYPE_CHECKING:
    from af2cpu.search.index import Index

app = typer.Typer(no_args_is_help=True, help="Databases: index, verify, list, download.")

_STRUCTURES = "pdb_mmcif"

DATA_DIR = typer.Option(
    "--data-dir", envvar="AF2CPU_DATA_DIR", help="Folder with the databases, as AlphaFold's scripts make it."
)

Threads = Annotated[int | None, typer.Option(min=1, help="Threads; default: all cores of this process.")]


def _print(line: str) -> None:
    Console(highlight=False, soft_wrap=True).print(line, markup=False)


def _summary(path: Path, index: Index) -> str:
    skipped = f", {len(index.skipped)} too long for a search" if index.skipped else ""
    cut = "" if index.ends_with_newline else ", does not end with a line end: cut off?"
    return f"{path}: {index.n_seq:,} sequences, {index.n_res:,} residues{skipped}, hash {index.hash}{cut}"


@app.command("index")
def index_command(paths: Annotated[list[Path], typer.Argument(help="FASTA files.")], threads: Threads = None) -> None:
    """Count a database and write its index beside it (or into the cache); goes on where it was interrupted."""
    from af2cpu.search.indexing import build_index

    with one_line(), bars() as progress:
        for path in paths:
            index = build_index(path, threads or available_cores(), partial(progress, path.name))
            _print(_summary(path, index))


@app.command("verify")
def verify_command(
    paths: Annotated[list[Path], typer.Argument(help="FASTA files with an index.")], threads: Threads = None
) -> None:
    """Read databases and compare them with their index, byte for byte."""
    from af2cpu.search.index import load_index
    from af2cpu.search.indexing import verify

    with one_line(), bars() as progress:
        for path in paths:
            index = load_index(path)
            if index is None:
                raise DatabaseError(f"{path}: has no index; make it with af2cpu db index {path}")
            verify(path, index, threads or available_cores(), partial(progress, path.name))
            _print(f"{_summary(path, index)}: as indexed")


@app.command("list")
def list_command(data_dir: Annotated[Path, DATA_DIR]) -> None:
    """Say what is in a data folder, what is missing, and how large it is."""
    from af2cpu.search.databases import MMCIF, PRESETS, expected_path
    from af2cpu.search.sources import SOURCES

    with one_line():
        for name in PRESETS["reduced"]:
            _print(_listed(name, expected_path(data_dir, name)))
        structures = data_dir / MMCIF
        n_entries = sum(1 for _ in structures.iterdir()) if structures.is_dir() else 0
        _print(
            f"pdb_mmcif   {n_entries:,} structures in {structures}"
            if n_entries
            else f"pdb_mmcif   missing: {structures}"
        )
        obsolete = data_dir / SOURCES["obsolete"].path
        _print(f"obsolete    {'present' if obsolete.is_file() else 'missing'}: {obsolete}")


def _listed(name: str, path: Path) -> str:
    from af2cpu.search.index import load_index
    from af2cpu.search.sources import SOURCES

    if not path.is_file():
        source = SOURCES[name]
        return f"{name:11} missing: {path} (download about {source.packed_gb} GB, {source.unpacked_gb} GB on disk)"
    index = load_index(path)
    size = path.stat().st_size
    if index is None:
        return f"{name:11} {size / 1e9:.2f} GB, not indexed: {path}"
    stale = "" if index.size == size else ", CHANGED since it was indexed"
    return f"{name:11} {size / 1e9:.2f} GB, {index.n_seq:,} sequences{stale}: {path}"


@app.command("download")
def download_command(
    data_dir: Annotated[Path, DATA_DIR],
    names: Annotated[list[str] | None, typer.Argument(help="Databases; default: all of the reduced preset.")] = None,
    mmcif: Annotated[
        str, typer.Option(help="all: every structure of the PDB; on-demand: none now, search --mmcif on-demand does.")
    ] = "all",
) -> None:
    """Fetch databases into AlphaFold's folder layout; run it again to go on after an interruption."""
    from af2cpu.search.databases import MMCIF
    from af2cpu.search.download import client, fetch
    from af2cpu.search.sources import SOURCES

    with one_line(), bars() as progress:
        wanted = names or [*SOURCES, _STRUCTURES]
        unknown = sorted(set(wanted) - set(SOURCES) - {_STRUCTURES})
        if unknown:
            raise InputError(
                f"no database is named {', '.join(unknown)}; there are {', '.join(SOURCES)}, {_STRUCTURES}"
            )
        if mmcif not in {"all", "on-demand"}:
            raise InputError(f"--mmcif {mmcif}: must be all or on-demand")
        with client() as http:
            for name in wanted:
                if name in SOURCES:
                    path = data_dir / SOURCES[name].path
                    unpacked = int(SOURCES[name].unpacked_gb * 1e9)
                    fetch(http, SOURCES[name].url, path, unpacked, partial(progress, name))
                    _print(f"{name}: {path}")
        failures = []
        if _STRUCTURES in wanted:
            (data_dir / MMCIF).mkdir(parents=True, exist_ok=True)
            failures = _all_structures(data_dir, partial(progress, _STRUCTURES)) if mmcif == "all" else []
    if failures:
        raise typer.Exit(FAILED)


def _all_structures(data_dir: Path, progress: Callable[[int, int], None]) -> list[str]:
    from af2cpu.search.databases import MMCIF, expected_path
    from af2cpu.search.structures import entries_of, fetch_entries

    seqres = expected_path(data_dir, "pdb_seqres")
    if not seqres.is_file():
        raise DatabaseError(f"{seqres}: is missing; it lists the structures, download pdb_seqres first")
    failures = fetch_entries(entries_of(seqres), data_dir / MMCIF, progress=progress)
    for failure in failures:
        _print(failure)
    return failures
