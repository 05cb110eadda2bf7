# SPDX-License-Identifier: Apache-2.0
"""af2cpu predict from a sequence to files, with the `tiny` network: what is written, reused, refused and survived."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kill_cases import contents, done, finish, kill, start
from typer.testing import CliRunner

import af2cpu as af2cpu_package
from af2cpu.cli import app
from af2cpu.commands.console import show_outcomes
from af2cpu.errors import InputError
from af2cpu.outputs.arrays import read_result
from af2cpu.outputs.layout import LAYOUTS
from af2cpu.pipeline.run import Outcome
from af2cpu.runs.records import Failure
from af2cpu.workspace import TargetLocks

PEPTIDE = "MKTAYIAKQRQ"


def af2cpu(*arguments: object) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="session")
def alignment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("input") / "peptide.a3m"
    path.write_text(f">peptide\n{PEPTIDE}\n>relative\n{PEPTIDE[:4]}V-aa{PEPTIDE[6:]}\n")
    return path


def _predict(alignment: Path, out: Path, *more: object) -> Any:
    fixed = ("--models", "tiny", "--params", "synthetic:0", "--precision", "fp32", "--recycles", 1)
    return af2cpu("predict", alignment, "-o", out, *fixed, *more)


@pytest.fixture(scope="module")
def predicted(alignment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    result = _predict(alignment, out, "--relax", "none", "--num-seeds", 2)
    assert result.exit_code == 0, result.output
    return out / "peptide"


def test_files_of_alphafold(predicted: Path) -> None:
    for index in (0, 1):
        for name in ("unrelaxed_tiny_pred_{}.pdb", "unrelaxed_tiny_pred_{}.cif", "result_tiny_pred_{}.npz"):
            assert (predicted / name.format(index)).is_file()
        assert (predicted / f"ranked_{index}.pdb").is_file()
        assert (predicted / f"pae_ranked_{index}.json").is_file()
    scores = json.loads((predicted / "ranking_debug.json").read_text())["plddts"]
    assert scores["tiny_pred_0"] != scores["tiny_pred_1"]  # another seed, another draw
    assert (predicted / "ranked_0.pdb").read_bytes() == (
        predicted / f"unrelaxed_{max(scores, key=scores.__getitem__)}.pdb"
    ).read_bytes()
    assert {path.name for path in (predicted / "plots").glob("*.png")} == {"coverage.png", "plddt.png", "pae.png"}
    assert "mean nothing" in (predicted / "report.html").read_text()
    assert 'href="peptide/report.html"' in (predicted.parent / "index.html").read_text()


def test_synthetic_parameters_are_said_aloud(predicted: Path) -> None:
    assert "mean nothing" in json.loads((predicted / "run.json").read_text())["warnings"][0]
    assert "mean nothing" in (predicted / "ranked_0.cif").read_text()
    assert "MEAN NOTHING" in (predicted / "ranked_0.pdb").read_text().upper()


def test_again_reuses_everything(alignment: Path, predicted: Path) -> None:
    before = contents(predicted)
    times = {path: path.stat().st_mtime_ns for path in predicted.glob("result_*.npz")}
    result = _predict(alignment, predicted.parent, "--relax", "none", "--num-seeds", 2)
    assert result.exit_code == 0
    assert " current" in result.stdout
    assert "pass 1" not in result.stderr
    assert contents(predicted) == before
    assert {path: path.stat().st_mtime_ns for path in times} == times


@pytest.mark.fault(34, "what depends on them is computed again, the rest is used again")
def test_another_setting_runs_what_depends_on_it(alignment: Path, tmp_path: Path) -> None:
    assert _predict(alignment, tmp_path, "--relax", "none").exit_code == 0
    features = (tmp_path / "peptide" / "features.npz").stat().st_mtime_ns
    again = af2cpu(
        *("predict", alignment, "-o", tmp_path, "--models", "tiny", "--params", "synthetic:0", "--relax", "none"),
        *("--precision", "fp32", "--recycles", 2),
    )
    assert "pass 3 of 3" in again.stderr
    assert (tmp_path / "peptide" / "features.npz").stat().st_mtime_ns == features


def test_an_extra_pass_is_another_prediction(alignment: Path, tmp_path: Path) -> None:
    """Recycling stops early; the setting asks for the pass that DeepMind's program makes after that."""
    fixed = ("predict", alignment, "-o", tmp_path, "--models", "tiny", "--params", "synthetic:0", "--relax", "none")
    stopping = (*fixed, "--precision", "fp32", "--recycles", 5, "--recycle-tolerance", 1e6)
    for extra, n_passes in (((), 2), (("--recycle-extra-pass",), 3)):
        result = af2cpu(*stopping, *extra)
        assert result.exit_code == 0, result.output
        assert result.stderr.count(": pass ") == n_passes
        run = json.loads((tmp_path / "peptide" / "run.json").read_text())
        assert len(run["passes"]["tiny_pred_0"]) == n_passes
        assert run["settings"]["recycle_extra_pass"] is bool(extra)
    assert ": pass " not in af2cpu(*stopping, "--recycle-extra-pass").stderr


