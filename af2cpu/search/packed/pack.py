# SPDX-License-Identifier: Apache-2.0
"""Makes a packed database from a FASTA file, or from a .gz file without unpacking it to the disk.

One pass on all cores with bounded memory: the shards of a chunk are read and digitised, its targets sorted and packed.
An interrupted run continues after the last whole chunk. The file appears when it is complete.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from af2cpu import events
from af2cpu.download import check_space
from af2cpu.errors import DatabaseError, InputError
from af2cpu.formats.streams import name_of, naming
from af2cpu.ops import isa
from af2cpu.search.blocks import LANES, Lanes, arrange, offsets
from af2cpu.search.index import Index, Shard, load_index, packed_path, shard_from, writable_index_path, write_index
from af2cpu.search.packed import layout, shard_texts
from af2cpu.search.packed.layout import GROUP_BYTES, GROUP_ROWS, Origin, Piece, open_packed
from af2cpu.search.partial_log import PartialLog
from af2cpu.search.shards import SHARD_BYTES, kept_ranges

CHUNK_SHARDS = 64  # about 128 MB of FASTA, whose targets are sorted together
PIECE_BYTES = 4 << 20  # of residues, a byte each: what a thread searches at a time
_WAITING = 2  # shards in memory for each thread
_FASTA_SHARE, _GZ_SHARE = 0.65, 1.1  # packed file by its source, at least; about 0.74 of FASTA, 1.4 of .gz


@dataclass(frozen=True)
class _Digital:
    """A shard, ready to be packed."""

    shard: Shard
    residues: np.ndarray  # uint8
    lengths: np.ndarray  # int64, of each target
    entries: bytes  # the targets' headers as they are stored
    places: np.ndarray  # int64: where each header starts in entries


def pack(source: Path, threads: int) -> tuple[Path, Index, bool]:
    """Packs a FASTA file, or one in a .gz file; writes its index too if it has none.

    Returns the FASTA file's path, its index, and whether it was packed now: a current packed file is left alone. Raises
    DatabaseError as indexing does, InputError where there are no native kernels.
    """
    if not isa.built():
        raise InputError(
            "af2cpu db pack: this installation has no kernels; install again where there is a C++ compiler"
        )
    with shard_texts.open_source(source, threads) as texts:
        index = _current(texts)
        if index:
            return texts.fasta, index, False
        return texts.fasta, _pack(texts, threads), True


def _current(texts: shard_texts.ShardTexts) -> Index | None:
    """The index of a source whose packed file is of this very source."""
    try:
        found = open_packed(texts.fasta)
    except DatabaseError as error:
        events.emit("warning", f"{error}; it is made again now")
        return None
    index = texts.index or load_index(texts.fasta)
    same = found and index and found.origin.hash == index.hash
    if texts.index is None and found:
        same = same and found.origin.source == texts.identity
    return index if same else None


def _pack(texts: shard_texts.ShardTexts, threads: int) -> Index:
    path = packed_path(texts.fasta)
    partial = path.with_name(path.name + ".partial")
    with naming(partial), _locked(partial, texts.fasta) as file:
        job = {"format": layout.VERSION, "source": texts.identity, "sizes": [SHARD_BYTES, CHUNK_SHARDS, PIECE_BYTES]}
        log = PartialLog(path.with_name(partial.name + ".log"), job)
        if log.done and file.seek(0, os.SEEK_END) < log.done[-1]["end"]:  # the parts were removed, the log was not
            log.done = []
        share = _GZ_SHARE if texts.source.suffix == ".gz" else _FASTA_SHARE
        needed = share * texts.status.st_size - (log.done[-1]["end"] if log.done else 0)
        check_space(path.parent, needed, f"{name_of(path)}: the packed database")
        with log:
            pieces, counted = _add_chunks(file, texts, log, threads)
        index = texts.finished(counted)
        origin = Origin(index.size, index.hash, index.n_seq, index.n_res, texts.identity)
        layout.write_end(file, origin, pieces)
        file.flush()
        os.fsync(file.fileno())
        if texts.index is None:
            write_index(index, writable_index_path(texts.fasta))
        partial.replace(path)
    log.remove()
    return index


@contextmanager
def _locked(partial: Path, fasta: Path) -> Iterator[BinaryIO]:
    with os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatabaseError(f"{name_of(fasta)}: is being packed by another process; wait for it") from error
        yield file


def _add_chunks(
    file: BinaryIO, texts: shard_texts.ShardTexts, log: PartialLog, threads: int
) -> tuple[list[Piece], tuple[Shard, ...]]:
    """Packs the chunks that an earlier run has not. All pieces, all shards."""
    pieces, counted = _continued(file, log)
    with ThreadPoolExecutor(threads) as pool:
        for chunk in _chunks(texts, len(counted), pool, _WAITING * threads):
            made, found = _write_chunk(file, chunk, pool), [digital.shard for digital in chunk]
            pieces += made
            counted += found
            log.add({"end": file.tell(), "pieces": [*map(astuple, made)], "shards": [*map(asdict, found)]})
    return pieces, tuple(counted)


def _continued(file: BinaryIO, log: PartialLog) -> tuple[list[Piece], list[Shard]]:
    """What an earlier run has packed; the file ends after it."""
    file.truncate(log.done[-1]["end"] if log.done else 0)
    if file.seek(0, os.SEEK_END) == 0:
        file.write(layout.MAGIC.ljust(layout.ALIGNMENT, b"\0"))
    pieces = [Piece(*row) for entry in log.done for row in entry["pieces"]]
    return pieces, [shard_from(shard) for entry in log.done for shard in entry["shards"]]


def _chunks(texts: shard_texts.ShardTexts, n_done: int, pool: Executor, waiting: int) -> Iterator[list[_Digital]]:
    """The shards after the first n_done, CHUNK_SHARDS at a time, digitised on all cores."""
    name = f"pack {texts.fasta.name}"
    shards = islice(texts, n_done, None)
    while True:
        chunk: list[_Digital] = []
        wanted = CHUNK_SHARDS
        while wanted and (batch := list(islice(shards, min(wanted, waiting)))):
            chunk += pool.map(lambda text: _digital(texts, text), batch)
            wanted -= len(batch)
            events.emit("progress", name, done=texts.done, total=texts.status.st_size)
        if not chunk:
            return
        yield chunk


def _digital(texts: shard_texts.ShardTexts, text: shard_texts.ShardText) -> _Digital:
    shard, data = texts.counted(text)
    kept = b"".join(memoryview(data)[start:end] for start, end in kept_ranges(shard)) if shard.skipped else data
    letters = np.frombuffer(kept, np.uint8)
    residues = np.empty(len(kept), np.uint8)
    records, bad = isa.kernels().digitise(letters, residues)
    n_res = int(records[-1, 2]) if bad < 0 and len(records) else -1
    if (len(records) - 1, n_res) != (shard.n_seq, shard.n_res):  # `scan` and the native reader differ
        raise AssertionError(
            f"{texts.fasta}, shard at byte {shard.offset}: {len(records) - 1} records, {n_res} residues"
        )
    starts, ends = np.ascontiguousarray(records[:-1, 0]), np.ascontiguousarray(records[:-1, 1])
    entries, places = isa.kernels().header_entries(letters, starts, ends)
    return _Digital(shard, residues[:n_res].copy(), np.diff(records[:, 2]), entries, places)


def _write_chunk(file: BinaryIO, chunk: Sequence[_Digital], pool: Executor) -> list[Piece]:
    residues = np.concatenate([digital.residues for digital in chunk])
    lengths = np.concatenate([digital.lengths for digital in chunk])
    bases = offsets(np.array([len(digital.entries) for digital in chunk]))
    places = np.concatenate([base + digital.places for base, digital in zip(bases, chunk, strict=True)])
    lanes, starts = arrange(lengths), offsets(lengths)
    cuts = _piece_cuts(lanes.rows)
    parts = [Lanes(lanes.targets[a:b], lanes.lengths[a:b]) for a, b in pairwise(cuts)]
    made = pool.map(lambda part: _packed(part, residues, starts, places), parts)
    begin = file.tell()
    sizes = [_size_of(part) for part in parts]
    headers = begin + sum(sizes)
    pieces = []
    for part, size, (tables, blocks) in zip(parts, sizes, made, strict=True):
        checksum = zlib.crc32(tables)
        n_targets, n_res = int(np.count_nonzero(part.lengths)), int(part.lengths.sum())
        n_groups = len(blocks) // GROUP_BYTES
        pieces.append(Piece(file.tell(), len(part.lengths), n_groups, n_targets, n_res, headers, checksum))
        assert len(tables) + len(blocks) == size == pieces[-1].n_bytes
        file.write(tables)
        file.write(blocks.data)
    for digital in chunk:
        file.write(digital.entries)
    file.write(bytes(-file.tell() % layout.ALIGNMENT))
    file.flush()
    return pieces


def _groups(lanes: Lanes) -> np.ndarray:
    return -(-lanes.rows.astype(np.int64) // GROUP_ROWS)


def _piece_cuts(rows: np.ndarray) -> list[int]:
    """Borders of pieces, in blocks: as many blocks as PIECE_BYTES hold, one at least."""
    cuts, size = [0], 0
    for block, n_bytes in enumerate((rows.astype(np.int64) * LANES).tolist()):
        if size and size + n_bytes > PIECE_BYTES:
            cuts.append(block)
            size = 0
        size += n_bytes
    return [*cuts, len(rows)] if len(rows) else cuts


def _size_of(part: Lanes) -> int:
    return Piece(0, len(part.lengths), int(_groups(part).sum()), 0, 0, 0, 0).n_bytes


def _packed(part: Lanes, residues: np.ndarray, starts: np.ndarray, places: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Tables and blocks of a piece, as they are stored."""
    sizes = _groups(part) * GROUP_BYTES
    blocks = np.empty(int(sizes.sum()), np.uint8)
    checksums = np.empty(len(sizes), np.uint64)
    isa.kernels().pack_blocks(residues, part.starts(starts), part.lengths, offsets(sizes), blocks, checksums)
    headers = part.starts(places)
    tables = checksums.astype("<u8").tobytes() + part.lengths.astype("<i4").tobytes() + headers.astype("<u4").tobytes()
    return tables.ljust(layout.aligned(len(tables)), b"\0"), blocks
