# SPDX-License-Identifier: Apache-2.0
"""Features as npz files: AlphaFold 2's names, no pickles, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path

import numpy as np

from af2cpu.errors import InputError
from af2cpu.formats.arrays import Header, check_kinds, check_names, check_shapes, read_arrays, write_arrays
from af2cpu.records import Features, ProcessedFeatures

_KIND = "features"
_CHAINS = ("asym_id", "entity_id", "sym_id")
_GAP = 21  # the highest code of the MSA
_TEXTS = ("domain_name", "sequence", "msa_species_identifiers", "template_domain_names", "template_sequence")
_NUMBERS = ("aatype", "template_aatype", "template_all_atom_positions", "template_all_atom_masks", "template_sum_probs")
# numpy's letters for the kinds of numbers that each array may have.
_KINDS_OF = {f.name: "iu" for f in fields(Features)} | dict.fromkeys(_TEXTS, "S") | dict.fromkeys(_NUMBERS, "fiu")


def write_features(path: str | os.PathLike[str], features: Features) -> None:
    """Raw features, compressed; those of one chain as AlphaFold 2's, without numbers of chains. Raises OSError."""
    write_arrays(Path(path), {name: getattr(features, name) for name in names_of(features)})


def names_of(features: Features) -> list[str]:
    """The arrays that a file of these features holds."""
    names = [f.name for f in fields(Features)]
    return names if features.chains.n_chains > 1 else [name for name in names if name not in _CHAINS]


def read_features(path: str | os.PathLike[str]) -> Features:
    """Raw features as `write_features` wrote them. Raises InputError that names the file and what is wrong with it."""
    path = Path(path)
    features = Features(**read_arrays(path, _KIND, check=partial(_check_headers, path)))
    _check_values(path, features)
    return features


def _check_headers(path: Path, headers: Mapping[str, Header]) -> None:
    """Names, kinds of numbers and shapes, before anything is unpacked."""
    given = {name for name in _CHAINS if name in headers}
    check_names(path, headers, [f.name for f in fields(Features) if given or f.name not in _CHAINS], _KIND)
    check_kinds(path, headers, {f.name: _KINDS_OF[f.name] for f in fields(Features)})
    n_res, n_seq, n_templ = (headers[name].shape[:1] for name in ("aatype", "msa", "template_aatype"))
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(
        ("between_segment_residues", "residue_index", "seq_length", "num_alignments", *given), n_res
    )
    shapes |= dict.fromkeys(("msa", "deletion_matrix_int"), n_seq + n_res)
    shapes |= dict.fromkeys(("template_domain_names", "template_sequence"), n_templ)
    check_shapes(
        path,
        headers,
        shapes
        | {
            "aatype": (*n_res, 21),
            "msa_species_identifiers": n_seq,
            "template_aatype": (*n_templ, *n_res, 22),
            "template_all_atom_positions": (*n_templ, *n_res, 37, 3),
            "template_all_atom_masks": (*n_templ, *n_res, 37),
            "template_sum_probs": (*n_templ, 1),
            "domain_name": headers["sequence"].shape[:1],
            "sequence": headers["sequence"].shape[:1],
        },
    )


def _check_values(path: Path, features: Features) -> None:
    """Raises InputError for codes that are none, and chains whose letters are not as many as their residues."""
    if features.n_seq == 0 or int(features.msa.max(initial=0)) > _GAP or int(features.msa.min(initial=0)) < 0:
        raise InputError(f"{path}: the MSA has no row or a code over {_GAP}; make the features again")
    if int(features.deletion_matrix_int.min(initial=0)) < 0:
        raise InputError(f"{path}: deletion_matrix_int has negative counts; make the features again")
    numbers = features.asym_id
    if numbers.size and not (numbers[0] == 1 and np.isin(np.diff(numbers.astype(np.int64)), (0, 1)).all()):
        raise InputError(f"{path}: asym_id does not count the chains from 1; make the features again")
    spans = features.chains.spans
    if [len(bytes(letters)) for letters in features.sequence] != [len(rows) for rows in spans.values()]:
        raise InputError(f"{path}: its chains have another number of letters than of residues; make the features again")


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
    arrays = read_arrays(path, _KIND, wanted, partial(check_kinds, path, kinds=dict.fromkeys(wanted, "fiub")))
    if any(array.ndim == 0 for array in arrays.values()) or len({len(array) for array in arrays.values()}) > 1:
        raise InputError(f"{path}: the arrays differ in their number of draws (the first axis)")
    n_draws = len(next(iter(arrays.values()), ()))
    try:
        return [
            ProcessedFeatures.from_arrays({name: array[k] for name, array in arrays.items()}) for k in range(n_draws)
        ]
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