def test_fold_goes_on_from_a_search(alignment: Path, predicted: Path, tmp_path: Path) -> None:
    assert af2cpu("search", alignment, "-o", tmp_path, "--features-only").exit_code == 0
    fixed = ("--models", "tiny", "--params", "synthetic:0", "--precision", "fp32", "--recycles", 1, "--relax", "none")
    result = af2cpu("fold", tmp_path, *fixed, "--num-seeds", 2)
    assert result.exit_code == 0, result.output
    results = [name for name in contents(predicted) if name.startswith(("result_", "ranked_", "pae_", "plots/"))]
    assert len(results) > 8
    assert {name: contents(tmp_path / "peptide")[name] for name in results} == {
        name: contents(predicted)[name] for name in results
    }
    again = _predict(alignment, tmp_path, "--relax", "none", "--num-seeds", 2)
    assert "pass 1" not in again.stderr
    assert af2cpu("fold", tmp_path / "peptide" / "plots", *fixed).exit_code == 2


def test_python_api_does_what_the_command_does(alignment: Path, predicted: Path, tmp_path: Path) -> None:
    settings = {"models": "tiny", "params": "synthetic:0", "precision": "fp32", "recycles": 1, "relax": "none"}
    (outcome,) = af2cpu_package.predict(alignment, tmp_path, num_seeds=2, **settings)
    assert outcome.error is None
    assert outcome.ranking is not None
    scores = json.loads((predicted / "ranking_debug.json").read_text())
    assert [entry.who.name for entry in outcome.ranking.entries] == scores["order"]
    worst = outcome.prediction(1)
    assert worst.atom_positions.shape == (len(PEPTIDE), 37, 3)
    assert float(worst.plddt.mean()) == pytest.approx(scores["plddts"][scores["order"][1]], abs=1e-4)
    for name in ("ranked_0.cif", "result_tiny_pred_1.npz"):
        assert (tmp_path / "peptide" / name).read_bytes() == (predicted / name).read_bytes()
    assert "pass 2 of 2" in (tmp_path / "peptide" / "log.txt").read_text()
    for rank, entry in enumerate(outcome.ranking.entries):
        one, written = outcome.prediction(rank), predicted / f"unrelaxed_{entry.who.name}.cif"
        assert one.to_cif() == written.read_text()
        assert one.to_pdb() == written.with_suffix(".pdb").read_text()
    with pytest.raises(ValueError, match="none of rank 2"):
        outcome.prediction(2)
    with pytest.raises(InputError, match="recicles"):
        af2cpu_package.predict(alignment, tmp_path, recicles=1)
    with pytest.raises(InputError, match="numa_node"):
        af2cpu_package.predict(alignment, tmp_path, numa_node=0, **settings)


