# SPDX-License-Identifier: Apache-2.0
"""The index of a FASTA database: counts, shards and hash. The FASTA file itself is not changed."""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import platformdirs

from af2cpu.errors import DatabaseError
from af2cpu.formats.streams import atomic_write
from af2cpu.runs.records import from_json
from af2cpu.search.scan import MAX_TARGET, Skipped

SUFFIX = ".af2cpu-index.json"
PACKED_SUFFIX = ".af2cpu-packed"
FORMAT = 1
_RESIDUES_PER_BYTE = 0.85  # of FASTA files such as UniRef90: the rest is headers and line ends


@dataclass(frozen=True)
class Shard:
    """Consecutive whole records; the counts leave out the skipped records."""

    offset: int  # bytes, in the file
    length: int  # bytes
    n_seq: int
    n_res: int
    hash: str
    skipped: tuple[Skipped, ...] = ()


@dataclass(frozen=True)
class Index:
    """Counts and hash of a FASTA file. n_seq and n_res leave out the records that are too long for a search."""

    size: int  # bytes
    mtime_ns: int
    n_seq: int
    n_res: int
    hash: str  # of the shards' hashes, so of all bytes
    ends_with_newline: bool  # a file that was cut off rarely does
    shards: tuple[Shard, ...]
    nucleotides: bool = False  # whether its first records look like DNA or RNA

    def notes(self, name: str) -> list[str]:
        """A line for each thing that the user should know of the database, which is called `name`."""
        notes = []
        if self.skipped:
            notes.append(f"{name}: {len(self.skipped)} sequences over {MAX_TARGET:,} residues are not searched")
        if not self.ends_with_newline:
            notes.append(f"{name}: the file does not end with a line end; it may have been cut off")
        if self.nucleotides:
            notes.append(f"{name}: looks like DNA or RNA, in which no protein is found; give a FASTA file of proteins")
        return notes

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """Records that are too long for a search."""
        return tuple(record for shard in self.shards for record in shard.skipped)


def make_index(size: int, mtime_ns: int, shards: tuple[Shard, ...], ends_with_newline: bool) -> Index:
    """The index of a file with these shards, which must be all of them, in order."""
    return Index(
        size=size,
        mtime_ns=mtime_ns,
        n_seq=sum(shard.n_seq for shard in shards),
        n_res=sum(shard.n_res for shard in shards),
        hash=hashlib.blake2b("".join(shard.hash for shard in shards).encode(), digest_size=16).hexdigest(),
        ends_with_newline=ends_with_newline,
        shards=shards,
    )


def index_paths(fasta: Path) -> tuple[Path, ...]:
    """Where the index may be: beside the FASTA file, or in the user's cache where that folder can't be written.

    A user without a home folder and XDG_CACHE_HOME has no cache.
    """
    beside = fasta.with_name(fasta.name + SUFFIX)
    try:
        folder = Path(platformdirs.user_cache_dir("af2cpu"))
    except RuntimeError:  # no HOME, and no entry in the list of users
        return (beside,)
    if not folder.is_absolute():  # the same in older versions of platformdirs: ~ is left as it is
        return (beside,)
    place = hashlib.blake2b(os.fsencode(fasta.resolve()), digest_size=8).hexdigest()
    return beside, folder / "indexes" / f"{fasta.name}-{place}{SUFFIX}"


def packed_path(fasta: Path) -> Path:
    """The packed file of a FASTA file, beside it."""
    return fasta.with_name(fasta.name + PACKED_SUFFIX)


def fasta_of_packed(path: Path) -> Path:
    """The FASTA file of a packed file, by their names."""
    return path.with_name(path.name.removesuffix(PACKED_SUFFIX))


def stored_file(fasta: Path) -> Path:
    """The file that has the database: the FASTA file, or its packed file where only that exists."""
    packed = packed_path(fasta)
    return packed if packed.is_file() and not fasta.exists() else fasta


def writable_index_path(fasta: Path) -> Path:
    """The path that a new index is written to; creates the cache folder if that is where it goes.

    Raises DatabaseError where neither folder can be written.
    """
    beside, *cache = index_paths(fasta)
    if os.access(fasta.parent, os.W_OK):
        return beside
    reason = "there is no home folder for a cache"
    if cache:
        try:
            cache[0].parent.mkdir(parents=True, exist_ok=True)
            if os.access(cache[0].parent, os.W_OK):
                return cache[0]
            reason = f"{cache[0].parent}: {os.strerror(errno.EACCES)}"
        except OSError as error:
            reason = f"{cache[0].parent}: {error.strerror}"
    raise DatabaseError(
        f"{fasta}: its index can't be written, neither beside it ({fasta.parent}: not writable) nor in the cache "
        f"({reason}); set XDG_CACHE_HOME to a folder that can be written"
    )


def load_index(fasta: Path) -> Index | None:
    """The newest stored index, or None. Raises DatabaseError if it can't be read."""
    found = [path for path in index_paths(fasta) if os.path.isfile(path)]  # False too where it may not be looked at
    if not found:
        return None
    path = max(found, key=lambda path: path.stat().st_mtime_ns)
    try:
        fields = orjson.loads(path.read_bytes())
        if fields.pop("format") != FORMAT:
            return None
        check = fields.pop("check", None)  # not in older versions' indexes
        if check is not None and check != _checksum(fields):
            raise ValueError("its checksum is another")
        index = from_json(Index, fields)
        _check_sums(index)
        return index
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatabaseError(
            f"{path}: the index is damaged ({error}); make it again with af2cpu db index {fasta}"
        ) from error


def _check_sums(index: Index) -> None:
    """Raises ValueError for shards that leave a gap, or whose counts are not the whole's."""
    end = 0
    for shard in index.shards:
        if shard.offset != end or shard.length < 1:
            raise ValueError(f"a shard begins at byte {shard.offset:,} and not at {end:,}")
        end += shard.length
    whole = make_index(end, index.mtime_ns, index.shards, index.ends_with_newline)
    if replace(whole, nucleotides=index.nucleotides) != index:
        raise ValueError("its shards are not the whole file")


def shard_from(fields: dict[str, Any]) -> Shard:
    """A shard from its JSON fields. Raises ValueError for fields that are none of a shard."""
    return from_json(Shard, fields)


def _checksum(fields: dict[str, Any]) -> str:
    """Of all that an index says: no count of an edited or damaged one is believed."""
    return hashlib.blake2b(orjson.dumps(fields), digest_size=16).hexdigest()


def write_index(index: Index, path: Path) -> None:
    """Writes the index, whole or not at all."""
    fields = asdict(index)
    with atomic_write(path) as file:
        file.write(orjson.dumps({"format": FORMAT, "check": _checksum(fields)} | fields))


def estimated_residues(fasta: Path) -> int:
    """How many residues a search sees, from the index where there is one, else from the size of the file."""
    index = load_index(fasta)
    return index.n_res if index else int(_RESIDUES_PER_BYTE * stored_file(fasta).stat().st_size)
