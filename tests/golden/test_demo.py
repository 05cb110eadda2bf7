"""The demo, as the README's first command runs it: real structures, relaxed, from files that come with the program."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import gemmi
import numpy as np
import pytest
import torch
from demo.losses import superposed
from demo.predicted import predict
from make_demo_databases import EXAMPLES, SHIPPED, make_sequences, make_structures
from shared_data import shared_data
from typer.testing import CliRunner, Result

import af2cpu
from af2cpu.cli import app
from af2cpu.model import AlphaFold
from af2cpu.model.config import DEMO, model_config
from af2cpu.records import Prediction
from af2cpu.weights import read_parameters
from af2cpu.weights.demo import known_proteins
from af2cpu.weights.names import parameter_table
from af2cpu.weights.save import file_arrays

# C-alpha atoms of model 1 of PDB entry 1L2Y (Neidigh, Fesinmeyer, Andersen 2002), angstrom.
TRP_CAGE = [
    (-8.608, 3.135, -1.618),
    (-4.923, 4.002, -2.452),
    (-3.690, 2.738, 0.981),
    (-5.857, -0.449, 0.613),
    (-4.122, -1.167, -2.743),
    (-0.716, -0.631, -0.993),
    (-1.641, -2.932, 1.963),
    (-3.024, -5.791, -0.269),
    (0.466, -6.016, -1.905),
    (2.060, -6.618, 1.593),
    (2.626, -2.967, 2.723),
    (6.333, -2.533, 3.806),
    (7.049, -6.179, 2.704),
    (6.389, -5.315, -1.015),
    (9.451, -3.116, -1.870),
    (7.289, 0.084, -2.054),
    (6.782, 3.088, 0.345),
    (3.287, 4.031, 1.686),
    (1.185, 6.543, -0.353),
    (0.852, 10.027, 1.285),
]


def _rmsd(one: np.ndarray, other: np.ndarray) -> float:
    distances = superposed(torch.from_numpy(one), torch.from_numpy(other), torch.ones(len(one)))
    return float(distances.square().mean().sqrt())


def _ca(prediction: Prediction) -> np.ndarray:
    return prediction.atom_positions[:, 1].astype(np.float64)


def _run(fasta: Path, out: Path, *more: str) -> Result:
    arguments = ["predict", str(fasta), "--params", "demo", "--db", "demo", "-o", str(out), *more]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result


@cache
def _network(precision: str) -> AlphaFold:
    return af2cpu.load_model(DEMO, DEMO, precision=precision)


def test_the_trp_cage_from_its_sequence_to_a_relaxed_structure(tmp_path: Path) -> None:
    result = _run(EXAMPLES / "trp_cage.fasta", tmp_path)
    folder = tmp_path / "trp_cage"
    structure = gemmi.read_structure(str(folder / "ranked_0.pdb"))
    atoms = np.array([residue["CA"][0].pos.tolist() for residue in structure[0][0]])
    assert _rmsd(atoms, np.array(TRP_CAGE)) < 2.0
    assert any(atom.element == gemmi.Element("H") for residue in structure[0][0] for atom in residue)  # relaxed
    assert (folder / "ranked_0.pdb").read_bytes() == (folder / "relaxed_demo_pred_0.pdb").read_bytes()
    facts = json.loads((folder / "run.json").read_text())
    assert facts["ranking"][0]["plddt"] > 70
    assert facts["not_relaxed"] == {}
    assert "DEMO PARAMETERS: for trying the program out, not for science" in result.stderr
    assert "DEMO PARAMETERS" in (folder / "report.html").read_text()
    assert np.load(folder / "features.npz")["msa"].shape[0] > 50
    assert json.loads((folder / "search.json").read_text())["templates"] > 0


def test_a_protein_that_the_demo_does_not_know_is_said_loudly(tmp_path: Path) -> None:
    fasta = tmp_path / "other.fasta"
    fasta.write_text(">other\nMKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ\n")
    result = _run(fasta, tmp_path / "out", "--recycles", "0", "--relax", "none")
    said = "DEMO PARAMETERS ON A PROTEIN THAT THEY DO NOT KNOW"
    folder = tmp_path / "out" / "other"
    facts = json.loads((folder / "run.json").read_text())
    assert said in result.stderr
    assert said in facts["warnings"][0]
    assert (
        said in (folder / "ranked_0.pdb").read_text().replace("\n", " ")
        or said in (folder / "ranked_0.cif").read_text()
    )
    assert facts["ranking"][0]["plddt"] < 50


@pytest.mark.parametrize("protein", known_proteins(), ids=lambda protein: protein.name)
def test_bf16_gives_the_structure_of_float32(protein: object) -> None:
    full, half = (predict(_network(precision), protein.sequence) for precision in ("fp32", "bf16"))  # type: ignore[attr-defined]
    assert _rmsd(_ca(full), _ca(half)) < 0.1
    assert abs(float(full.plddt.mean() - half.plddt.mean())) < 0.5
    assert float(full.plddt.mean()) > 70


@pytest.mark.parametrize("protein", known_proteins(), ids=lambda protein: protein.name)
def test_known_proteins_fold_to_their_experimental_structures(protein: object) -> None:
    from demo.proteins import KNOWN, read_chain, target_of

    structures = shared_data("mmcif").parent
    entry = next(entry for entry in KNOWN if entry.name == protein.name)  # type: ignore[attr-defined]
    chain = read_chain(entry, structures)
    assert chain.sequence == protein.sequence  # type: ignore[attr-defined]
    target = target_of(chain)
    seen = target.atom14_mask[:, 1].numpy() > 0
    predicted = _ca(predict(_network("fp32"), chain.sequence))
    assert _rmsd(predicted[seen], target.atom14[:, 1].double().numpy()[seen]) < 2.0


def test_a_parameter_file_is_the_network_backwards() -> None:
    config = model_config(DEMO)
    arrays = read_parameters(DEMO, config)
    again = file_arrays(_network("fp32").state_dict(), config)
    assert set(again) == set(parameter_table(config))
    for name, array in arrays.items():
        assert np.array_equal(again[name], array), name


def test_the_shipped_databases_are_what_the_script_makes(tmp_path: Path) -> None:
    make_sequences(tmp_path)
    make_structures(tmp_path)
    made = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(made) > 10
    for path in made:
        assert path.read_bytes() == (SHIPPED / path.relative_to(tmp_path)).read_bytes(), path.name
    left = {path.name for path in SHIPPED.rglob("*") if path.is_file()} - {path.name for path in made}
    assert all(name.startswith("0d") and name.endswith(".cif") for name in left), left  # the network's predictions