def test_a_model_in_python_predicts_what_the_command_does(alignment: Path, predicted: Path) -> None:
    """To the last bit, from the same rows: seed k is prediction k."""
    rows = alignment.read_text().splitlines()[1::2]
    features = af2cpu_package.features_from_msa(PEPTIDE, rows)
    model = af2cpu_package.load_model("tiny", "synthetic:0")
    for seed in (0, 1):
        one = model.predict(features, recycles=1, seed=seed)
        written = read_result(predicted / f"result_{one.name}.npz", "tiny")
        assert one.name == f"tiny_pred_{seed}"
        assert np.array_equal(one.atom_positions, written.atom_positions)
        assert np.array_equal(one.plddt, written.plddt)


def test_times_are_kept_of_what_is_reused(alignment: Path, predicted: Path) -> None:
    names = {"features"} | {
        f"{what}_tiny_pred_{k}" for what in ("process_features", "predict_and_compile") for k in (0, 1)
    }
    timings = json.loads((predicted / "timings.json").read_text())
    assert set(timings) == names
    assert all(seconds > 0 for seconds in timings.values())
    assert _predict(alignment, predicted.parent, "--relax", "none", "--num-seeds", 2).exit_code == 0
    assert json.loads((predicted / "timings.json").read_text()) == timings


def test_colabfold_layout(alignment: Path, tmp_path: Path) -> None:
    assert _predict(alignment, tmp_path, "--relax", "none", "--layout", "colabfold").exit_code == 0
    names = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert "peptide_unrelaxed_rank_001_af2cpu_tiny_seed_000.pdb" in names
    assert {"peptide.a3m", "peptide.done.txt", "peptide_plddt.png", "peptide_report.html", "index.html"} <= names
    assert {"log.txt", "config.json", "cite.bibtex"} <= names
    assert (tmp_path / "peptide.a3m").read_text() == (
        f"#{len(PEPTIDE)}\t1\n>101\n{PEPTIDE}\n>relative\n{PEPTIDE[:4]}V-xx{PEPTIDE[6:]}\n"
    )
    assert " af2cpu_tiny_seed_000 recycle=1 pLDDT=" in (tmp_path / "log.txt").read_text()
    again = _predict(alignment, tmp_path, "--relax", "none", "--layout", "colabfold")
    assert "pass 1" not in again.stderr


@pytest.mark.parametrize("file", ["features.npz", "search.json", "run.json"])
def test_one_target_fails_the_others_go_on(tmp_path: Path, file: str) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.a3m").write_text(f">{name}\n{PEPTIDE}\n")
    (out / "b" / file).mkdir(parents=True)  # nothing can be written there
    result = _predict(folder, out, "--relax", "none")
    assert result.exit_code == 1
    assert "failed" in result.stdout
    assert "failed: " in (out / "b" / "log.txt").read_text().splitlines()[-1]
    if file != "search.json":  # by which the page knows of a target without results
        assert "failed: " in (out / "index.html").read_text()
    assert (out / "a" / "ranked_0.pdb").is_file()
    assert (out / "c" / "ranked_0.pdb").is_file()


def test_a_log_that_can_t_be_written_is_told_and_costs_nothing(alignment: Path, tmp_path: Path) -> None:
    (tmp_path / "peptide" / "log.txt").mkdir(parents=True)
    result = _predict(alignment, tmp_path, "--relax", "none")
    assert result.exit_code == 0, result.output
    assert "peptide: log.txt can't be written: " in result.stderr
    assert (tmp_path / "peptide" / "ranked_0.pdb").is_file()


def test_more_targets_than_files_may_be_open(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for k in range(60):
        (folder / f"t{k}.a3m").write_text(f">t{k}\n{PEPTIDE}\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 30, hard))
    try:
        result = af2cpu("search", folder, "-o", tmp_path / "out", "--features-only", "--workers", 1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "out").glob("*/features.npz"))) == 60


