# SPDX-License-Identifier: Apache-2.0
"""The tables against facts of chemistry that they were not made from."""

from __future__ import annotations

import numpy as np

from af2cpu.chemistry import residues, rigid_groups


def test_heavy_atoms_of_the_twenty() -> None:
    counts = dict(zip(residues.RESTYPES, residues.ATOM37_EXISTS.sum(axis=1).astype(int), strict=False))
    assert counts == dict(
        zip("ARNDCQEGHILKMFPSTWYV", (5, 11, 8, 8, 6, 9, 9, 4, 10, 8, 8, 9, 8, 11, 7, 6, 7, 14, 12, 7), strict=True)
    )
    assert residues.ATOM37_EXISTS[residues.UNKNOWN].sum() == 0


def test_atom14_and_atom37_are_inverse() -> None:
    for aatype, name in enumerate(residues.RESNAMES):
        for slot, atom in enumerate(residues.ATOM14[name]):
            index = residues.ATOM37_INDEX[atom]
            assert residues.ATOM37_TO_ATOM14[aatype, index] == slot
            assert residues.ATOM14_TO_ATOM37[aatype, slot] == index


def test_backbone_bond_lengths() -> None:
    """N-CA 1.46 and CA-C 1.53 angstrom in all residues (Engh and Huber)."""
    for aatype in range(20):
        n, ca, c = rigid_groups.ATOM14_POSITION[aatype, :3]
        assert abs(np.linalg.norm(n - ca) - 1.46) < 0.01
        assert abs(np.linalg.norm(c - ca) - 1.525) < 0.01


def test_frames_are_rotations() -> None:
    rotation = rigid_groups.DEFAULT_FRAMES[:20, :4, :3, :3].astype(np.float64)
    eye = np.broadcast_to(np.eye(3), rotation.shape)
    np.testing.assert_allclose(rotation @ rotation.swapaxes(-1, -2), eye, atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(rotation), 1.0, atol=1e-6)


def test_aatype_of_a_sequence() -> None:
    assert residues.aatype_of("ARVX").tolist() == [0, 1, 19, 20]
