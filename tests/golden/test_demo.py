# SPDX-License-Identifier: Apache-2.0
"""The demo end to end: real proteins, real folds, from the files that come with the program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shared_data import shared_data
from synthetic.predicted import predict
from training.proteins import KNOWN, Entry, chains_of, joined_sequence
from typer.testing import CliRunner

import af2cpu
from af2cpu.chemistry.residues import CA
from af2cpu.cli import app
from af2cpu.formats.features import read_features
from af2cpu.formats.structure import read_chains
from af2cpu.records import Prediction
from af2cpu.shipped import shipped
from af2cpu.weights.demo import KnownProtein, known_proteins

EXAMPLES = Path(__file__).parents[2] / "examples"

# C-alpha atoms of the Trp-cage TC5b, PDB entry 1L2Y, model 1 (Neidigh, Fesinmeyer, Andersen 2002), angstrom.
TRP_CAGE = np.array(
    [
        *([-8.608, 3.135, -1.618], [-4.923, 4.002, -2.452], [-3.690, 2.738, 0.981], [-5.857, -0.449, 0.613]),
        *([-4.122, -1.167, -2.743], [-0.716, -0.631, -0.993], [-1.641, -2.932, 1.963], [-3.024, -5.791, -0.269]),
        *([0.466, -6.016, -1.905], [2.060, -6.618, 1.593], [2.626, -2.967, 2.723], [6.333, -2.533, 3.806]),
        *([7.049, -6.179, 2.704], [6.389, -5.315, -1.015], [9.451, -3.116, -1.870], [7.289, 0.084, -2.054]),
        *([6.782, 3.088, 0.345], [3.287, 4.031, 1.686], [1.185, 6.543, -0.353], [0.852, 10.027, 1.285]),
    ]
)

# The same of pig insulin, chains A and B, PDB entry 4INS (Baker et al. 1988).
INSULIN = np.array(
    [
        *([-9.9, 17.0, 13.2], [-10.5, 14.3, 10.6], [-7.0, 12.9, 10.6], [-6.9, 12.5, 14.3], [-10.4, 11.3, 14.6]),
        *([-10.1, 8.5, 12.1], [-7.0, 7.2, 13.8], [-7.9, 7.7, 17.5], [-11.5, 6.8, 17.1], [-13.4, 5.7, 13.9]),
        *([-14.7, 7.7, 10.9], [-17.0, 7.0, 8.0], [-16.5, 7.4, 4.3], [-19.3, 10.0, 4.4], [-17.2, 12.1, 6.8]),
        *([-14.2, 11.8, 4.5], [-16.2, 13.2, 1.6], [-16.0, 16.5, 3.3], [-12.4, 16.7, 2.4], [-12.8, 16.3, -1.4]),
        *([-12.4, 19.4, -3.6], [-20.4, 1.4, 4.1], [-18.8, 0.6, 7.4], [-16.9, 2.7, 9.9], [-13.1, 2.5, 9.6]),
        *([-10.1, 3.0, 11.8], [-7.5, 4.7, 9.6], [-4.1, 5.8, 10.6], [-1.1, 7.3, 8.6], [-0.9, 6.5, 5.0]),
        *([-3.9, 4.4, 5.2], [-6.1, 7.5, 5.6], [-4.6, 9.1, 2.5], [-5.4, 5.9, 0.5], [-9.1, 6.2, 1.7]),
        *([-9.2, 9.9, 0.7], [-7.8, 9.0, -2.7], [-10.6, 6.3, -3.2], [-13.4, 8.5, -1.9], [-12.4, 11.8, -3.8]),
        *([-10.7, 10.4, -6.9], [-10.4, 13.0, -9.5], [-12.1, 15.7, -7.5], [-8.8, 15.7, -5.5], [-8.6, 16.4, -1.8]),
        *([-6.8, 18.3, 1.1], [-5.0, 16.3, 3.7], [-4.9, 18.6, 6.8], [-3.5, 17.1, 10.0], [-3.2, 18.9, 13.3]),
        [0.1, 20.5, 13.9],
    ]
)
# Strand 1-11 of one chain of PDB entry 2Q2K lies antiparallel to that of the other: distances of the C-alpha atoms of
# residues k and 12 - k, angstrom.
PARR_SHEET = np.array([4.6, 4.5, 5.4, 4.6, 5.4, 3.9, 5.4, 4.3, 5.4, 4.4, 5.3])


def af2cpu_command(*arguments: object) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def rmsd(one: np.ndarray, other: np.ndarray) -> float:
    """After the best superposition, angstrom (Kabsch). [n, 3]."""
    p, q = (x - x.mean(axis=0) for x in (one.astype(np.float64), other.astype(np.float64)))
    u, s, vt = np.linalg.svd(p.T @ q)
    s[-1] *= np.sign(np.linalg.det(u) * np.linalg.det(vt))
    return float(np.sqrt(max(np.sum(p**2) + np.sum(q**2) - 2 * s.sum(), 0.0) / len(p)))


def _shipped_state() -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in shipped().rglob("*")}


@pytest.fixture(scope="module")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A protein that the network knows and one that it does not; the folder and all that was said."""
    out = tmp_path_factory.mktemp("demo")
    before = _shipped_state()
    fixed = ("--params", "demo", "--db", "demo", "-o", out)
    known = af2cpu_command("predict", EXAMPLES / "trp_cage.fasta", *fixed)
    unknown = af2cpu_command("predict", EXAMPLES / "ubiquitin.fasta", *fixed, "--relax", "none")
    assert _shipped_state() == before  # nothing is written where the program is
    return out, known.stderr + unknown.stderr


