# SPDX-License-Identifier: Apache-2.0
"""The files of a whole folder in ColabFold's layout, and both layouts read by af-analysis."""

from __future__ import annotations

import importlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from output_cases import PROVENANCE, complex_features, features, relaxed
from prediction_cases import prediction

from af2cpu.confidence import confidence_of, rank
from af2cpu.outputs.colabfold import config_json, log_text, write_folder_files
from af2cpu.outputs.layout import AlphaFoldLayout, ColabFoldLayout, Layout
from af2cpu.outputs.references import MULTIMER_NETWORK, NETWORK, papers
from af2cpu.outputs.write import (
    write_features_of,
    write_prediction,
    write_ranking,
    write_relaxed,
    write_run,
)
from af2cpu.records import PredictionId
from af2cpu.runs.records import DatabaseUsed, PassScores, PredictionScores, ServerAnswer, TargetRun
from af2cpu.settings import RunSettings

SEQUENCE = "MKVLAXGH"
# Fewer passes before more: af-analysis joins them to one prediction unless each begins at recycle 0.
PASSES = {"model_1_ptm": 2, "model_2_ptm": 3}
SETTINGS: dict[str, Any] = RunSettings(models=tuple(PASSES), seed=7, relax="best").model_dump(mode="json")


def job(
    layout: Layout,
    passes: dict[str, int] | None = None,
    databases: tuple[str, ...] = (),
    sequence: str = SEQUENCE,
) -> TargetRun:
    """A job that is done: predictions of which the best is relaxed, its ranks, alignment and run.json."""
    passes = PASSES if passes is None else passes
    chains = sequence.split(":")
    n_res, iptm = len("".join(chains)), 0.375 if len(chains) > 1 else None
    made = {}
    for number, model in enumerate(passes):
        plddt = np.full(n_res, 60 + 10 * number, np.float32)
        p = prediction(sequence, model=model, seed=number, plddt=plddt, ptm=0.625 + number / 8)
        made[PredictionId(model, 0, 7)] = p, confidence_of(PredictionId(model, 0, 7), p)
        write_prediction(layout, *made[PredictionId(model, 0, 7)], PROVENANCE, af2_pickles=True)
    ranking = rank([confidence for _, confidence in made.values()])
    best = ranking.entries[0].who
    p, confidence = made[best]
    write_relaxed(layout, p, relaxed(p), confidence, PROVENANCE)
    write_ranking(layout, ranking, {best.name: relaxed(p).violations_after})
    f = features(sequence, 5) if len(chains) == 1 else complex_features(chains, 2, 1)
    names = [["q", *(f"hit_{k}/1-8 part" for k in range(f.n_seq - 1))]] * len(np.unique(f.entity_id))
    write_features_of(layout, f, names)
    run = TargetRun(
        name=layout.job,
        sequence=sequence,
        source="x.fasta, record 1",
        settings=SETTINGS,
        versions={"af2cpu": "1.2.3"},
        databases=tuple(DatabaseUsed(name, f"/data/{name}.fasta", "5f", 9, 99, 0, 1, 1.0) for name in databases),
        ranking=tuple(PredictionScores.of(one) for one in ranking.entries),
        not_relaxed={},
        timings={f"predict_and_compile_{who.name}": 1.5 for who in made},
        passes={
            f"{model}_pred_0": tuple(PassScores(60.0 + 10 * k + 1 - n + i, 0.5, 0.25, iptm) for i in range(n))
            for k, (model, n) in enumerate(passes.items())
        },
    )
    write_run(layout, run)
    return run


