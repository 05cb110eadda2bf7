# SPDX-License-Identifier: Apache-2.0
"""FASTA for HMMER's pipeline: bytes are copied to memory, and pyhmmer parses them there without the interpreter's lock.

Survivors of the filter are searched as a stream. Where there is no filter, shards are: for few queries parsed and
searched in one loop in C, which scales over any number of cores; for many parsed once into blocks that all share.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pyhmmer.easel import Alphabet, DigitalSequence, DigitalSequenceBlock, SequenceFile

from af2cpu.formats.streams import naming
from af2cpu.search.index import Shard
from af2cpu.search.shards import kept_ranges
from af2cpu.search.targets import cut_off

ALPHABET = Alphabet.amino()
BLOCK_SEQUENCES = 4096  # per block: a few MB of targets, so that they stay in the cache while all queries see them
_POOL_BYTES = 64 << 20  # above this a reader's sequence objects, which only ever grow, are made anew

_HAS_MEMFD = hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir()


class FastaMemory:
    """FASTA in memory, as a file that pyhmmer reads. A context manager; the same pages serve one text after another."""

    def __enter__(self) -> FastaMemory:
        self._stack = ExitStack()
        self._file, self._path = self._stack.enter_context(_memory_file())
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def write(self, texts: Sequence[bytes]) -> None:
        """Holds these texts from now on."""
        os.lseek(self._file, 0, os.SEEK_SET)
        for text in texts:
            rest = memoryview(text)
            while rest:
                rest = rest[os.write(self._file, rest) :]
        self._end()

    def copy(self, source: int, ranges: Iterable[tuple[int, int]], fasta: Path) -> None:
        """Holds these stretches of an open file from now on. Raises DatabaseError if `fasta` ends before."""
        os.lseek(self._file, 0, os.SEEK_SET)
        with naming(fasta):
            for start, end in ranges:
                _copy(source, self._file, start, end, fasta)
        self._end()

    def sequences(self) -> SequenceFile[DigitalSequence]:
        """The records, to be searched as a stream."""
        return SequenceFile(self._path, format="fasta", digital=True, alphabet=ALPHABET)

    def _end(self) -> None:
        os.ftruncate(self._file, os.lseek(self._file, 0, os.SEEK_CUR))  # not to 0 before: fresh pages would be zeroed


class ShardReader:
    """Opens the shards of one FASTA file, one after the other. One per thread; a context manager."""

    def __init__(self, fasta: Path) -> None:
        self.fasta = fasta
        self._memory = FastaMemory()
        self._pool: list[DigitalSequence] = []
        self._pool_bytes = 0
        self._stack = ExitStack()

    def __enter__(self) -> ShardReader:
        self._source = self._stack.enter_context(self.fasta.open("rb")).fileno()
        self._stack.enter_context(self._memory)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def load(self, shard: Shard) -> None:
        """Copies the shard's records to memory, without the skipped ones."""
        at = shard.offset
        self._memory.copy(self._source, ((at + start, at + end) for start, end in kept_ranges(shard)), self.fasta)

    def sequences(self) -> SequenceFile[DigitalSequence]:
        """The loaded records, to be searched as a stream."""
        return self._memory.sequences()

    def blocks(self) -> Iterator[DigitalSequenceBlock]:
        """The loaded records in blocks. The next block overwrites the last: its objects are used again."""
        with self.sequences() as file:
            while True:
                filled = self._fill(file)
                if filled:
                    yield DigitalSequenceBlock(ALPHABET, self._pool[:filled])
                if filled < BLOCK_SEQUENCES:
                    return

    def _fill(self, file: SequenceFile[DigitalSequence]) -> int:
        if self._pool_bytes > _POOL_BYTES:
            self._pool, self._pool_bytes = [], 0
        if not self._pool:
            self._pool = [DigitalSequence(ALPHABET) for _ in range(BLOCK_SEQUENCES)]
        read = file.readinto
        for filled, sequence in enumerate(self._pool):
            sequence.clear()
            if read(sequence) is None:
                return filled
        self._pool_bytes += sum(map(len, self._pool))  # an upper bound of how much the objects have grown
        return BLOCK_SEQUENCES


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
            raise cut_off(fasta, end)
        start += copied
