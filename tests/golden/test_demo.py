"""The demo end to end: real proteins, real folds, from the files that come with the program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from demo.predicted import predict
from demo.proteins import KNOWN, Entry, read_chain
from shared_data import shared_data
from typer.testing import CliRunner

import af2cpu
from af2cpu.chemistry.residues import CA
from af2cpu.cli import app
from af2cpu.formats.features import read_features
from af2cpu.formats.structure import read_chains
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
    full, half = (predict(af2cpu.load_model("demo", "demo", precision=p), protein.sequence) for p in ("fp32", "bf16"))
    assert rmsd(half.atom_positions[:, CA], full.atom_positions[:, CA]) < 0.1
    assert abs(half.plddt.mean() - full.plddt.mean()) < 0.5
    assert full.pae is not None


@pytest.mark.parametrize("entry", KNOWN, ids=lambda entry: entry.name)
def test_it_knows_the_structures(entry: Entry) -> None:
    chain = read_chain(entry, shared_data(entry.file).parents[1])
    prediction = predict(af2cpu.load_model("demo", "demo"), chain.sequence)
    seen = chain.mask[:, CA] > 0
    assert rmsd(prediction.atom_positions[seen, CA], chain.positions[seen, CA]) < 2.0