def test_trp_cage_folds_as_in_the_experiment(demo_run: tuple[Path, str]) -> None:
    folder = demo_run[0] / "trp_cage"
    for name in ("unrelaxed_demo_pred_0.pdb", "relaxed_demo_pred_0.pdb", "ranked_0.cif"):
        (chain,) = read_chains(folder / name)
        assert rmsd(chain.positions[:, CA], TRP_CAGE) < 2.0, name
    violations = json.loads((folder / "relax_metrics.json").read_text())["demo_pred_0"]["remaining_violations_count"]
    assert violations == 0


def test_the_search_has_something_to_find(demo_run: tuple[Path, str]) -> None:
    features = read_features(demo_run[0] / "ubiquitin/features.npz")
    assert features.n_seq > 50
    assert features.n_templ > 0
    trp_cage = read_features(demo_run[0] / "trp_cage/features.npz")
    assert trp_cage.n_seq > 20


def test_each_target_is_warned_of_by_itself(demo_run: tuple[Path, str]) -> None:
    out, stderr = demo_run
    said = " ".join(stderr.split())
    assert "warning: DEMO PARAMETERS: for trying the program out, not for science" in said
    assert "warning: DEMO PARAMETERS ON A PROTEIN THAT THEY DO NOT KNOW: the structure means nothing" in said
    for name, words in (("trp_cage", "not for science"), ("ubiquitin", "the structure means nothing")):
        (warning,) = json.loads((out / name / "run.json").read_text())["warnings"]
        assert words in warning
        assert words in (out / name / "ranked_0.cif").read_text()
        title = "".join(line[10:].strip() + " " for line in _title(out / name / "ranked_0.pdb"))
        assert words.upper() in title


def _title(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.startswith("TITLE")]


def test_it_is_not_sure_of_what_it_does_not_know(demo_run: tuple[Path, str]) -> None:
    scores = json.loads((demo_run[0] / "ubiquitin/ranking_debug.json").read_text())["plddts"]
    assert scores["demo_pred_0"] < 60
    known = json.loads((demo_run[0] / "trp_cage/ranking_debug.json").read_text())["plddts"]
    assert known["demo_pred_0"] > 70


@pytest.mark.parametrize("protein", known_proteins(), ids=lambda protein: protein.name)
def test_bf16_folds_as_float32_does(protein: KnownProtein) -> None:
    full, half = (
        predict(af2cpu.load_model(protein.model, "demo", precision=precision, engine="torch"), protein.sequence)
        for precision in ("fp32", "bf16")
    )
    assert rmsd(half.atom_positions[:, CA], full.atom_positions[:, CA]) < 0.1
    assert abs(half.plddt.mean() - full.plddt.mean()) < 0.5
    assert full.pae is not None
    assert abs((half.iptm or 0.0) - (full.iptm or 0.0)) < 0.01


