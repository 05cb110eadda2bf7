# SPDX-License-Identifier: Apache-2.0
"""A prediction in a user's hands: its letters, its text, its files, and how alike two of them are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import biotite.structure as struc
import gemmi
import numpy as np
import pytest
from biotite.structure.io.pdb import PDBFile
from output_cases import PROVENANCE
from prediction_cases import prediction as record

import af2cpu
from af2cpu.chemistry.residues import CA
from af2cpu.confidence import confidence_of
from af2cpu.outputs.arrays import read_result
from af2cpu.records import PredictionId

SEQUENCE = "MKVLATTWYGGHHAAKLMDEPRSTVFNQCIWYAGHKLMDE"
COMPLEX = "MKVLATTWYGGHHXXXXPVTR:GSSTPLVWRKAEDFNMQY:GSSTPLVWRKAEDFNMQY"


def _prediction(sequence: str = SEQUENCE, *, warning: str | None = None, **changes: Any) -> af2cpu.Prediction:
    made = record(sequence, **changes)
    confidence = confidence_of(PredictionId(made.model, 2, 2), made)
    return af2cpu.Prediction.of(made, confidence, replace(PROVENANCE, warning=warning))


def _moved(one: af2cpu.Prediction, noise: float = 0.0, seed: int = 0) -> af2cpu.Prediction:
    """Turned and shifted, and every atom by some noise (angstrom)."""
    rng = np.random.default_rng(seed)
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    rotation = q * np.sign(np.diag(r))
    rotation[:, 0] *= np.sign(np.linalg.det(rotation))
    positions = one.atom_positions @ rotation.T + rng.normal(0, 30, 3) + rng.normal(0, noise, one.atom_positions.shape)
    return replace(one, atom_positions=positions.astype(np.float32))


def test_letters() -> None:
    assert _prediction().sequence == SEQUENCE
    assert _prediction(COMPLEX).sequence == COMPLEX
    assert _prediction("MKUB").sequence == "MKXX"  # as the network sees them


def test_in_one_line() -> None:
    assert repr(_prediction(COMPLEX)).startswith("<Prediction model_1_ptm_pred_2: 57 residues in 3 chains, pLDDT ")
    assert repr(_prediction(ptm=None)).endswith(f"40 residues, pLDDT {_prediction(ptm=None).mean_plddt:.1f}>")


@pytest.mark.parametrize("sequence", [SEQUENCE, COMPLEX])
def test_structures_are_read_back(sequence: str) -> None:
    one = _prediction(sequence, warning="FOR TRIALS")
    from_pdb = gemmi.read_pdb_string(one.to_pdb())
    from_cif = gemmi.make_structure_from_block(gemmi.cif.read_string(one.to_cif()).sole_block())
    assert one.to_pdb().startswith("TITLE     FOR TRIALS")
    assert "FOR TRIALS" in one.to_cif()
    placed = one.atom_positions[one.atom_mask > 0]
    for structure in (from_pdb, from_cif):
        assert [chain.name for chain in structure[0]] == list("ABC")[: sequence.count(":") + 1]
        atoms = [atom for chain in structure[0] for residue in chain for atom in residue]
        np.testing.assert_allclose([atom.pos.tolist() for atom in atoms], placed, atol=6e-4)
        bs = np.repeat(one.plddt, (one.atom_mask > 0).sum(axis=1))
        np.testing.assert_allclose([atom.b_iso for atom in atoms], bs, atol=6e-3)


def test_saved_files(tmp_path: Path) -> None:
    one, folder = _prediction(COMPLEX), tmp_path / "new" / "folder"
    paths = one.save(str(folder))
    assert sorted(path.name for path in paths) == [
        "confidence_model_1_ptm_pred_2.json",
        "pae_model_1_ptm_pred_2.json",
        "result_model_1_ptm_pred_2.npz",
        "unrelaxed_model_1_ptm_pred_2.cif",
        "unrelaxed_model_1_ptm_pred_2.pdb",
    ]
    assert sorted(paths) == sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert (folder / "unrelaxed_model_1_ptm_pred_2.pdb").read_text() == one.to_pdb()
    assert (folder / "unrelaxed_model_1_ptm_pred_2.cif").read_text() == one.to_cif()
    again = read_result(folder / "result_model_1_ptm_pred_2.npz", one.model)
    assert np.array_equal(again.atom_positions, one.atom_positions)
    assert one.save(folder) == paths  # replaced


def test_saved_with_logits_if_they_were_kept(tmp_path: Path) -> None:
    logits = np.ones((40, 50), np.float32)
    *_, path = _prediction(extras={"predicted_lddt/logits": logits}).save(tmp_path)
    assert np.array_equal(read_result(path, "model_1_ptm").extras["predicted_lddt/logits"], logits)


def test_names_of_colabfold(tmp_path: Path) -> None:
    names = [path.name for path in _prediction().save(tmp_path, layout="colabfold")]
    assert "protein_unrelaxed_alphafold2_ptm_model_1_seed_002.pdb" in names
    assert "protein_scores_alphafold2_ptm_model_1_seed_002.json" in names
    with pytest.raises(af2cpu.InputError, match="layout=amber: must be one of af2, colabfold"):
        _prediction().save(tmp_path, layout="amber")


@pytest.mark.parametrize("layout", ["af2", "colabfold"])
def test_nothing_is_written_outside_the_folder(layout: str, tmp_path: Path) -> None:
    """Neither by names with paths in them nor through links that lie in the folder."""
    folder, outside = tmp_path / "folder", tmp_path / "outside.pdb"
    outside.write_text("precious")
    one = _prediction()
    evil = replace(one, provenance=replace(one.provenance, entry="../evil", description="../../evil"))
    for path in evil.save(folder, layout=layout):
        path.unlink()
        path.symlink_to(outside)
    assert all(path.resolve().parent == tmp_path for path in folder.iterdir())  # the links
    for path in evil.save(folder, layout=layout):
        assert not path.is_symlink()
    assert outside.read_text() == "precious"
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "outside.pdb"}
    who = PredictionId("../evil", 0, 0)
    named = replace(one, model="../evil", confidence=replace(one.confidence, who=who))
    with pytest.raises(af2cpu.InputError, match="is no file name"):
        named.save(folder, layout=layout)
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "outside.pdb"}


def test_numbers_that_are_none_are_not_written(tmp_path: Path) -> None:
    one = _prediction()
    broken = replace(one, atom_positions=one.atom_positions * np.nan)
    for action in (broken.to_pdb, broken.to_cif, lambda: broken.save(tmp_path)):
        with pytest.raises(ValueError, match="no finite numbers"):
            action()
    assert not list(tmp_path.iterdir())


def test_the_same_in_another_place() -> None:
    for sequence in (SEQUENCE, COMPLEX):
        one = _prediction(sequence)
        assert one.tm_score(_moved(one)) == pytest.approx(1, abs=1e-6)
        assert one.rmsd(_moved(one)) == pytest.approx(0, abs=1e-4)


def test_a_mirror_image_is_another_structure() -> None:
    one = _prediction()
    mirrored = replace(one, atom_positions=one.atom_positions * np.array([-1, 1, 1], np.float32))
    assert one.rmsd(mirrored) > 1
    assert one.tm_score(mirrored) < 0.9


def test_copies_may_have_changed_places() -> None:
    one = _prediction(COMPLEX)
    b, c = list(one.chains.spans.values())[1:]
    order = [*range(b.start), *c, *b]
    swapped = replace(one, atom_positions=one.atom_positions[order])
    assert one.rmsd(_moved(swapped)) == pytest.approx(0, abs=1e-4)
    assert one.tm_score(_moved(swapped)) == pytest.approx(1, abs=1e-6)


def _atoms(one: af2cpu.Prediction, tmp_path: Path) -> struc.AtomArray:
    (tmp_path / "one.pdb").write_text(one.to_pdb())
    atoms = PDBFile.read(tmp_path / "one.pdb").get_structure(model=1)
    return atoms[atoms.atom_name == "CA"]


@pytest.mark.parametrize("noise", [0.3, 1.5, 4.0])
def test_rmsd_is_that_of_biotite(noise: float, tmp_path: Path) -> None:
    one = _prediction()
    other = _moved(one, noise)
    fixed, moving = _atoms(one, tmp_path), _atoms(other, tmp_path)
    expected = struc.rmsd(fixed, struc.superimpose(fixed, moving)[0])
    assert one.rmsd(other) == pytest.approx(expected, abs=2e-3)  # three decimals in a PDB file
    assert one.rmsd(other) == pytest.approx(other.rmsd(one), abs=1e-5)


def _best_of_all_fragments(fixed: struc.AtomArray, moving: struc.AtomArray) -> float:
    """Biotite's score of superpositions by Biotite of every fragment of some lengths, each refined by what is near: the
    search of the program TM-score, all of it."""
    n, best = len(fixed), 0.0
    rows = np.arange(n)
    for length in dict.fromkeys(max(4, n // share) for share in (1, 2, 4, 8)):
        for start in range(n - length + 1):
            chosen = (rows >= start) & (rows < start + length)
            for _ in range(5):
                placed, _ = struc.superimpose(fixed, moving, atom_mask=chosen)
                best = max(best, float(struc.tm_score(fixed, placed, rows, rows, n)))
                near = np.linalg.norm(placed.coord - fixed.coord, axis=1) < 4.5
                if near.sum() < 3 or (near == chosen).all():
                    break
                chosen = near
    return best


@pytest.mark.parametrize("case", ["noise", "much noise", "hinge", "another fold"])
def test_tm_score_is_that_of_biotite(case: str, tmp_path: Path) -> None:
    """The definition is Biotite's, and no superposition of an exhaustive search scores notably higher."""
    one = _prediction()
    noise = {"noise": 0.7, "much noise": 2.5}.get(case, 0.1)
    other = _prediction(seed=5) if case == "another fold" else _moved(one, noise)
    if case == "hinge":
        half = slice(len(SEQUENCE) // 2, None)
        positions = other.atom_positions.copy()
        positions[half] = _moved(other, seed=1).atom_positions[half]
        other = replace(other, atom_positions=positions)
    expected = _best_of_all_fragments(_atoms(one, tmp_path), _atoms(other, tmp_path))
    assert one.tm_score(other) == pytest.approx(expected, abs=0.01)
    assert one.tm_score(other) == pytest.approx(other.tm_score(one), abs=0.01)


def test_residues_without_atoms_are_left_out() -> None:
    """In either of the two."""
    one, other = _prediction("MKVLATTWYGGHHAAKL"), _prediction("MKVLAXTWYGGHHAAKL")
    same = replace(other, atom_positions=np.where(other.atom_mask[..., None] > 0, one.atom_positions, 0))
    assert (one.rmsd(same), same.rmsd(one)) == (pytest.approx(0, abs=1e-4), pytest.approx(0, abs=1e-4))
    assert not same.atom_mask[5, CA]


@pytest.mark.parametrize(
    ("sequence", "message"),
    [
        (SEQUENCE[:-1], r"40 and 39 residues can't be compared"),
        (f"{SEQUENCE[:20]}:{SEQUENCE[20:]}", r"40 and 20 \+ 20 residues"),
    ],
)
def test_what_can_not_be_compared(sequence: str, message: str) -> None:
    for action in (_prediction().tm_score, _prediction().rmsd):
        with pytest.raises(af2cpu.InputError, match=message):
            action(_prediction(sequence))
