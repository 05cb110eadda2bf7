# SPDX-License-Identifier: Apache-2.0
"""The packed database: the targets of a FASTA file in the form that the native filter reads, with their headers."""

from af2cpu.search.packed.layout import PackedFile, open_packed

__all__ = ["PackedFile", "open_packed"]