def test_log_txt_has_each_pass_and_the_ranks(tmp_path: Path) -> None:
    job(ColabFoldLayout(tmp_path, "first"))
    job(ColabFoldLayout(tmp_path, "second"), {"model_1_ptm": 1})
    write_folder_files(tmp_path, SETTINGS)
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ", line) for line in lines)
    assert [line[24:] for line in lines] == [
        "Query 1/2: first (length 8)",
        "alphafold2_ptm_model_1_seed_007 recycle=0 pLDDT=59 pTM=0.5",
        "alphafold2_ptm_model_1_seed_007 recycle=1 pLDDT=60 pTM=0.5 tol=0.25",
        "alphafold2_ptm_model_1_seed_007 took 1.5s (1 recycles)",
        "alphafold2_ptm_model_2_seed_007 recycle=0 pLDDT=68 pTM=0.5",
        "alphafold2_ptm_model_2_seed_007 recycle=1 pLDDT=69 pTM=0.5 tol=0.25",
        "alphafold2_ptm_model_2_seed_007 recycle=2 pLDDT=70 pTM=0.5 tol=0.25",
        "alphafold2_ptm_model_2_seed_007 took 1.5s (2 recycles)",
        "reranking models by 'plddt' metric",
        "rank_001_alphafold2_ptm_model_2_seed_007 pLDDT=70 pTM=0.5",
        "rank_002_alphafold2_ptm_model_1_seed_007 pLDDT=60 pTM=0.5",
        "Query 2/2: second (length 8)",
        "alphafold2_ptm_model_1_seed_007 recycle=0 pLDDT=60 pTM=0.5",
        "alphafold2_ptm_model_1_seed_007 took 1.5s (0 recycles)",
        "reranking models by 'plddt' metric",
        "rank_001_alphafold2_ptm_model_1_seed_007 pLDDT=60 pTM=0.5",
        "Done",
    ]


def test_log_txt_of_a_complex_has_iptm(tmp_path: Path) -> None:
    run = job(ColabFoldLayout(tmp_path, "first"), {"model_1_multimer_v3": 2})
    passes = {name: tuple(replace(one, iptm=0.625) for one in scores) for name, scores in run.passes.items()}
    lines = [line[24:] for line in log_text([(replace(run, passes=passes), 0.0)]).splitlines()]
    assert lines[2] == "alphafold2_multimer_v3_model_1_seed_007 recycle=1 pLDDT=60 pTM=0.5 ipTM=0.625 tol=0.25"
    assert lines[-2] == "rank_001_alphafold2_multimer_v3_model_1_seed_007 pLDDT=60 pTM=0.5 ipTM=0.625"


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    job(ColabFoldLayout(tmp_path, "first"))
    written = {path: path.read_bytes() for path in write_folder_files(tmp_path, SETTINGS)}
    assert {path.name for path in written} == {"log.txt", "config.json", "cite.bibtex"}
    assert {path: path.read_bytes() for path in write_folder_files(tmp_path, SETTINGS)} == written


def test_a_folder_without_jobs_gets_no_files(tmp_path: Path) -> None:
    job(AlphaFoldLayout(tmp_path / "one", "one"))
    assert write_folder_files(tmp_path, SETTINGS) == []


def test_config_json_has_colabfold_s_keys(tmp_path: Path) -> None:
    run = job(ColabFoldLayout(tmp_path, "first"), databases=("uniref90", "pdb_seqres"))
    config = json.loads(config_json(SETTINGS | {"max_msa": "64:128", "num_seeds": 2, "relax": "all"}, [run]))
    expected = {
        "model_type": "alphafold2_ptm",
        "model_order": [1, 2],
        "num_models": 2,
        "random_seed": 7,
        "num_relax": 4,
    }
    expected |= {"use_dropout": False, "initial_guess": None}
    expected |= {"max_seq": 64, "max_extra_seq": 128, "use_templates": True, "num_queries": 1, "rank_by": "plddt"}
    assert config.items() >= expected.items()
    mixed = json.loads(
        config_json(SETTINGS | {"models": ["model_1", "demo"], "template": []}, [job_without_databases()])
    )
    sampled = json.loads(config_json(SETTINGS | {"dropout": True, "initial_guess": "x.pdb"}, [run]))
    assert (sampled["use_dropout"], sampled["initial_guess"]) == (True, "x.pdb")
    assert mixed["model_type"] == ["alphafold2", "af2cpu_demo"]
    assert (mixed["max_seq"], mixed["use_templates"], mixed["num_relax"]) == (None, False, 1)


def test_config_json_and_papers_of_an_msa_server(tmp_path: Path) -> None:
    run = job(ColabFoldLayout(tmp_path, "first"), databases=("uniref90",))
    assert "host_url" not in json.loads(config_json(SETTINGS, [run]))
    server = {"msa_server": "https://msa.example.org", "pairing": "complete"}
    config = json.loads(config_json(SETTINGS | server, [run]))
    named = {"host_url": "https://msa.example.org", "msa_mode": "mmseqs2_uniref_env", "pairing_strategy": "complete"}
    assert config.items() >= (named | {"pair_mode": "unpaired_paired"}).items()
    assert json.loads(config_json(SETTINGS | server | {"pairing": "none"}, [run]))["pair_mode"] == "unpaired"
    used = replace(run.databases[0], name="msa_server", server=ServerAnswer("https://msa.example.org", "x", {}))
    keys = [paper.key for paper in papers([used, replace(used, name="pdb70")], ["model_1"], relaxed=False)]
    assert keys == ["Jumper2021", "Mirdita2022", "Berman2003"]