def test_the_table_shows_errors_as_they_are(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    outcome = Outcome("a", 1, tmp_path, LAYOUTS["af2"](tmp_path, "a"), Failure("features", "no [bold] and [/x]"))
    show_outcomes([outcome])
    assert "no [bold] and [/x]" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--models", "model_9"), "unknown model 'model_9'"),
        (("--recycles", "21"), "--recycles"),
        (("--precision", "fp8"), "--precision"),
        (("--max-msa", "many"), "--max-msa takes CLUSTERS:EXTRA"),
        (("--params", "nowhere"), "nowhere: no such parameter file"),
    ],
)
def test_bad_use_is_one_line(alignment: Path, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    result = af2cpu("predict", alignment, "-o", tmp_path / "out", "--params", "synthetic:0", *arguments)
    assert result.exit_code == 2, result.output
    assert message in result.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_refused(alignment: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    result = _predict(alignment, tmp_path / "out", "--dry-run")
    assert result.exit_code == 2
    assert f"{tmp_path / 'out'} is a file; give another folder with -o" in result.stderr.splitlines()[-1]


def test_no_parameters_says_how_to_get_them(alignment: Path, tmp_path: Path) -> None:
    result = af2cpu("predict", alignment, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "af2cpu params download --params FOLDER" in result.stderr
    assert "--params demo" in result.stderr
    result = af2cpu("predict", alignment, "-o", tmp_path / "out", "--data-dir", tmp_path / "gone")
    assert f"--data-dir {tmp_path / 'gone'}: no such folder" in result.stderr


def test_a_digit_in_the_third_record_starts_nothing(tmp_path: Path) -> None:
    fasta = tmp_path / "five.fasta"
    fasta.write_text("".join(f">r{k}\n{PEPTIDE}{'7' if k == 3 else ''}\n" for k in range(1, 6)))
    result = _predict(fasta, tmp_path / "out")
    assert result.exit_code == 2
    assert "record 3" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.fault(9)
def test_too_long_for_the_memory_is_refused_before_the_search(tmp_path: Path) -> None:
    fasta = tmp_path / "long.fasta"
    fasta.write_text(f">long\n{PEPTIDE * 20_000}\n")
    result = af2cpu("predict", fasta, "-o", tmp_path / "out", "--params", "synthetic:0", "--data-dir", tmp_path)
    assert result.exit_code == 2
    assert "long.fasta, record 1 (long): 220000 residues need about" in result.stderr.splitlines()[-1]


def test_memory_given_is_not_exceeded(alignment: Path, tmp_path: Path) -> None:
    result = _predict(alignment, tmp_path / "out", "--memory", "200M", "--dry-run")
    assert result.exit_code == 2
    assert "0.2 GB are free" in result.stderr.splitlines()[-1]
    assert _predict(alignment, tmp_path / "out", "--memory", "4G", "--dry-run").exit_code == 0


def test_a_gene_is_warned_about_before_the_run(tmp_path: Path) -> None:
    path = tmp_path / "x.fasta"
    path.write_text(f">gene\nACGTTGCAAC\n>protein\n{PEPTIDE}\n")
    fixed = ("--models", "tiny", "--params", "synthetic:0", "--db", "demo", "--dry-run")
    told = af2cpu("predict", path, "-o", tmp_path / "out", *fixed).stderr
    assert " ".join(told.split()).count("warning: gene: looks like DNA or RNA") == 1


def test_dry_run_starts_nothing(alignment: Path, tmp_path: Path) -> None:
    result = _predict(alignment, tmp_path / "out", "--dry-run")
    assert result.exit_code == 0
    assert "peptide: 11 residues, 2 passes" in result.stderr
    assert not (tmp_path / "out").exists()


def test_flags_win_over_variables_and_these_over_the_file(
    alignment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = tmp_path / "run.toml"
    toml.write_text('models = ["tiny"]\nparams = "synthetic:0"\nrecycles = 4\nensembles = 2\n')
    monkeypatch.setenv("AF2CPU_RECYCLES", "5")
    arguments = ("predict", alignment, "-o", tmp_path / "out", "--config", toml, "--dry-run")
    assert "12 passes" in af2cpu(*arguments).stderr  # (5 + 1) x 2
    assert "4 passes" in af2cpu(*arguments, "--recycles", 1).stderr
    toml.write_text("recicles = 4\n")
    wrong = af2cpu(*arguments)
    assert wrong.exit_code == 2
    assert "recicles" in wrong.stderr
    monkeypatch.setenv("AF2CPU_RECYCLES", "many")
    wrong = af2cpu(*arguments[:-3], "--dry-run")
    assert wrong.exit_code == 2
    assert "AF2CPU_RECYCLES=many: must be a whole number, 0 to 20" in wrong.stderr.splitlines()[-1]


@pytest.mark.fault(33)
def test_a_second_run_on_the_folder_is_refused(alignment: Path, predicted: Path) -> None:
    with TargetLocks() as locks:
        locks.take(predicted)
        result = _predict(alignment, predicted.parent, "--relax", "none")
    assert result.exit_code == 1
    assert "another run is at work" in " ".join(result.stdout.split())


@pytest.mark.fault("temporary files")
def test_temporary_files_of_a_killed_run_are_swept(alignment: Path, predicted: Path) -> None:
    left = predicted / ".result_tiny_pred_0.npz.4711.tmp"
    left.write_bytes(b"half")
    assert _predict(alignment, predicted.parent, "--relax", "none", "--num-seeds", 2).exit_code == 0
    assert not left.exists()


def _arguments(alignment: Path, out: Path, recycles: int) -> list[str]:
    fixed = ["--models", "tiny", "--params", "synthetic:0", "--precision", "fp32", "--threads", "1"]
    return ["predict", str(alignment), "-o", str(out), *fixed, "--recycles", str(recycles)]


@pytest.mark.fault(35, "stops within seconds, keeps what is complete, exit code 130")
def test_ctrl_c_while_the_network_runs(alignment: Path, tmp_path: Path) -> None:
    process = start(_arguments(alignment, tmp_path, 20))
    assert process.stdout is not None
    for line in process.stdout:
        if "pass 1 of 21" in line:
            process.send_signal(signal.SIGINT)
            break
    output, _ = process.communicate()
    assert process.returncode == 130, output
    assert "interrupted; what is complete is kept" in output
    assert "Traceback" not in output
    assert (tmp_path / "peptide" / "features.npz").is_file()
    assert not (tmp_path / "peptide" / "result_tiny_pred_0.npz").exists()


@pytest.mark.fault(
    29, "the next run ends with the same files, bit for bit but for times, and repeats only what was in work"
)
def test_killed_at_any_moment_it_ends_the_same(alignment: Path, tmp_path: Path) -> None:
    """Three kills at random moments, then to the end: all but times is equal, bit for bit.

    The tiny network's structure is noise and is not relaxed; tests/unit/relax has the bits of a relaxation.
    """
    duration = finish(_arguments(alignment, tmp_path / "undisturbed", 1))
    arguments, folder = _arguments(alignment, tmp_path / "killed", 1), tmp_path / "killed" / "peptide"
    seed = random.randrange(10**6)
    moments = random.Random(seed)
    for _ in range(3):
        before = done(folder)
        kill(arguments, moments.uniform(0.2, 0.95) * duration)
        assert before.items() <= done(folder).items(), f"seed {seed}"
    before = done(folder)
    finish(arguments)
    assert before.items() <= done(folder).items(), f"seed {seed}"
    ours, theirs = contents(folder), contents(tmp_path / "undisturbed" / "peptide")
    assert set(ours) == set(theirs), f"seed {seed}"
    assert [name for name in ours if ours[name] != theirs[name]] == [], f"seed {seed}"
    assert "noise" in json.loads(ours["run.json"])["not_relaxed"]["tiny_pred_0"], f"seed {seed}"
    timings = [json.loads((place / "timings.json").read_text()) for place in (folder, tmp_path / "undisturbed/peptide")]
    assert timings[0].keys() == timings[1].keys(), f"seed {seed}"
