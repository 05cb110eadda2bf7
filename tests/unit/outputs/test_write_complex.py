# SPDX-License-Identifier: Apache-2.0
"""Folders of complexes, with few chains and with more than the PDB format has identifiers for."""

from __future__ import annotations

import json
from pathlib import Path

import gemmi
import pytest
from output_cases import PROVENANCE, complex_features
from results_cases import JOB, PLDDT, SEQUENCE, contents, layout_in, predicted, run_into

from af2cpu.confidence import confidence_of
from af2cpu.outputs.layout import ColabFoldLayout
from af2cpu.outputs.report import Summaries
from af2cpu.outputs.report.find import find_targets
from af2cpu.outputs.write import (
    write_features_of,
    write_pass,
    write_run,
)
from af2cpu.records import PredictionId
from af2cpu.runs.records import PredictionScores, TargetRun

DIMER, MANY = "MKVLAX:GAV", ":".join(["G"] * 63)


@pytest.mark.parametrize("name", ["af2", "colabfold"])
def test_a_complex_has_the_files_of_a_protein(tmp_path: Path, name: str) -> None:
    protein, dimer = layout_in(name, tmp_path / "protein"), layout_in(name, tmp_path / "dimer")
    run_into(protein)
    assert run_into(dimer, sequence=DIMER) == []
    found = contents(dimer.folder)
    assert set(found) == set(contents(protein.folder))
    for path, content in found.items():  # unrelaxed, relaxed and ranked ones
        if path.endswith(".pdb"):
            assert [chain.name for chain in gemmi.read_pdb_string(content.decode())[0]] == ["A", "B"], path
    label, order = json.loads(dimer.document("ranking_debug").read_bytes())
    assert (label, order) == ("iptm+ptm", "order")


@pytest.mark.parametrize("name", ["af2", "colabfold"])
def test_more_chains_than_letters_have_no_pdb_file(tmp_path: Path, name: str) -> None:
    """Those of an earlier prediction of the name go, ranked or not."""
    layout = layout_in(name, tmp_path)
    run_into(layout)
    before = set(contents(tmp_path))
    for path in tmp_path.glob("*result_*"):
        path.unlink()
    notes = run_into(layout, sequence=MANY)
    assert notes == ["63 chains: the PDB format has identifiers for 62, so the structures are .cif files only"] * 3
    found = contents(tmp_path)
    assert set(found) == {path for path in before if not path.endswith(".pdb")}
    who = PredictionId("model_2_ptm", 0, 0)
    assert layout.find("relaxed", who, ".pdb") is None
    path = layout.find("relaxed", who, ".cif")
    assert path is not None
    assert len(gemmi.read_structure(str(path))[0]) == 63
    assert run_into(layout, sequence=MANY) == []
    assert contents(tmp_path) == found


@pytest.mark.parametrize("name", ["af2", "colabfold"])
@pytest.mark.parametrize(("sequence", "ending"), [(SEQUENCE, "pdb"), (MANY, "cif")])
def test_structures_of_passes(tmp_path: Path, name: str, sequence: str, ending: str) -> None:
    """ColabFold's bear the rank, also after the ranks have changed; those of an earlier prediction go."""
    layout = layout_in(name, tmp_path)
    who = PredictionId("model_2_ptm", 0, 0)
    texts = []
    for recycle in range(3):
        p = predicted("model_2_ptm", recycle, sequence)
        path = write_pass(layout, p, confidence_of(who, p), PROVENANCE, recycle)
        texts.append(path.read_bytes())
    assert len(set(texts)) == 3

    def found() -> dict[str, bytes]:
        return {path: content for path, content in contents(tmp_path).items() if ".r" in path}

    for models, rank_of in ((tuple(PLDDT), 1), (("model_2_ptm",), 1)):
        run_into(layout, models, relax=False, sequence=sequence)
        names = {
            "af2": f"recycles/model_2_ptm_pred_0.r%d.{ending}",
            "colabfold": f"{JOB}_unrelaxed_rank_{rank_of:03d}_alphafold2_ptm_model_2_seed_000.r%d.{ending}",
        }
        assert found() == {names[name] % k: text for k, text in enumerate(texts)}
    path = layout.find("recycles", who, f".r2.{ending}")
    assert path is not None
    assert path.read_bytes() == texts[2]
    assert layout.find("recycles", who, f".r3.{ending}") is None
    layout.drop_old_passes(who)
    assert found() == {}


@pytest.mark.parametrize("name", ["af2", "colabfold"])
def test_the_summary_names_the_structure_that_there_is(tmp_path: Path, name: str) -> None:
    layout = layout_in(name, tmp_path / JOB if name == "af2" else tmp_path)
    run_into(layout, sequence=MANY)
    entry = confidence_of(PredictionId("model_2_ptm", 0, 0), predicted("model_2_ptm", sequence=MANY))
    best = PredictionScores(entry.who.name, entry.mean_plddt, entry.ptm, entry.iptm)
    run = TargetRun(name=JOB, sequence=MANY, source="", settings={"seed": 0}, ranking=(best,), not_relaxed={})
    write_run(layout, run)
    (row,) = Summaries(tmp_path).rows(find_targets(tmp_path))
    assert row.summary.structure is not None
    assert row.summary.structure.endswith(".cif")
    assert (tmp_path / row.summary.structure).is_file()
    assert row.summary.residues == 63


def test_the_alignment_of_a_complex_is_written(tmp_path: Path) -> None:
    layout, f = ColabFoldLayout(tmp_path, JOB), complex_features(["MKVLAX", "GAV"], 1, 1)
    write_features_of(layout, f)
    lines = (tmp_path / f"{JOB}.a3m").read_text().splitlines()
    names = [line for line in lines if line.startswith((">", "#"))]
    assert names == [
        "#6,3\t1,1",
        ">101\t102",
        f">{JOB}_1\t{JOB}_1",
        ">101",
        f">{JOB}_2",
        ">102",
        f">{JOB}_3",
    ]