COMPLEX = "MKVLAXGH:MKVLAXGH:GAVL"
MULTIMER = {"model_1_multimer_v3": 2, "model_2_multimer_v3": 3}


def test_complexes_in_the_files_of_a_folder(tmp_path: Path) -> None:
    run = job(ColabFoldLayout(tmp_path, "trimer"), MULTIMER, ("uniprot",), COMPLEX)
    settings = SETTINGS | {"models": list(MULTIMER)}
    write_folder_files(tmp_path, settings)
    assert [line[24:] for line in (tmp_path / "log.txt").read_text().splitlines()] == [
        "Query 1/1: trimer (length 20)",
        "alphafold2_multimer_v3_model_1_seed_007 recycle=0 pLDDT=59 pTM=0.5 ipTM=0.375",
        "alphafold2_multimer_v3_model_1_seed_007 recycle=1 pLDDT=60 pTM=0.5 ipTM=0.375 tol=0.25",
        "alphafold2_multimer_v3_model_1_seed_007 took 1.5s (1 recycles)",
        "alphafold2_multimer_v3_model_2_seed_007 recycle=0 pLDDT=68 pTM=0.5 ipTM=0.375",
        "alphafold2_multimer_v3_model_2_seed_007 recycle=1 pLDDT=69 pTM=0.5 ipTM=0.375 tol=0.25",
        "alphafold2_multimer_v3_model_2_seed_007 recycle=2 pLDDT=70 pTM=0.5 ipTM=0.375 tol=0.25",
        "alphafold2_multimer_v3_model_2_seed_007 took 1.5s (2 recycles)",
        "reranking models by 'multimer' metric",
        "rank_001_alphafold2_multimer_v3_model_2_seed_007 pLDDT=70 pTM=0.5 ipTM=0.375",
        "rank_002_alphafold2_multimer_v3_model_1_seed_007 pLDDT=60 pTM=0.5 ipTM=0.375",
        "Done",
    ]
    config = json.loads((tmp_path / "config.json").read_bytes())
    assert config["model_type"] == "alphafold2_multimer_v3"
    assert (config["model_order"], config["rank_by"]) == ([1, 2], "multimer")
    assert re.findall(r"@article\{(\w+),", (tmp_path / "cite.bibtex").read_text())[:2] == ["Jumper2021", "Evans2021"]
    assert (run.n_res, run.n_chains) == (20, 3)
    written = json.loads((tmp_path / "trimer_run.json").read_bytes())
    assert written["ranking"][0]["iptm"] == written["passes"]["model_1_multimer_v3_pred_0"][0]["iptm"] == 0.375


def test_one_chain_has_no_iptm_in_its_record(tmp_path: Path) -> None:
    job(ColabFoldLayout(tmp_path, "first"))
    assert b"iptm" not in (tmp_path / "first_run.json").read_bytes()


def job_without_databases() -> TargetRun:
    return TargetRun(name="x", sequence="A", source="", settings=SETTINGS, ranking=(), not_relaxed={})


def test_citations_follow_what_took_part(tmp_path: Path) -> None:
    job(ColabFoldLayout(tmp_path, "first"), databases=("uniref90", "mine"))
    write_folder_files(tmp_path, SETTINGS)
    text = (tmp_path / "cite.bibtex").read_text()
    keys = re.findall(r"^@article\{(\w+),$", text, re.MULTILINE)
    assert keys == ["Jumper2021", "Larralde2023", "Eddy2011", "Suzek2015", "Eastman2024"]
    assert text.count("doi = {10.") == len(keys)
    for entry in text.split("\n\n"):
        assert entry.count("{") == entry.count("}")
    assert papers((), ["model_1_ptm_pred_0"], relaxed=False) == [NETWORK]
    assert papers((), ["model_1_multimer_v3_pred_0"], relaxed=False) == [NETWORK, MULTIMER_NETWORK]
    hhblits = DatabaseUsed("bfd_uniref", "/data/bfd", "5f", 9, 99, 0, 1, 1.0, program="hhblits 3.3.0")
    found = [reference.what for reference in papers((hhblits,), (), relaxed=False)]
    assert found[-3:] == ["Search of profiles", "BFD", "UniRef30"]


