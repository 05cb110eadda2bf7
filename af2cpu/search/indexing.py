# SPDX-License-Identifier: Apache-2.0
"""Makes and verifies the index of a FASTA database. An interrupted indexing continues with the shards that are left."""

from __future__ import annotations

import os
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, replace
from pathlib import Path

from af2cpu import events
from af2cpu.errors import DatabaseError
from af2cpu.formats.streams import sweep_abandoned
from af2cpu.search import shards
from af2cpu.search.index import (
    FORMAT,
    Index,
    Shard,
    load_index,
    make_index,
    shard_from,
    stored_file,
    writable_index_path,
    write_index,
)
from af2cpu.search.partial_log import PartialLog
from af2cpu.shipped import is_shipped

_PROBE = 1 << 16
_NUCLEOTIDES = b"ACGTUNacgtun"
_NUCLEOTIDE_SHARE = 0.95  # of the letters; proteins have a third
_NUCLEOTIDE_LETTERS = 100  # fewer tell nothing


def build_index(fasta: Path, threads: int) -> Index:
    """Counts the file on `threads` cores and writes its index; continues an interrupted run.

    Raises DatabaseError: no such file, empty, unreadable, not FASTA, illegal characters (record and character).
    """
    status = checked_file(fasta)
    path = writable_index_path(fasta)
    sweep_abandoned(path.parent)
    partial = path.with_name(path.name + ".partial")
    job = {"format": FORMAT, "size": status.st_size, "mtime_ns": status.st_mtime_ns, "shard_bytes": shards.SHARD_BYTES}
    log = PartialLog(partial, job)
    counted = _count(fasta, status.st_size, log, threads)
    after = fasta.stat()
    if (after.st_size, after.st_mtime_ns) != (status.st_size, status.st_mtime_ns):
        log.remove()
        raise DatabaseError(f"{fasta}: changed while it was indexed; run af2cpu db index again when it is complete")
    with fasta.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        ends_with_newline = file.read(1) == b"\n"
    index = make_index(status.st_size, status.st_mtime_ns, counted, ends_with_newline)
    index = replace(index, nucleotides=_holds_nucleotides(fasta))
    write_index(index, path)
    log.remove()
    return index


def current_index(fasta: Path, threads: int) -> Index:
    """The index of a file that is still what was indexed; made now if there is none.

    A database that comes with the program is counted each time, and no index is written.
    Size and time are compared; where only the time differs (a copy, a touch) the contents are. Raises DatabaseError
    if the file is missing, broken or has changed.
    """
    index = kept_index(fasta)
    if index is not None:
        return index
    status, index = checked_file(fasta), load_index(fasta)
    if index is None:
        return build_index(fasta, threads)
    if index.size != status.st_size:
        raise DatabaseError(
            f"{fasta}: has {status.st_size:,} bytes and had {index.size:,} when it was indexed; if it is cut off fetch "
            f"it again, if it is a new release run af2cpu db index {fasta}"
        )
    verify(fasta, index, threads)
    index = replace(index, mtime_ns=status.st_mtime_ns, nucleotides=_holds_nucleotides(fasta))
    write_index(index, writable_index_path(fasta))
    return index


def kept_index(fasta: Path) -> Index | None:
    """The index of a file whose size and time are those of its indexing; None if it has to be made or compared.

    A database that came with the program is counted, which is quick. Raises DatabaseError as `current_index`.
    """
    if stored_file(fasta) != fasta:
        return _packed_index(fasta)
    status = checked_file(fasta)
    if is_shipped(fasta):
        counted = tuple(_counted(fasta, *place) for place in shards.boundaries(fasta, status.st_size))
        return make_index(status.st_size, status.st_mtime_ns, counted, ends_with_newline=True)
    index = load_index(fasta)
    if index is None or (index.size, index.mtime_ns) != (status.st_size, status.st_mtime_ns):
        return None
    return replace(index, nucleotides=_holds_nucleotides(fasta))  # not in older versions' indexes


