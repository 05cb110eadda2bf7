# SPDX-License-Identifier: Apache-2.0
"""A homodimer, a heterodimer and an A2B through predict, search and fold, and report; the README's dimer."""

from __future__ import annotations

import json
from pathlib import Path

import gemmi
import numpy as np
import pytest
from program_cases import Program

A, B = "MKTAYIAKQRQISFVKSHFSRQ", "GSHMLEDPVDAF"
TARGETS = {"aa": (A, A), "ab": (A, B), "aba": (A, B, A)}
FIXED = ("--models", "tiny_multimer", "--params", "synthetic:0", "--db", "demo", "--recycles", "0")
PREDICTION = "tiny_multimer_pred_0"


@pytest.fixture(scope="module")
def fasta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("input") / "complexes.fasta"
    path.write_text("".join(f">{name}\n{':'.join(chains)}\n" for name, chains in TARGETS.items()))
    return path


def _run(folder: Path, *arguments: object) -> str:
    program = Program(folder, *arguments)
    assert program.process.wait(300) == 0, program.output
    return program.output


@pytest.fixture(scope="module")
def predicted(fasta: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("predicted")
    _run(out / "logs", "predict", fasta, "-o", out, *FIXED, "--relax", "none", "--workers", 1)
    return out


@pytest.mark.parametrize("name", TARGETS)
def test_structures_have_the_chains_that_were_given(predicted: Path, name: str) -> None:
    sequences = dict(zip("ABC", TARGETS[name], strict=False))
    for ending in ("pdb", "cif"):
        structure = gemmi.read_structure(str(predicted / name / f"ranked_0.{ending}"))
        structure.setup_entities()
        found = {chain.name: gemmi.one_letter_code([r.name for r in chain.get_polymer()]) for chain in structure[0]}
        assert found == sequences
        assert [chain[0].seqid.num for chain in structure[0]] == [1] * len(sequences)


@pytest.mark.parametrize("name", TARGETS)
def test_scores_and_alignments_are_those_of_chains(predicted: Path, name: str) -> None:
    folder, chains = predicted / name, TARGETS[name]
    assert "iptm+ptm" in json.loads((folder / "ranking_debug.json").read_bytes())
    run = json.loads((folder / "run.json").read_bytes())
    assert run["sequence"] == ":".join(chains)
    assert 0 <= run["ranking"][0]["iptm"] <= 1
    assert len(run["ranking"][0]["interfaces"]) == len(chains) * (len(chains) - 1) // 2
    n_res = sum(map(len, chains))
    (pae,) = json.loads((folder / "pae_ranked_0.json").read_bytes())
    assert np.shape(pae["predicted_aligned_error"]) == (n_res, n_res)
    searched = sorted(path.parent.name for path in folder.glob("msas/*/uniref90_hits.sto"))
    assert searched == ["A", "B"][: len(set(chains))]
    assert (folder / "msas" / "paired.tsv").is_file() == (len(set(chains)) > 1)
    assert (folder / "report.html").stat().st_size > 10_000


def test_search_and_fold_give_the_same_files(predicted: Path, fasta: Path, tmp_path: Path) -> None:
    _run(tmp_path / "logs", "search", fasta, "-o", tmp_path / "out", "--db", "demo", "--workers", 1)
    fold = [argument for argument in FIXED if argument not in ("--db", "demo")]
    _run(tmp_path / "logs", "fold", tmp_path / "out", *fold, "--relax", "none", "--workers", 1)
    for name in TARGETS:
        for file in ("features.npz", f"unrelaxed_{PREDICTION}.pdb", f"pae_{PREDICTION}.json"):
            assert (tmp_path / "out" / name / file).read_bytes() == (predicted / name / file).read_bytes(), (name, file)


def test_again_nothing_is_made(predicted: Path, fasta: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in predicted.rglob(f"*{PREDICTION}*")}
    output = _run(
        predicted / "logs", "predict", fasta, "-o", predicted, *FIXED, "--relax", "none", "--workers", 1, "--dry-run"
    )
    assert "nothing to do" in output
    assert {path: path.stat().st_mtime_ns for path in predicted.rglob(f"*{PREDICTION}*")} == before


def test_the_dimer_of_the_readme_is_relaxed_and_sure_of_its_interface(tmp_path: Path) -> None:
    dimer = Path(__file__).parents[2] / "examples" / "dimer.fasta"
    _run(tmp_path, "predict", dimer, "-o", tmp_path / "out", "--params", "demo", "--db", "demo", "--workers", 1)
    folder = tmp_path / "out" / "parr_dimer"
    structures = [gemmi.read_structure(str(folder / name)) for name in ("ranked_0.pdb", "ranked_0.cif")]
    (unrelaxed,) = folder.glob("unrelaxed_*.pdb")
    assert [[chain.name for chain in structure[0]] for structure in structures] == [["A", "B"]] * 2
    assert any(atom.is_hydrogen() for atom in structures[0][0]["B"][0])  # it is the relaxed one
    assert [chain.name for chain in gemmi.read_structure(str(unrelaxed))[0]] == ["A", "B"]
    best = json.loads((folder / "run.json").read_bytes())["ranking"][0]
    assert best["iptm"] > 0.8
    assert best["interfaces"][0]["contacts"] > 50


def test_the_report_is_made_again(predicted: Path) -> None:
    page = predicted / "aba" / "report.html"
    page.unlink()
    _run(predicted / "logs", "report", predicted)
    assert page.stat().st_size > 10_000
