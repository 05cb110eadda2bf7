# SPDX-License-Identifier: Apache-2.0
"""Blocks of targets on all levels: digital residues as pyhmmer's, lanes as numpy's, packed and back."""

from __future__ import annotations

import numpy as np
import pytest
from pyhmmer.easel import Alphabet, TextSequence

from af2cpu.ops.isa import kernels
from af2cpu.search.blocks import Lanes, arrange, offsets


def targets(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Residues, all 29 codes, and the lengths of targets: none, one, around whole groups, and long ones."""
    rng = np.random.default_rng(seed)
    lengths = np.concatenate([rng.integers(0, 40, 150), [0, 1, 7, 8, 9, 63, 64, 65, 999, 5000]])
    return rng.integers(0, 29, int(lengths.sum()), np.uint8), lengths


def expected(lanes: Lanes, residues: np.ndarray, starts: np.ndarray, rows: np.ndarray) -> np.ndarray:
    blocks = [np.full((n, 64), 31, np.uint8) for n in rows]
    for b, lane in np.argwhere(lanes.targets >= 0):
        start, length = starts[lanes.targets[b, lane]], lanes.lengths[b, lane]
        blocks[b][:length, lane] = residues[start : start + length]
    return np.concatenate(blocks).reshape(-1)


@pytest.mark.parametrize("seed", [1, 2])
def test_blocks(level: str, seed: int) -> None:
    residues, lengths = targets(seed)
    lanes, starts = arrange(lengths), offsets(lengths)
    assert sorted(lanes.targets[lanes.targets >= 0]) == sorted(np.flatnonzero(lengths))
    assert (np.diff(lanes.lengths.reshape(-1)) >= 0).all()
    places = offsets(lanes.rows * 64)
    plain = np.empty(int(lanes.rows.sum()) * 64, np.uint8)
    kernels().interleave(residues, lanes.starts(starts), lanes.lengths, places, plain)
    assert (plain == expected(lanes, residues, starts, lanes.rows)).all()

    groups = (-(-lanes.rows // 8)).astype(np.int32)
    packed = np.empty(int(groups.sum()) * 320, np.uint8)
    checksums, again = np.empty(len(groups), np.uint64), np.empty(len(groups), np.uint64)
    kernels().pack_blocks(residues, lanes.starts(starts), lanes.lengths, offsets(groups * 320), packed, checksums)
    unpacked = np.empty(int(groups.sum()) * 512, np.uint8)
    kernels().unpack_blocks(packed, unpacked, groups, again)
    assert (unpacked == expected(lanes, residues, starts, groups * 8)).all()
    assert (checksums == again).all()
    kernels().use_level("scalar")
    kernels().unpack_blocks(packed, unpacked, groups, again)
    assert (checksums == again).all()  # a file packed on one machine is read on another


def test_checksums_notice_every_bit(level: str) -> None:
    packed = np.random.default_rng(3).integers(0, 256, 640, np.uint8)
    out, sums = np.empty(1024, np.uint8), np.empty(1, np.uint64)
    groups = np.array([2], np.int32)
    kernels().unpack_blocks(packed, out, groups, sums)
    right = int(sums[0])
    for bit in range(640 * 8):
        changed = packed.copy()
        changed[bit // 8] ^= np.uint8(1 << bit % 8)
        kernels().unpack_blocks(changed, out, groups, sums)
        assert sums[0] != right


def test_residues_are_pyhmmers() -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ*abcdefghijklmnopqrstuvwxyz"
    digital = np.asarray(TextSequence(name="x", sequence=letters).digitize(Alphabet.amino()).sequence)
    text = np.frombuffer(f"\n>a b > c\r\n{letters[:9]} \t\r\n\n{letters[9:]}\n>empty\n>b\nMK".encode(), np.uint8)
    residues = np.empty(len(text), np.uint8)
    records, bad = kernels().digitise(text, residues)
    assert bad == -1
    assert (residues[: len(letters)] == digital).all()
    assert records[:, 2].tolist() == [0, 53, 53, 55]
    assert [bytes(text[a:b]) for a, b in records[:-1, :2]] == [b">a b > c\r", b">empty", b">b"]


@pytest.mark.parametrize(
    ("text", "bad"), [(b">a\nMK1\n", 5), (b">a\nMK\n-\n", 6), (b">a\nM\xc3\n", 4), (b"MK\n>a\nM\n", 0)]
)
def test_what_is_no_residue(text: bytes, bad: int) -> None:
    assert kernels().digitise(np.frombuffer(text, np.uint8), np.empty(len(text), np.uint8))[1] == bad


def test_targets_outside_of_the_residues_are_refused() -> None:
    starts, lengths = np.zeros((1, 64), np.int64), np.full((1, 64), 5, np.int32)
    out, place = np.empty(5 * 64, np.uint8), np.zeros(1, np.int64)
    kernels().interleave(np.zeros(5, np.uint8), starts, lengths, place, out)
    with pytest.raises(ValueError, match="outside of the residues"):
        kernels().interleave(np.zeros(4, np.uint8), starts, lengths, place, out)
    with pytest.raises(ValueError, match="outside of the output"):
        kernels().interleave(np.zeros(5, np.uint8), starts, lengths, place + 1, out)
    with pytest.raises(ValueError, match="sizes differ"):
        kernels().unpack_blocks(np.zeros(319, np.uint8), out, np.ones(1, np.int32), np.zeros(1, np.uint64))