# Insulin's structure is not among the shared data; INSULIN has its C-alpha atoms for the tests below.
SHARED = [(model, entry) for model, entries in KNOWN.items() for entry in entries if entry.pdb != "4INS"]


@pytest.mark.parametrize(("model", "entry"), SHARED, ids=lambda x: getattr(x, "name", x))
def test_it_knows_the_structures(model: str, entry: Entry) -> None:
    chains = chains_of(entry, shared_data(entry.file).parents[1])
    prediction = predict(af2cpu.load_model(model, "demo", engine="torch"), joined_sequence(chains))
    seen = np.concatenate([chain.mask[:, CA] for chain in chains]) > 0
    true = np.concatenate([chain.positions[:, CA] for chain in chains])
    assert rmsd(prediction.atom_positions[seen, CA], true[seen]) < 2.0


@pytest.fixture(scope="module")
def complexes() -> dict[str, Prediction]:
    """Of the complexes that the demo parameters know, by name."""
    model = af2cpu.load_model("demo_multimer", "demo", engine="torch")
    return {known.name: predict(model, known.sequence) for known in known_proteins() if known.model == "demo_multimer"}


def test_it_is_sure_of_the_interfaces_that_it_knows(complexes: dict[str, Prediction]) -> None:
    assert set(complexes) == {"insulin", "2q2k_dimer"}
    for prediction in complexes.values():
        assert prediction.iptm is not None
        assert prediction.iptm > 0.8
        assert prediction.plddt.mean() > 80


def test_two_different_chains_bind_as_in_the_experiment(complexes: dict[str, Prediction]) -> None:
    assert rmsd(complexes["insulin"].atom_positions[:, CA], INSULIN) < 1.0
    known = next(known for known in known_proteins() if known.name == "insulin")
    a, b = known.sequence.split(":")
    other_way = predict(af2cpu.load_model("demo_multimer", "demo", engine="torch"), f"{b}:{a}")
    assert rmsd(np.roll(other_way.atom_positions[:, CA], len(a), axis=0), INSULIN) < 1.0


def test_two_copies_bind_as_in_the_experiment(complexes: dict[str, Prediction]) -> None:
    atoms = complexes["2q2k_dimer"].atom_positions[:, CA]
    one, other = atoms[:45], atoms[45:]
    assert rmsd(one, other) < 1.0
    sheet = np.linalg.norm(one[:11] - other[10::-1], axis=-1)
    assert np.abs(sheet - PARR_SHEET).max() < 1.0


@pytest.mark.parametrize(
    "sequence",
    [
        "GIVEQCCTSICSLYQLENYCN:GIVEQCCTSICSLYQLENYCN",
        "GIVEQCCTSICSLYQLENYCN:KETKHLLKIKKEDYPQIFDFLENVPRGTKTAHIREALRRYIEEIG",
        "FVNQHLCGSHLVEALYLVCGERGFFYTPKA:HSQGTFTSDYSKYLDSRRAQDFVQWLMNT",
        "KETKHLLKIKKEDYPQIFDFLENVPRGTKTAHIREALRRYIEEIG:MTYKLILNGKTLKGETTTEAVDAATAEKVFKQYANDNGVDGEWTYDDATKTFTVTE",
        "MTYKLILNGKTLKGETTTEAVDAATAEKVFKQYANDNGVDGEWTYDDATKTFTVTE:NLYIQWLKDGGPSSGRPPPS",
    ],
    ids=["copies", "chains of two complexes", "a chain and a stranger", "another chain and a stranger", "strangers"],
)
def test_it_is_not_sure_of_other_pairs(sequence: str) -> None:
    prediction = predict(af2cpu.load_model("demo_multimer", "demo", engine="torch"), sequence)
    assert prediction.iptm is not None
    assert prediction.iptm < 0.3
    assert prediction.plddt.mean() < 60
