# SPDX-License-Identifier: Apache-2.0
"""result_*.npz and what it is read back to; AlphaFold 2's pickles hold nothing but numpy."""

from __future__ import annotations

import pickle
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from output_cases import complex_features, features
from prediction_cases import prediction

from af2cpu.confidence import confidence_of
from af2cpu.errors import InputError
from af2cpu.outputs.arrays import read_result, write_result
from af2cpu.outputs.pickles import write_features_pickle, write_result_pickle
from af2cpu.records import ChainPairs, Confidence, Prediction, PredictionId

EXTRAS = {"distogram/logits": np.ones((4, 4, 64), np.float32), "representations/single": np.ones((4, 384), np.float32)}


def _confidence(p: Prediction) -> Confidence:
    return confidence_of(PredictionId(p.model, 0, 0), p)


def _written(path: Path, p: Prediction, save_all: bool = False) -> dict[str, np.ndarray]:
    write_result(path, p, _confidence(p), save_all)
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def test_names_and_types(tmp_path: Path) -> None:
    p = prediction("ACDX", extras=EXTRAS)
    arrays = _written(tmp_path / "x.npz", p)
    assert {name: (array.dtype.name, array.shape) for name, array in arrays.items()} == {
        "plddt": ("float32", (4,)),
        "ptm": ("float64", ()),
        "predicted_aligned_error": ("float16", (4, 4)),
        "max_predicted_aligned_error": ("float64", ()),
        "ranking_confidence": ("float64", ()),
        "final_atom_positions": ("float32", (4, 37, 3)),
        "final_atom_mask": ("float32", (4, 37)),
        "aatype": ("int32", (4,)),
        "residue_index": ("int32", (4,)),
        "num_recycles": ("int32", ()),
        "recycle_changes": ("float64", (4,)),
    }
    assert float(arrays["ranking_confidence"]) == pytest.approx(float(p.plddt.mean()))
    assert int(arrays["num_recycles"]) == 3
    everything = _written(tmp_path / "y.npz", p, save_all=True)
    assert set(everything) - set(arrays) == set(EXTRAS)


@pytest.mark.parametrize(("sequence", "ptm"), [("ACDX", 0.5), ("ACDX", None), ("AC:D:AC", 0.5)])
def test_what_is_read_back_is_what_was_written(tmp_path: Path, sequence: str, ptm: float | None) -> None:
    p = prediction(sequence, ptm=ptm, extras=EXTRAS)
    write_result(tmp_path / "x.npz", p, _confidence(p), save_all=True)
    again = read_result(tmp_path / "x.npz", p.model)
    assert read_result(tmp_path / "x.npz", p.model, extras=False).extras == {}
    for field in fields(Prediction):
        ours, theirs = getattr(p, field.name), getattr(again, field.name)
        if field.name == "pae" and ours is not None:
            np.testing.assert_array_equal(theirs, ours.astype(np.float16).astype(np.float32))
        elif field.name == "extras":
            assert theirs.keys() == ours.keys()
        elif isinstance(ours, ChainPairs):
            assert theirs.actifptm == ours.actifptm
            np.testing.assert_array_equal(theirs.chain_pair_iptm, ours.chain_pair_iptm)
            np.testing.assert_array_equal(theirs.pairwise_iptm, ours.pairwise_iptm)
            np.testing.assert_array_equal(theirs.pairwise_actifptm, ours.pairwise_actifptm)
        elif isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(theirs, ours)
        else:
            assert theirs == ours


def test_the_same_twice_and_from_what_was_read(tmp_path: Path) -> None:
    p = prediction("ACDEFG" * 20)
    for name in ("x.npz", "y.npz"):
        write_result(tmp_path / name, p, _confidence(p))
    again = read_result(tmp_path / "x.npz", p.model, extras=False)
    write_result(tmp_path / "z.npz", again, _confidence(again))
    assert len({(tmp_path / name).read_bytes() for name in ("x.npz", "y.npz", "z.npz")}) == 1


def test_broken_files_are_errors_of_one_line(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    p = prediction("ACDX")
    write_result(path, p, _confidence(p))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"x\.npz: can't be read"):
        read_result(path, p.model)
    np.savez(path, aatype=np.zeros(3, np.int32))
    with pytest.raises(InputError, match="missing plddt, ranking_confidence"):
        read_result(path, p.model)
    write_result(path, replace(p, plddt=p.plddt[:3]), _confidence(p))
    with pytest.raises(InputError, match="plddt has shape"):
        read_result(path, p.model)
    np.savez(path, plddt=np.array([object()], object), allow_pickle=True)
    with pytest.raises(InputError, match="without pickles"):
        read_result(path, p.model)


