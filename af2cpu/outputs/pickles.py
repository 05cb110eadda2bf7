"""AlphaFold 2's .pkl files, for programs that read nothing else (`--af2-pickles`). They are written, never read.

Plain dicts of numpy arrays: nothing of af2cpu or of a framework is needed to load them.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from af2cpu.formats.features import names_of
from af2cpu.formats.streams import atomic_write
from af2cpu.records import Confidence, Features, Prediction

_PROTOCOL = 4  # AlphaFold 2's


def write_result_pickle(path: Path, prediction: Prediction, confidence: Confidence) -> None:
    """result_<model>_pred_<i>.pkl in AlphaFold 2's nesting; logits and representations where the prediction has them.

    Its predicted_aligned_error is the matrix in angstrom, as in AlphaFold 2, where it takes the place of the logits.
    """
    result: dict[str, Any] = {
        "structure_module": {
            "final_atom_positions": prediction.atom_positions,
            "final_atom_mask": prediction.atom_mask,
        },
        "plddt": prediction.plddt,
        "ranking_confidence": np.float64(confidence.score),
        "num_recycles": np.int32(prediction.passes - 1),
    }
    for name, array in prediction.extras.items():
        group, _, key = name.partition("/")
        result.setdefault(group, {})[key] = array
    if prediction.pae is not None:
        result["predicted_aligned_error"] = prediction.pae
        result["max_predicted_aligned_error"] = np.float64(prediction.max_pae)
        result["ptm"] = np.float64(prediction.ptm)
        if prediction.iptm is not None:
            result["iptm"] = np.float64(prediction.iptm)
    _write(path, result)


def write_features_pickle(path: Path, features: Features) -> None:
    """features.pkl with AlphaFold 2's types: text as object arrays of bytes, MSA and deletions as int32."""
    arrays = {name: getattr(features, name) for name in names_of(features)}
    for name in ("msa", "deletion_matrix_int"):
        arrays[name] = arrays[name].astype(np.int32)
    _write(path, {name: a.astype(object) if a.dtype.kind == "S" else a for name, a in arrays.items()})


def _write(path: Path, content: dict[str, Any]) -> None:
    with atomic_write(path) as file:
        pickle.dump(content, file, protocol=_PROTOCOL)