def _packed_index(fasta: Path) -> Index:
    """The index of a database of which only the packed file is stored."""
    index = load_index(fasta)
    if index is None:
        raise DatabaseError(
            f"{fasta}: only its packed file is stored, and the index that belongs to it is missing; fetch the database "
            "again and run af2cpu db pack"
        )
    return index


def verify(fasta: Path, index: Index, threads: int) -> None:
    """Reads all of the file. Raises DatabaseError that says where its contents are not what was indexed."""
    status = checked_file(fasta)
    if status.st_size != index.size:
        raise DatabaseError(f"{fasta}: has {status.st_size:,} bytes and had {index.size:,} when it was indexed")
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        counts = pool.map(lambda shard: (shard, _counted(fasta, shard.offset, shard.length)), index.shards)
        for shard, found in counts:
            if found != shard:
                raise DatabaseError(
                    f"{fasta}: bytes {shard.offset:,} to {shard.offset + shard.length:,} have changed since it was "
                    f"indexed; fetch it again, or if the change is meant run af2cpu db index {fasta}"
                )
            done += shard.length
            events.emit("progress", f"read {fasta.name}", done=done, total=index.size)


def checked_file(fasta: Path) -> os.stat_result:
    """The file's status. Raises DatabaseError if it is missing, no file, empty, unreadable or no FASTA."""
    try:
        status = fasta.stat()
        with fasta.open("rb") as file:
            first = file.read(_PROBE).lstrip()
    except OSError as error:
        raise DatabaseError(
            f"{fasta}: the database can't be read ({error.strerror}); check the path or fetch it: af2cpu db download"
        ) from error
    if not first:
        raise DatabaseError(f"{fasta}: the database is empty; fetch it again: af2cpu db download")
    if not first.startswith(b">"):
        remedy = "check the path"
        if first.startswith((b"\x1f\x8b", b"BZh", b"PK", b"\x28\xb5\x2f\xfd")):
            packs = fasta.suffix == ".gz"
            remedy = "unpack it" + packs * f", or run af2cpu db pack {fasta} and give {fasta.with_suffix('')}"
        raise DatabaseError(f"{fasta}: is not FASTA, its first character is not '>'; {remedy}")
    return status


def _holds_nucleotides(fasta: Path) -> bool:
    with fasta.open("rb") as file:
        return holds_nucleotides(file.read(_PROBE))


def holds_nucleotides(head: bytes) -> bool:
    """Whether nearly all letters at the beginning of a file are nucleotides'."""
    lines = head[:_PROBE].splitlines()
    letters = b"".join(line for line in lines if not line.startswith(b">")).translate(None, b" \t*")
    others = len(letters.translate(None, _NUCLEOTIDES))
    return len(letters) >= _NUCLEOTIDE_LETTERS and others <= (1 - _NUCLEOTIDE_SHARE) * len(letters)


def _counted(fasta: Path, offset: int, length: int) -> Shard:
    return shards.count_shard(fasta, offset, shards.read_shard(fasta, offset, length))


def _count(fasta: Path, size: int, log: PartialLog, threads: int) -> tuple[Shard, ...]:
    found = {shard.offset: shard for shard in map(shard_from, log.done)}
    running: set[Future[Shard]] = set()
    done = sum(shard.length for shard in found.values())

    def collect(limit: int) -> None:
        nonlocal running, done
        while len(running) > limit:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                shard = future.result()
                found[shard.offset] = shard
                log.add(asdict(shard))
                done += shard.length
            events.emit("progress", f"index {fasta.name}", done=done, total=size)

    with ThreadPoolExecutor(threads) as pool, log:
        try:
            for offset, length in shards.boundaries(fasta, size):
                if offset not in found:
                    running.add(pool.submit(_counted, fasta, offset, length))
                    collect(2 * threads)
            collect(0)
        finally:
            pool.shutdown(cancel_futures=True)
    return tuple(found[offset] for offset in sorted(found))
