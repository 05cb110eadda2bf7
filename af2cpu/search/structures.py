# SPDX-License-Identifier: Apache-2.0
"""Fetches the PDB's mmCIF files from files.wwpdb.org: all, or only those of template hits, and only when asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from af2cpu import events
from af2cpu.download import check_space, client, exclusive, fetch
from af2cpu.errors import DownloadError
from af2cpu.search.sources import MMCIF_URL

_CONNECTIONS = 8
_ENTRY = re.compile(r"[0-9a-z_]+")  # of a list that came from a server: part of an address and of a file's name
ENTRY_BYTES = 350_000  # of a packed mmCIF file, on average
_ON_DEMAND = 60  # best hits whose entries are fetched: 20 are taken, some fall to the filters


def entries_of(pdb_seqres: Path) -> list[str]:
    """The entries with a protein chain, sorted, from the headers of pdb_seqres.txt."""
    with pdb_seqres.open("rb") as file:
        names = {line[1:5].decode("ascii", "replace").lower() for line in file if _is_protein(line)}
    return sorted(names)


def _is_protein(line: bytes) -> bool:
    return line.startswith(b">") and b"mol:protein" in line


def best_entries(entries: Sequence[str]) -> list[str]:
    """The entries of the best hits, which are fetched on demand."""
    return list(dict.fromkeys(entry.lower() for entry in entries))[:_ON_DEMAND]


def fetch_entries(entries: Iterable[str], folder: Path, url: str = MMCIF_URL) -> list[str]:
    """Fetches each entry that the folder lacks (.cif or .cif.gz), packed as it comes; the failures, a line each."""
    lacking = lacking_entries(entries, folder)
    if not lacking:
        return []
    with exclusive(folder, wait=True):
        wanted = lacking_entries(lacking, folder)  # another search may have fetched some meanwhile
        check_space(folder, len(wanted) * ENTRY_BYTES, f"{len(wanted):,} structures")
        return _fetch_all(wanted, folder, url)


def lacking_entries(entries: Iterable[str], folder: Path) -> list[str]:
    """The entries of which the folder has neither .cif nor .cif.gz."""
    return [e for e in entries if not (folder / f"{e}.cif").exists() and not (folder / f"{e}.cif.gz").exists()]


def _fetch_all(wanted: Sequence[str], folder: Path, url: str) -> list[str]:
    failures = []
    with client() as http, ThreadPoolExecutor(_CONNECTIONS) as pool:
        try:
            for done, failure in enumerate(pool.map(lambda entry: _fetch(http, entry, folder, url), wanted), start=1):
                failures += [failure] if failure else []
                events.emit("progress", "structures", done=done, total=len(wanted))
        finally:
            pool.shutdown(cancel_futures=True)
    return failures


def _fetch(http: httpx.Client, entry: str, folder: Path, url: str) -> str | None:
    if not _ENTRY.fullmatch(entry):
        return f"structure {entry!r} not fetched: no name of an entry"
    try:
        fetch(http, url.format(entry=entry, middle=entry[1:3]), folder / f"{entry}.cif.gz")
    except DownloadError as error:
        return f"structure {entry} not fetched: {error}"
    return None
