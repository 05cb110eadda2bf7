# SPDX-License-Identifier: Apache-2.0
"""Sequence and MSA features equal the reference's, array by array."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from shared_data import shared_data

from af2cpu.features.raw import make_features
from af2cpu.formats.a3m import read_a3m
from af2cpu.formats.stockholm import read_stockholm
from af2cpu.records import Features, Query

QUERY = "MKUVLAXBWY"

SMALL = {
    "uniref90.sto": """# STOCKHOLM 1.0
#=GF ID query-i1
query                   MKU--VLAXBWY
UniRef90_A/1-9          MKC-AVLAX-WY
tr|A0A146SKV9|A0A146SKV9_FUNHE/3-9 --CAAVLAXDWY
UniRef90_B/1-9          MKU--VLAXBWY
UniRef90_C/1-9          MKC--VLAXBWY
//
""",
    "small_bfd.a3m": """>query
MKUVLAXBWY
>sp|P0C2L1|A3X1_LOXLA a spider
MKCVLAX-WY
>b
-kkkKUVLAzzXBWY
>c
--------WY
""",
    "mgnify.sto": """# STOCKHOLM 1.0
query    MKUVLAXBWY
M1/1-3   --------WY
M2/1-3   -------JOZ
M2/4-9   MKCVLAX-WY
//
""",
}


def reference(af2, sequence: str, description: str, files: list[Path]) -> dict[str, np.ndarray]:
    """The reference's features, with the removal of repeated rows that the fork has commented out."""
    seen: set[str] = set()
    msas = []
    for path in files:
        parse = af2.parsers.parse_a3m if path.suffix == ".a3m" else af2.parsers.parse_stockholm
        msa = parse(path.read_text())
        keep = [i for i, row in enumerate(msa.sequences) if not (row in seen or seen.add(row))]
        parts = (msa.sequences, msa.deletion_matrix, msa.descriptions)
        msas.append(af2.parsers.Msa(*([part[i] for i in keep] for part in parts)))
    features = af2.pipeline.make_sequence_features(sequence, description, len(sequence))
    return features | dict(af2.pipeline.make_msa_features([msa for msa in msas if msa.sequences]))


def ours(sequence: str, description: str, files: list[Path]) -> Features:
    alignments = [
        read_a3m(path, database=path.stem) if path.suffix == ".a3m" else read_stockholm(path, database=path.stem)
        for path in files
    ]
    return make_features(Query("q", sequence, description, "test"), alignments)


def assert_equal(found: Features, expected: dict[str, np.ndarray]) -> None:
    assert len(expected) == 10
    for name, array in expected.items():
        mine = getattr(found, name)
        assert mine.shape == array.shape, name
        assert np.array_equal(mine, array), name
        if array.dtype != np.object_ and name not in ("msa", "deletion_matrix_int"):
            assert mine.dtype in (array.dtype, np.dtype(np.float32)), name


def test_small_alignments(af2, tmp_path: Path) -> None:
    files = []
    for name, text in SMALL.items():
        files.append(tmp_path / name)
        files[-1].write_text(text)
    expected = reference(af2, QUERY, "a query", files)
    assert len(expected["msa"]) == 7  # the case has rows that repeat, within and across files
    assert_equal(ours(QUERY, "a query", files[::-1]), expected)


def renamed(folder: Path, tmp_path: Path) -> list[Path]:
    """Links to a folder's alignments, named by database."""
    links = []
    for database, pattern in (("uniref90", "uniref90*"), ("bfd", "bfd*"), ("mgnify", "mgnify*")):
        for path in folder.glob(pattern):
            links.append(tmp_path / f"{database}{path.suffix}")
            links[-1].symlink_to(path)
    return links


@pytest.mark.parametrize(("target", "rows"), [("6KWC", 3057), ("2q2k_A", None)])
def test_real_alignments(af2, tmp_path: Path, target: str, rows: int | None) -> None:
    files = renamed(shared_data("msas", target), tmp_path)
    first = next(path for path in files if path.suffix == ".a3m").read_text().splitlines()[1]
    expected = reference(af2, first, target, files)
    assert rows in (None, len(expected["msa"]))
    assert_equal(ours(first, target, files), expected)
