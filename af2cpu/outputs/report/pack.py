# SPDX-License-Identifier: Apache-2.0
"""Compact text for the page: bytes as gzip in base64, PAE in tenths of an angstrom, the alignment's rows as bits.

static/data.js reads all of it. The same content gives the same text.
"""

from __future__ import annotations

import base64
import gzip
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import orjson

from af2cpu.outputs.coverage import coverage
from af2cpu.outputs.report.neff import EffectiveDepth
from af2cpu.records import ChainConfidence, Features, Interface

_R = TypeVar("_R", ChainConfidence, Interface)

MOST_CELLS = 1024  # of the PAE map in each direction; of more residues the means of blocks are shown
_MOST_ROWS = 256  # of the alignment, more than the picture has lines


def packed(content: bytes) -> str:
    """gzip without a date, then base64."""
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode()


@dataclass(frozen=True)
class PaeMap:
    """PAE as the page's scripts read it."""

    cells: int  # in each direction
    step: int  # residues of a cell; the last cell of a chain may have fewer
    max: float  # the largest value that there can be, angstrom
    tenths: str


@dataclass(frozen=True)
class CoverageMap:
    """The picture of an alignment as the page's scripts read it."""

    n_seq: int
    n_paired: int  # rows with residues of several sequences of a complex, the query not counted
    rows: int  # shown
    paired: int  # of these, those below the query that are paired
    identity: tuple[int, ...]  # of each row to the query, percent
    aligned: str  # a bit for each row and residue
    depth: tuple[int, ...]  # rows without a gap, for each residue
    neff: tuple[float, ...]  # effective sequences, for each residue


def pae_map(pae: np.ndarray, max_pae: float, lengths: Sequence[int] | None = None) -> PaeMap:
    """PAE [n_res, n_res], angstrom, row: the residue aligned on. Values have one decimal, as in AlphaFold's files.

    lengths: of the chains; None: one chain. `tenths`: the differences along each row of uint16 [cells, cells], low
    bytes first, then high bytes: neighbours are alike, so that these compress best.
    """
    cells = np.round(block_means(pae, cell_starts(lengths or [len(pae)])) * 10).astype(np.uint16)
    differences = np.diff(cells, axis=1, prepend=np.uint16(0)).astype("<u2")
    planes = np.stack([differences & 255, differences >> 8]).astype(np.uint8)
    return PaeMap(len(cells), map_step(len(pae)), max_pae, packed(planes.tobytes()))


def coverage_map(features: Features, effective: EffectiveDepth) -> CoverageMap:
    """The picture of the alignment: which residues each row covers, its identity to the query, depth per residue."""
    shown = coverage(features, _MOST_ROWS)
    return CoverageMap(
        n_seq=features.n_seq,
        n_paired=shown.n_paired,
        rows=len(shown.identity),
        paired=int(shown.paired.sum()),
        identity=tuple(np.round(shown.identity * 100).astype(int).tolist()),
        aligned=packed(np.packbits(shown.aligned, axis=1).tobytes()),
        depth=tuple(shown.depth.tolist()),
        neff=tuple(np.round(effective.per_residue, 1).tolist()),
    )


def rounded(record: _R) -> _R:
    """With 6 decimals."""
    values: dict[str, Any] = {name: _rounded(value) for name, value in vars(record).items()}
    return replace(record, **values)


def _rounded(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(map(_rounded, value))
    return round(value, 6) if isinstance(value, float) else value


def json_text(content: object) -> str:
    """A record as JSON for a <script> element: nothing in it ends the element or begins a comment."""
    text = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def map_step(n_res: int) -> int:
    """Residues of a cell of the PAE map."""
    return math.ceil(n_res / MOST_CELLS)


def cell_starts(lengths: Sequence[int]) -> np.ndarray:
    """The first residue of each cell, int [cells]. Each chain begins with a new cell, so that none is of two chains."""
    step, starts = map_step(sum(lengths)), np.cumsum([0, *lengths])
    return np.concatenate([np.arange(first, end, step) for first, end in pairwise(starts.tolist())])


def block_means(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The means of the blocks of rows and columns that begin at `starts`."""
    if len(starts) == len(values):
        return np.asarray(values, np.float64)
    sums = np.add.reduceat(np.add.reduceat(values.astype(np.float64), starts, axis=0), starts, axis=1)
    sizes = np.diff(starts, append=len(values))
    return sums / np.outer(sizes, sizes)