def test_scores_of_chains_are_checked(tmp_path: Path) -> None:
    path, p = tmp_path / "x.npz", prediction("AC:D")
    other = prediction("AC:D:AC").chain_pairs
    write_result(path, replace(p, chain_pairs=other), _confidence(p))
    with pytest.raises(InputError, match=r"chain_pair_iptm has shape \(3, 3\), expected \(2, 2\)"):
        read_result(path, p.model)
    arrays = _written(path, p)
    np.savez(path, **{name: array for name, array in arrays.items() if name != "actifptm"})
    with pytest.raises(InputError, match="missing actifptm"):
        read_result(path, p.model)


class _OnlyNumpy(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        assert module.partition(".")[0] in ("numpy", "_codecs"), f"{module}.{name}"
        return super().find_class(module, name)


def test_result_pickle_is_alphafold_s(tmp_path: Path) -> None:
    p = prediction("ACDX", extras=EXTRAS | {"predicted_aligned_error/logits": np.ones((4, 4, 64), np.float32)})
    write_result_pickle(tmp_path / "x.pkl", p, _confidence(p))
    with (tmp_path / "x.pkl").open("rb") as file:
        result = _OnlyNumpy(file).load()
    assert set(result) == set(
        "structure_module plddt ranking_confidence num_recycles distogram representations predicted_aligned_error "
        "max_predicted_aligned_error ptm".split()
    )
    np.testing.assert_array_equal(result["predicted_aligned_error"], p.pae)
    np.testing.assert_array_equal(result["structure_module"]["final_atom_positions"], p.atom_positions)
    assert result["distogram"]["logits"].shape == (4, 4, 64)


def test_features_pickle_is_alphafold_s(tmp_path: Path) -> None:
    write_features_pickle(tmp_path / "x.pkl", features("ACDX", 3))
    with (tmp_path / "x.pkl").open("rb") as file:
        result = _OnlyNumpy(file).load()
    assert result["msa"].dtype == result["deletion_matrix_int"].dtype == np.int32
    assert result["sequence"].dtype == object
    assert result["sequence"][0] == b"ACDX"


def test_result_pickle_of_a_complex_has_iptm(tmp_path: Path) -> None:
    p = prediction("AC:DX")
    write_result_pickle(tmp_path / "x.pkl", p, _confidence(p))
    with (tmp_path / "x.pkl").open("rb") as file:
        result = _OnlyNumpy(file).load()
    assert float(result["iptm"]) == p.iptm
    assert float(result["ranking_confidence"]) == pytest.approx(0.8 * 0.375 + 0.2 * 0.625)


def test_features_pickle_of_a_complex_is_alphafold_multimer_s(tmp_path: Path) -> None:
    """Equal to DeepMind's arrays: tests/parity/features/test_complex.py."""
    write_features_pickle(tmp_path / "x.pkl", complex_features(["ACDX", "GA", "ACDX"], 3, 2))
    with (tmp_path / "x.pkl").open("rb") as file:
        result = _OnlyNumpy(file).load()
    assert result["asym_id"].tolist() == [1] * 4 + [2] * 2 + [3] * 4
    assert result["entity_id"].tolist() == [1] * 4 + [2] * 2 + [1] * 4
    assert result["sym_id"].tolist() == [1] * 6 + [2] * 4
    assert result["msa"].shape == result["deletion_matrix"].shape == result["bert_mask"].shape == (512, 10)
    assert result["msa_mask"].sum() == 8 * 10
    assert result["bert_mask"].sum(axis=1)[:9].tolist() == [10, 10, 10, 10, 8, 8, 2, 2, 0]
    assert result["aatype"].tolist() == [0, 4, 3, 20, 7, 0, 0, 4, 3, 20]
    assert result["msa"][0].tolist() == result["aatype"].tolist()
    assert (result["template_aatype"].shape, int(result["num_templates"])) == ((4, 10), 0)
    assert (int(result["assembly_num_chains"]), int(result["num_alignments"])) == (3, 8)
