"""Fetches the PDB's mmCIF files from files.wwpdb.org: all, or only those of template hits, and only when asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from af2cpu.errors import DatabaseError
from af2cpu.search.download import check_space, client, fetch
from af2cpu.search.sources import MMCIF_URL

logger = logging.getLogger(__name__)

_CONNECTIONS = 8
_ENTRY_BYTES = 350_000  # of a packed mmCIF file, on average
_ON_DEMAND = 60  # best hits whose entries are fetched: 20 are taken, some fall to the filters

Progress = Callable[[int, int], None]  # entries done, entries in all


def entries_of(pdb_seqres: Path) -> list[str]:
    """The entries with a protein chain, sorted, from the headers of pdb_seqres.txt."""
    with pdb_seqres.open("rb") as file:
        names = {line[1:5].decode("ascii", "replace").lower() for line in file if _is_protein(line)}
    return sorted(names)


def _is_protein(line: bytes) -> bool:
    return line.startswith(b">") and b"mol:protein" in line


def fetch_missing(entries: Sequence[str], folder: Path) -> None:
    """The structures of the best hits that the folder lacks; one that can't be had is logged and left out."""
    distinct = list(dict.fromkeys(entry.lower() for entry in entries))[:_ON_DEMAND]
    for line in fetch_entries(distinct, folder):
        logger.warning("%s", line)


def fetch_entries(
    entries: Iterable[str], folder: Path, url: str = MMCIF_URL, progress: Progress | None = None
) -> list[str]:
    """Fetches each entry that the folder lacks (.cif or .cif.gz), packed as it comes; the failures, a line each."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [entry for entry in entries if not _is_there(folder, entry)]
    check_space(folder, len(wanted) * _ENTRY_BYTES, f"{len(wanted):,} structures")
    failures = []
    with client() as http, ThreadPoolExecutor(_CONNECTIONS) as pool:
        try:
            for done, failure in enumerate(pool.map(lambda entry: _fetch(http, entry, folder, url), wanted), start=1):
                failures += [failure] if failure else []
                if progress:
                    progress(done, len(wanted))
        finally:
            pool.shutdown(cancel_futures=True)
    return failures


def _is_there(folder: Path, entry: str) -> bool:
    return (folder / f"{entry}.cif").exists() or (folder / f"{entry}.cif.gz").exists()


def _fetch(http: httpx.Client, entry: str, folder: Path, url: str) -> str | None:
    try:
        fetch(http, url.format(entry=entry, middle=entry[1:3]), folder / f"{entry}.cif.gz")
    except DatabaseError as error:
        return f"structure {entry} not fetched: {error}"
    return None
