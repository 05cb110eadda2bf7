"""Reading a shard: its bytes are copied to memory, and pyhmmer parses them there without the interpreter's lock.

For few queries a search streams each shard (parse and search in one loop in C, which scales over any number of cores);
for many the shard is parsed once into blocks that all queries share.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pyhmmer.easel import Alphabet, DigitalSequence, DigitalSequenceBlock, SequenceFile

from af2cpu.errors import DatabaseError
from af2cpu.formats.streams import naming
from af2cpu.search.index import Shard

BLOCK_SEQUENCES = 4096  # per block: a few MB of targets, so that they stay in the cache while all queries see them
_POOL_BYTES = 64 << 20  # above this a reader's sequence objects, which only ever grow, are made anew

_HAS_MEMFD = hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir()


class ShardReader:
    """Opens the shards of one FASTA file, one after the other. One per thread; a context manager."""

    def __init__(self, fasta: Path, alphabet: Alphabet) -> None:
        self.fasta = fasta
        self._alphabet = alphabet
        self._pool: list[DigitalSequence] = []
        self._pool_bytes = 0
        self._stack = ExitStack()

    def __enter__(self) -> ShardReader:
        self._source = self._stack.enter_context(self.fasta.open("rb")).fileno()
        self._memory, self._path = self._stack.enter_context(_memory_file())
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def load(self, shard: Shard) -> str:
        """A path under which the shard's records can be read, without the skipped ones, until the next is loaded."""
        os.lseek(self._memory, 0, os.SEEK_SET)
        copied = 0
        with naming(self.fasta):
            for start, end in _kept_ranges(shard):
                _copy(self._source, self._memory, start, end, self.fasta)
                copied += end - start
        os.ftruncate(self._memory, copied)  # the same pages serve every shard: fresh ones would have to be zeroed
        return self._path

    def sequences(self, path: str) -> SequenceFile[DigitalSequence]:
        """The records under `path`, to be searched as a stream."""
        return SequenceFile(path, format="fasta", digital=True, alphabet=self._alphabet)

    def blocks(self, path: str) -> Iterator[DigitalSequenceBlock]:
        """The records under `path` in blocks. The next block overwrites the last: its objects are used again."""
        with self.sequences(path) as file:
            while True:
                filled = self._fill(file)
                if filled:
                    yield DigitalSequenceBlock(self._alphabet, self._pool[:filled])
                if filled < BLOCK_SEQUENCES:
                    return

    def _fill(self, file: SequenceFile[DigitalSequence]) -> int:
        if self._pool_bytes > _POOL_BYTES:
            self._pool, self._pool_bytes = [], 0
        if not self._pool:
            self._pool = [DigitalSequence(self._alphabet) for _ in range(BLOCK_SEQUENCES)]
        read = file.readinto
        for filled, sequence in enumerate(self._pool):
            sequence.clear()
            if read(sequence) is None:
                return filled
        self._pool_bytes += sum(map(len, self._pool))  # an upper bound of how much the objects have grown
        return BLOCK_SEQUENCES


def _kept_ranges(shard: Shard) -> Iterator[tuple[int, int]]:
    """Stretches of the file, start and end, of the records that are not skipped."""
    start = shard.offset
    for record in shard.skipped:
        yield start, shard.offset + record.offset
        start = shard.offset + record.offset + record.length
    yield start, shard.offset + shard.length


@contextmanager
def _memory_file() -> Iterator[tuple[int, str]]:
    if _HAS_MEMFD:
        file = os.memfd_create("af2cpu-shard", os.MFD_CLOEXEC)
        try:
            yield file, f"/proc/self/fd/{file}"
        finally:
            os.close(file)
    else:  # other systems: a temporary file, which the kernel keeps in memory too unless it is short of it
        with tempfile.NamedTemporaryFile(prefix="af2cpu-shard-", suffix=".fasta") as named:
            yield named.fileno(), named.name


def _copy(source: int, target: int, start: int, end: int, fasta: Path) -> None:
    while start < end:
        if _HAS_MEMFD:
            copied = os.sendfile(target, source, start, end - start)
        else:
            copied = os.write(target, os.pread(source, min(1 << 20, end - start), start))
        if not copied:
            raise DatabaseError(
                f"{fasta}: ends before byte {end:,}; it was cut off since it was indexed, fetch it again"
            )
        start += copied
