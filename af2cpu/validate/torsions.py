# SPDX-License-Identifier: Apache-2.0
"""Template torsion angles for a comparison: those that are no angles at all are the same on both sides.

A torsion angle whose atoms are missing or lie on a line (pre-omega of the first residue, always) is rounding noise
blown up to length 1: the reference's eager and its compiled code give opposite directions. No implementation can agree
with it there, so the reference is given our value in these places and its own in all others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from af2cpu.geometry.torsion import defining_atoms, torsions_from_atoms
from af2cpu.records import ProcessedFeatures
from af2cpu.validate.reference import template_torsions

_SHORTEST = 1e-2  # angstrom


def is_no_angle(draw: ProcessedFeatures) -> np.ndarray:
    """[n_templ, n_res, 7] where the four atoms of a torsion angle do not define one."""
    aatype = torch.as_tensor(np.minimum(draw.template_aatype, 20)).long()
    positions = torch.as_tensor(draw.template_all_atom_positions).double()
    a, b, c, d = defining_atoms(positions, aatype).unbind(-2)
    return (_distance_from_line(a, b, c) < _SHORTEST).numpy() | (_distance_from_line(d, b, c) < _SHORTEST).numpy()


def _distance_from_line(point: torch.Tensor, start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
    """Zero where the line itself is a point."""
    axis = end - start
    return torch.linalg.cross(axis, point - start).norm(dim=-1) / axis.norm(dim=-1).clamp(min=_SHORTEST)


def shared_torsions(draw: ProcessedFeatures) -> tuple[dict[str, Any], float]:
    """The reference's torsion angles with ours where there is no angle, and the largest difference elsewhere."""
    ours = torsions_from_atoms(
        torch.as_tensor(draw.template_aatype).long(),
        torch.as_tensor(draw.template_all_atom_positions).float(),
        torch.as_tensor(draw.template_all_atom_masks).float(),
    )
    theirs = template_torsions(draw)
    nothing = is_no_angle(draw)[..., None]
    error = 0.0
    for name, values in (("torsion_angles_sin_cos", ours.sin_cos), ("alt_torsion_angles_sin_cos", ours.alt_sin_cos)):
        difference = np.abs(values.numpy() - theirs[name]) * ~nothing
        error = max(error, float(difference.max(initial=0.0)))
        theirs[name] = np.where(nothing, values.numpy(), theirs[name])
    return theirs, error
