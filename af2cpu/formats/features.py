"""Features as npz files: AlphaFold 2's names, no pickles, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

import numpy as np

from af2cpu.errors import InputError
from af2cpu.formats.arrays import check_names, check_shapes, read_arrays, write_arrays
from af2cpu.records import Features, ProcessedFeatures

_KIND = "features"
_CHAINS = ("asym_id", "entity_id", "sym_id")


def write_features(path: str | os.PathLike[str], features: Features) -> None:
    """Raw features, compressed; those of one chain as AlphaFold 2's, without numbers of chains. Raises OSError."""
    write_arrays(Path(path), {name: getattr(features, name) for name in names_of(features)})


def names_of(features: Features) -> list[str]:
    """The arrays that a file of these features holds."""
    names = [f.name for f in fields(Features)]
    return names if features.chains.n_chains > 1 else [name for name in names if name not in _CHAINS]


def read_features(path: str | os.PathLike[str]) -> Features:
    """Raw features as `write_features` wrote them. Raises InputError that names the file and what is wrong with it."""
    arrays = read_arrays(Path(path), _KIND)
    given = {name for name in _CHAINS if name in arrays}
    check_names(Path(path), arrays, [f.name for f in fields(Features) if given or f.name not in _CHAINS], _KIND)
    n_res, n_seq, n_templ = (arrays[name].shape[:1] for name in ("aatype", "msa", "template_aatype"))
    check_shapes(
        Path(path),
        arrays,
        {
            "aatype": (*n_res, 21),
            "residue_index": n_res,
            "between_segment_residues": n_res,
            "msa": n_seq + n_res,
            "deletion_matrix_int": n_seq + n_res,
            "template_aatype": (*n_templ, *n_res, 22),
            "template_all_atom_positions": (*n_templ, *n_res, 37, 3),
            "template_all_atom_masks": (*n_templ, *n_res, 37),
            **dict.fromkeys(given, n_res),
        },
    )
    features = Features(**arrays)
    if features.n_seq == 0 or int(features.msa.max(initial=0)) > 21:
        raise InputError(f"{path}: the MSA has no row or a code over 21; make the features again")
    return features


def write_draws(path: str | os.PathLike[str], draws: Iterable[ProcessedFeatures]) -> None:
    """Processed features with a leading axis over the draws. Raises OSError, ValueError for no or unequal draws."""
    draws = list(draws)
    write_arrays(Path(path), {f.name: np.stack([getattr(d, f.name) for d in draws]) for f in fields(ProcessedFeatures)})


def read_draws(path: str | os.PathLike[str]) -> list[ProcessedFeatures]:
    """Processed features, one record per draw; template arrays may be absent, other names are left alone.

    Raises InputError that names the file and what is wrong with it.
    """
    path = Path(path)
    wanted = {f.name for f in fields(ProcessedFeatures)}
    arrays = read_arrays(path, _KIND, wanted)
    if any(array.ndim == 0 for array in arrays.values()) or len({len(array) for array in arrays.values()}) > 1:
        raise InputError(f"{path}: the arrays differ in their number of draws (the first axis)")
    n_draws = len(next(iter(arrays.values()), ()))
    try:
        return [
            ProcessedFeatures.from_arrays({name: array[k] for name, array in arrays.items()}) for k in range(n_draws)
        ]
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
