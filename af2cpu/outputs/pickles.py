# SPDX-License-Identifier: Apache-2.0
"""AlphaFold 2's .pkl files, for programs that read nothing else (`--af2-pickles`). They are written, never read.

Plain dicts of numpy arrays: nothing of af2cpu or of a framework is needed to load them.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from af2cpu.chemistry.residues import HHBLITS_ORDER, RESTYPES_WITH_X
from af2cpu.formats.features import names_of
from af2cpu.formats.streams import atomic_write
from af2cpu.outputs.alignment import entities_covered
from af2cpu.records import Confidence, Features, Prediction

_PROTOCOL = 4  # AlphaFold 2's
_MIN_ROWS, _MAX_TEMPLATES = 512, 4  # to which AlphaFold-Multimer fills MSA and templates up
_TO_AATYPE = np.array([(RESTYPES_WITH_X + "-").index(letter) for letter in HHBLITS_ORDER], np.int32)


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
    """features.pkl of AlphaFold 2's pipeline, of a complex that of its multimer pipeline."""
    _write(path, _of_protein(features) if features.chains.n_chains == 1 else _of_complex(features))


def _of_protein(features: Features) -> dict[str, np.ndarray]:
    """Text as object arrays of bytes, MSA and deletions as int32."""
    arrays = {name: getattr(features, name) for name in names_of(features)}
    for name in ("msa", "deletion_matrix_int"):
        arrays[name] = arrays[name].astype(np.int32)
    return {name: a.astype(object) if a.dtype.kind == "S" else a for name, a in arrays.items()}


def _of_complex(features: Features) -> dict[str, np.ndarray]:
    """The names, types and padding of AlphaFold-Multimer's pair_and_merge and pad_msa; chains in the user's order.

    Left out is what its network does not read: deletion_mean, and the atoms and masks of known structures.
    """
    padding = max(0, _MIN_ROWS - features.n_seq), max(0, _MAX_TEMPLATES - features.n_templ)

    def rows(array: np.ndarray) -> np.ndarray:
        return np.pad(array, [(0, padding[0])] + [(0, 0)] * (array.ndim - 1))

    def templates(array: np.ndarray) -> np.ndarray:
        return np.pad(array, [(0, padding[1])] + [(0, 0)] * (array.ndim - 1))

    ones = np.ones(features.msa.shape, np.float32)
    return {
        "aatype": features.aatype.argmax(axis=-1).astype(np.int32),
        "residue_index": features.residue_index.astype(np.int32),
        **{name: getattr(features, name).astype(np.float64) for name in ("asym_id", "entity_id", "sym_id")},
        "seq_mask": np.ones(features.n_res, np.float32),
        "seq_length": np.int32(features.n_res),
        "assembly_num_chains": np.int64(features.chains.n_chains),
        "msa": rows(_TO_AATYPE[features.msa]),
        "deletion_matrix": rows(features.deletion_matrix_int.astype(np.float32)),
        "msa_mask": rows(ones),
        "bert_mask": rows(ones * _own_columns(features)),
        "cluster_bias_mask": rows(np.eye(1, features.n_seq)[0]),
        "num_alignments": np.int32(features.n_seq),
        "template_aatype": templates(_TO_AATYPE[features.template_aatype.argmax(axis=-1)].astype(np.int64)),
        "template_all_atom_positions": templates(features.template_all_atom_positions),
        "template_all_atom_mask": templates(features.template_all_atom_masks),
        "num_templates": np.int32(features.n_templ),
    }


def _own_columns(features: Features) -> np.ndarray:
    """bool [n_seq, n_res]: of a row that pairs different sequences all residues, of another one those of its sequence.
    Only training reads what is made of it."""
    covered = entities_covered(features)
    of_entity = features.entity_id == np.unique(features.entity_id)[:, None]
    return np.where((covered.sum(axis=1) > 1)[:, None], True, covered @ of_entity)


def _write(path: Path, content: dict[str, Any]) -> None:
    with atomic_write(path) as file:
        pickle.dump(content, file, protocol=_PROTOCOL)