@pytest.fixture
def af_analysis() -> Any:
    return importlib.import_module("af_analysis")  # here, not above: it takes seconds


@pytest.mark.filterwarnings("ignore")
def test_af_analysis_reads_colabfold_s_layout(tmp_path: Path, af_analysis: Any) -> None:
    names = ("first", "second.protein-2")
    for name in names:
        job(ColabFoldLayout(tmp_path, name))
    write_folder_files(tmp_path, SETTINGS)
    data = af_analysis.Data(str(tmp_path), verbose=False)
    assert data.format == "colabfold_1.5"
    table = data.df.sort_values(["query", "model"])
    assert table["query"].tolist() == [name for name in names for _ in PASSES]
    assert table["weight"].tolist() == ["alphafold2_ptm"] * 4
    assert list(zip(table["model"], table["seed"], table["recycle"], strict=True)) == [(1, 7, 1), (2, 7, 2)] * 2
    assert list(zip(table["pLDDT"], table["pTM"], strict=True)) == [(60.0, 0.5), (70.0, 0.5)] * 2
    assert [Path(path).name for path in table["relaxed_pdb"].dropna()] == [
        f"{name}_relaxed_rank_001_alphafold2_ptm_model_2_seed_007.pdb" for name in names
    ]
    assert all(Path(path).is_file() for path in [*table["pdb"], *table["data_file"]])
    assert data.chain_length == {name: [7] for name in names}  # the residue X has no atoms
    pae = af_analysis.analysis.get_pae(table["data_file"].iloc[0])
    np.testing.assert_allclose(pae, prediction(SEQUENCE).pae, atol=0.0051)
    lines = (tmp_path / "first.a3m").read_text().splitlines(keepends=True)[1:]  # as plot_msa reads it
    sequences, _, found = af_analysis.sequence.parse_a3m(a3m_lines=lines, filter_qid=0.0, filter_cov=0.0)
    assert (sequences[0], found[0]) == (SEQUENCE, "X_101")
    assert found[1:] == [f"hit_{k}/1-8" for k in range(4)]


@pytest.mark.filterwarnings("ignore")
def test_af_analysis_reads_complexes(tmp_path: Path, af_analysis: Any) -> None:
    job(ColabFoldLayout(tmp_path, "trimer"), MULTIMER, (), COMPLEX)
    write_folder_files(tmp_path, SETTINGS | {"models": list(MULTIMER)})
    data = af_analysis.Data(str(tmp_path), verbose=False)
    table = data.df.sort_values("model")
    assert table["weight"].tolist() == ["alphafold2_multimer_v3"] * 2
    assert table["ipTM"].tolist() == [0.375, 0.375]
    assert table["ranking_confidence"].tolist() == [pytest.approx(0.8 * 0.375 + 0.2 * 0.5)] * 2
    assert data.chains == {"trimer": ["A", "B", "C"]}
    assert data.chain_length == {"trimer": [7, 7, 4]}  # the residue X has no atoms
    pae = af_analysis.analysis.get_pae(table["data_file"].iloc[0])
    np.testing.assert_allclose(pae, prediction(COMPLEX).pae, atol=0.0051)


@pytest.mark.filterwarnings("ignore")
def test_af_analysis_reads_alphafold_s_layout_of_multimer_names_only(tmp_path: Path, af_analysis: Any) -> None:
    """Monomer names are not read: its version 0.2.1 knows no weights of the name ptm, nor models without a suffix."""
    job(AlphaFoldLayout(tmp_path / "complex", "complex"), {"model_1_multimer_v3": 1}, (), COMPLEX)
    data = af_analysis.Data(str(tmp_path / "complex"), verbose=False)
    assert data.format == "default"
    assert sorted(data.df["state"]) == ["relaxed", "unrelaxed"]
    assert set(data.df["weight"]) == {"multimer_v3"}
    assert {Path(path).name for path in data.df["data_file"]} == {"result_model_1_multimer_v3_pred_0.pkl"}
    for model in ("model_1_ptm", "model_1"):
        job(AlphaFoldLayout(tmp_path / model, model), {model: 1})
        with pytest.raises(AssertionError):
            af_analysis.Data(str(tmp_path / model), verbose=False)
