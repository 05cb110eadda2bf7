# SPDX-License-Identifier: Apache-2.0
"""result_*.npz: a prediction as plain arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from af2cpu.errors import InputError
from af2cpu.formats.arrays import Header, check_kinds, check_shapes, read_arrays, write_arrays
from af2cpu.records import ChainPairs, Confidence, Prediction

_ALWAYS = (
    "plddt ranking_confidence final_atom_positions final_atom_mask aatype residue_index num_recycles recycle_changes"
).split()
_WITH_PTM = "ptm predicted_aligned_error max_predicted_aligned_error".split()
_CHAINS = "asym_id entity_id sym_id".split()
_PAIRS = [one.name for one in fields(ChainPairs)]
_WHOLE = "aatype residue_index num_recycles".split() + _CHAINS
_SINGLE = "actifptm num_recycles ranking_confidence ptm iptm max_predicted_aligned_error".split()
_MOST_PASSES = 1000
_PLAIN = frozenset([*_ALWAYS, *_WITH_PTM, *_CHAINS, *_PAIRS, "iptm"])


def result_arrays(prediction: Prediction, confidence: Confidence, save_all: bool) -> dict[str, np.ndarray]:
    """AlphaFold 2's names (those of its structure module without the group); PAE as float16. A complex has the numbers
    of its chains too, and the scores of its pairs of chains.

    With `save_all` also the logits and representations, named as group/array.
    """
    arrays: dict[str, Any] = {
        "plddt": prediction.plddt.astype(np.float32),
        "ranking_confidence": np.float64(confidence.score),
        "final_atom_positions": prediction.atom_positions.astype(np.float32),
        "final_atom_mask": prediction.atom_mask.astype(np.float32),
        "aatype": prediction.aatype.astype(np.int32),
        "residue_index": prediction.residue_index.astype(np.int32),
        "num_recycles": np.int32(prediction.passes - 1),
        "recycle_changes": np.array(prediction.changes, np.float64),  # angstrom, one per pass
    }
    if prediction.chains.n_chains > 1:
        arrays |= {name: getattr(prediction, name).astype(np.int32) for name in _CHAINS}
    if prediction.pae is not None:
        arrays["ptm"] = np.float64(prediction.ptm)
        if prediction.iptm is not None:
            arrays["iptm"] = np.float64(prediction.iptm)
        arrays["predicted_aligned_error"] = prediction.pae.astype(np.float16)
        arrays["max_predicted_aligned_error"] = np.float64(prediction.max_pae)
    if prediction.chain_pairs is not None:
        arrays |= vars(prediction.chain_pairs)
    if save_all:
        arrays |= {name: np.asarray(array) for name, array in prediction.extras.items()}
    return {name: np.asarray(array) for name, array in arrays.items()}


def write_result(path: Path, prediction: Prediction, confidence: Confidence, save_all: bool = False) -> None:
    """Raises OSError."""
    write_arrays(path, result_arrays(prediction, confidence, save_all))


def read_result(path: Path, model: str, *, extras: bool = True) -> Prediction:
    """The prediction of `model` as it was written; PAE is float32 again with float16's precision (0.008 A at 16 A).

    extras: also the logits and representations, if the file has them: gigabytes for a large protein.
    Raises InputError that names the file and what is wrong with it.
    """
    arrays = read_arrays(path, "a prediction", None if extras else _PLAIN, partial(_check_headers, path))
    with_ptm, with_pairs = "predicted_aligned_error" in arrays, _PAIRS[0] in arrays
    if not np.isfinite(arrays["num_recycles"]) or not 0 <= arrays["num_recycles"] < _MOST_PASSES:
        raise InputError(f"{path}: num_recycles is {arrays['num_recycles']}; remove the file")
    if with_pairs:
        n_chains = len(np.unique(arrays.get("asym_id", 1)))
        check_shapes(path, arrays, dict.fromkeys(_PAIRS[:-1], (n_chains, n_chains)))
    return Prediction(
        model=model,
        aatype=arrays["aatype"],
        residue_index=arrays["residue_index"],
        atom_positions=arrays["final_atom_positions"],
        atom_mask=arrays["final_atom_mask"],
        plddt=arrays["plddt"],
        pae=arrays["predicted_aligned_error"].astype(np.float32) if with_ptm else None,
        max_pae=float(arrays["max_predicted_aligned_error"]) if with_ptm else None,
        ptm=float(arrays["ptm"]) if with_ptm else None,
        iptm=float(arrays["iptm"]) if "iptm" in arrays else None,
        passes=int(arrays["num_recycles"]) + 1,
        changes=tuple(arrays["recycle_changes"].tolist()),
        extras={name: array for name, array in arrays.items() if "/" in name},
        chain_pairs=_chain_pairs(arrays) if with_pairs else None,
        **{name: arrays[name] for name in _CHAINS if name in arrays},
    )


def _check_headers(path: Path, headers: Mapping[str, Header]) -> None:
    """Names, kinds of numbers and shapes, before anything is unpacked. Raises InputError."""
    with_ptm, with_pairs = "predicted_aligned_error" in headers, _PAIRS[0] in headers
    missing = [name for name in _ALWAYS + _WITH_PTM * with_ptm + _PAIRS * with_pairs if name not in headers]
    if missing:
        raise InputError(f"{path}: not a prediction of this program: missing {', '.join(missing)}; remove the file")
    check_kinds(path, headers, dict.fromkeys(_PLAIN, "fiu") | dict.fromkeys(_WHOLE, "iu"))
    check_shapes(path, headers, _shapes(headers))


def _shapes(headers: Mapping[str, Header]) -> dict[str, tuple[int, ...]]:
    """Of the arrays whose size is the protein's, and of single numbers."""
    n_res = headers["aatype"].shape[0] if headers["aatype"].shape else 0
    n_chains = headers[_PAIRS[0]].shape[0] if _PAIRS[0] in headers and headers[_PAIRS[0]].shape else 1
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(("plddt", "aatype", "residue_index", *_CHAINS), (n_res,))
    shapes |= {"final_atom_positions": (n_res, 37, 3), "final_atom_mask": (n_res, 37)}
    shapes |= {"predicted_aligned_error": (n_res, n_res)}
    shapes |= dict.fromkeys(_PAIRS, (n_chains, n_chains)) | dict.fromkeys(_SINGLE, ())
    shapes |= {"recycle_changes": headers["recycle_changes"].shape[:1] or (0,)}
    return {name: shape for name, shape in shapes.items() if name in headers}


def _chain_pairs(arrays: Mapping[str, np.ndarray]) -> ChainPairs:
    return ChainPairs(**{name: arrays[name] for name in _PAIRS[:-1]}, actifptm=float(arrays["actifptm"]))
