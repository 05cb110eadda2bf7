"""Makes and verifies the index of a FASTA database.

The file is cut into shards of up to 2 MB, at record boundaries that depend on the file alone, so that they can be
counted on all cores and in any order: an interrupted indexing continues with the shards that are left.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, replace
from pathlib import Path
from typing import BinaryIO

import orjson

from af2cpu import events
from af2cpu.errors import DatabaseError
from af2cpu.formats.streams import naming
from af2cpu.search.index import Index, Shard, load_index, make_index, shard_from, writable_index_path, write_index
from af2cpu.search.scan import BadRecord, scan
from af2cpu.shipped import is_shipped

SHARD_BYTES = 2 << 20  # at most: some 30 ms of search per query, so that all cores end together
_LEAST_SHARD_BYTES = 64 << 10
_SHARDS = 64  # at least, where the file is large enough for it
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
    partial = path.with_name(path.name + ".partial")
    log = _PartialLog(partial, status)
    shards = _count(fasta, status.st_size, log, threads)
    after = fasta.stat()
    if (after.st_size, after.st_mtime_ns) != (status.st_size, status.st_mtime_ns):
        partial.unlink()
        raise DatabaseError(f"{fasta}: changed while it was indexed; run af2cpu db index again when it is complete")
    with fasta.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        ends_with_newline = file.read(1) == b"\n"
    index = make_index(status.st_size, status.st_mtime_ns, shards, ends_with_newline)
    index = replace(index, nucleotides=_holds_nucleotides(fasta))
    write_index(index, path)
    partial.unlink()
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
    status = checked_file(fasta)
    if is_shipped(fasta):
        shards = tuple(_count_shard(fasta, offset, length) for offset, length in _boundaries(fasta, status.st_size))
        return make_index(status.st_size, status.st_mtime_ns, shards, ends_with_newline=True)
    index = load_index(fasta)
    if index is None or (index.size, index.mtime_ns) != (status.st_size, status.st_mtime_ns):
        return None
    return replace(index, nucleotides=_holds_nucleotides(fasta))  # not in older versions' indexes


def verify(fasta: Path, index: Index, threads: int) -> None:
    """Reads all of the file. Raises DatabaseError that says where its contents are not what was indexed."""
    status = checked_file(fasta)
    if status.st_size != index.size:
        raise DatabaseError(f"{fasta}: has {status.st_size:,} bytes and had {index.size:,} when it was indexed")
    done = 0
    with ThreadPoolExecutor(threads) as pool:
        counts = pool.map(lambda shard: (shard, _count_shard(fasta, shard.offset, shard.length)), index.shards)
        for shard, found in counts:
            if found.hash != shard.hash:
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
        remedy = (
            "unpack it" if first.startswith((b"\x1f\x8b", b"BZh", b"PK", b"\x28\xb5\x2f\xfd")) else "check the path"
        )
        raise DatabaseError(f"{fasta}: is not FASTA, its first character is not '>'; {remedy}")
    return status


def _holds_nucleotides(fasta: Path) -> bool:
    """Whether nearly all letters at the beginning of the file are nucleotides'."""
    with fasta.open("rb") as file:
        head = file.read(_PROBE)
    letters = b"".join(line for line in head.splitlines() if not line.startswith(b">")).translate(None, b" \t*")
    others = len(letters.translate(None, _NUCLEOTIDES))
    return len(letters) >= _NUCLEOTIDE_LETTERS and others <= (1 - _NUCLEOTIDE_SHARE) * len(letters)


def _count_shard(fasta: Path, offset: int, length: int) -> Shard:
    """Counts one shard. Raises DatabaseError that names file, record and character."""
    with fasta.open("rb") as file:
        file.seek(offset)
        data = file.read(length)
    try:
        found = scan(data)
    except BadRecord as error:
        place = f"record {error.record + 1}" + (f" after byte {offset:,}" if offset else "")
        raise DatabaseError(f"{fasta}, {place} ({error.header[:60]}): {error.reason}; {error.remedy}") from error
    return Shard(offset, len(data), found.n_seq, found.n_res, found.hash, found.skipped)


def _boundaries(fasta: Path, size: int) -> Iterator[tuple[int, int]]:
    """(offset, length) of each shard: cuts at the first record at or after each multiple of the shard size."""
    step = min(SHARD_BYTES, max(size // _SHARDS, _LEAST_SHARD_BYTES))
    start = 0
    with fasta.open("rb") as file:
        for target in range(step, size, step):
            if target <= start:
                continue
            cut = _next_record(file, target - 1)
            if cut is None:
                break
            yield start, cut - start
            start = cut
    yield start, size - start


def _next_record(file: BinaryIO, place: int) -> int | None:
    """Offset of the first '>' that follows a line end at or after `place`."""
    file.seek(place)
    carried = b""
    while part := file.read(_PROBE):
        text = carried + part
        found = text.find(b"\n>")
        if found >= 0:
            return place - len(carried) + found + 1
        carried, place = text[-1:], place + len(part)
    return None


def _count(fasta: Path, size: int, log: _PartialLog, threads: int) -> tuple[Shard, ...]:
    shards = dict(log.shards)
    running: set[Future[Shard]] = set()
    done = sum(shard.length for shard in shards.values())

    def collect(limit: int) -> None:
        nonlocal running, done
        while len(running) > limit:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                shard = future.result()
                shards[shard.offset] = shard
                log.add(shard)
                done += shard.length
            events.emit("progress", f"index {fasta.name}", done=done, total=size)

    with ThreadPoolExecutor(threads) as pool, log:
        try:
            for offset, length in _boundaries(fasta, size):
                if offset not in shards:
                    running.add(pool.submit(_count_shard, fasta, offset, length))
                    collect(2 * threads)
            collect(0)
        finally:
            pool.shutdown(cancel_futures=True)
    return tuple(shards[offset] for offset in sorted(shards))


class _PartialLog:
    """The shards counted so far, a JSON line each; the first line identifies the file."""

    def __init__(self, path: Path, status: os.stat_result) -> None:
        self._path = path
        self._of = {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "shard_bytes": SHARD_BYTES}
        self.shards = self._read()

    def _read(self) -> dict[int, Shard]:
        if not self._path.exists():
            return {}
        lines = self._path.read_bytes().split(b"\n")[:-1]  # text after the last line end was cut off by a kill
        try:
            if not lines or orjson.loads(lines[0]) != self._of:
                return {}
            return {shard.offset: shard for shard in (shard_from(orjson.loads(line)) for line in lines[1:])}
        except (ValueError, KeyError, TypeError):  # damaged: all is counted again
            return {}

    def __enter__(self) -> None:
        # Written anew, so that a line that a kill cut in half can't be glued to the next.
        lines = [orjson.dumps(self._of), *(orjson.dumps(asdict(shard)) for shard in self.shards.values())]
        self._path.write_bytes(b"".join(line + b"\n" for line in lines))
        self._file = self._path.open("ab", buffering=0)

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def add(self, shard: Shard) -> None:
        with naming(self._path):
            self._file.write(orjson.dumps(asdict(shard)) + b"\n")
