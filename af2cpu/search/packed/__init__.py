"""The packed database: the targets of a FASTA file in the form that the native filter reads, with their headers."""

from af2cpu.search.packed.layout import SUFFIX, PackedFile, open_packed, packed_path

__all__ = ["SUFFIX", "PackedFile", "open_packed", "packed_path"]
