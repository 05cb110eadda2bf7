# SPDX-License-Identifier: Apache-2.0
"""Batches from the command line: shards into one folder, failures tried again, the log as JSON, the status."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from af2cpu.cli import app
from af2cpu.commands.console import show_outcomes
from af2cpu.outputs.layout import AlphaFoldLayout
from af2cpu.pipeline.run import Outcome
from af2cpu.runs.failures import read_failure
from af2cpu.runs.records import Failure

FASTA = "".join(f">{name}\nMKTAYIAKQR{letters}\n" for name, letters in (("a", "Q"), ("b", "WW"), ("c", "YYY")))
FIXED = ("--models", "tiny", "--params", "synthetic:0", "--db", "demo", "--recycles", "0", "--relax", "none")


def predict(folder: Path, *more: str, fasta: str = FASTA) -> Any:
    (folder / "in.fasta").write_text(fasta)
    return CliRunner().invoke(app, ["predict", str(folder / "in.fasta"), "-o", str(folder / "out"), *FIXED, *more])


def targets(out: Path) -> dict[str, str]:
    return {one["target"]: one["status"] for one in json.loads((out / "summary.json").read_bytes())["targets"]}


def test_shards_at_the_same_time_fill_one_folder(tmp_path: Path) -> None:
    (tmp_path / "in.fasta").write_text(FASTA)
    command = [sys.executable, "-m", "af2cpu", "predict", str(tmp_path / "in.fasta"), "-o", str(tmp_path / "out")]
    code = "from af2cpu.cli import main; main()"
    command = [sys.executable, "-c", code, *command[3:], *FIXED, "--threads", "1"]
    running = [subprocess.Popen([*command, "--shard", f"{number}/2"]) for number in (1, 2)]
    assert [process.wait() for process in running] == [0, 0]
    assert targets(tmp_path / "out") == {"a": "done", "b": "done", "c": "done"}
    page = (tmp_path / "out/index.html").read_text()
    assert all(f"{name}/report.html" in page for name in "abc")
    status = json.loads((tmp_path / "out/status.json").read_bytes())
    assert (status["state"], status["counts"]["done"], len(status["runs"])) == ("ended", 3, 2)
    shown = CliRunner().invoke(app, ["status", str(tmp_path / "out")]).output
    assert "3 targets: 3 done, 0 running, 0 waiting, 0 failed" in shown
    assert predict(tmp_path, "--shard", "4/4").output.count("nothing to do") == 1


def test_retry_failed_does_what_failed_and_no_more(tmp_path: Path) -> None:
    for name in "ab":  # a file where the folder of alignments must be
        (tmp_path / "out" / name).mkdir(parents=True)
        (tmp_path / "out" / name / "msas").write_text("")
    assert predict(tmp_path).exit_code == 1
    assert targets(tmp_path / "out") == {"a": "failed", "b": "failed", "c": "done"}
    (tmp_path / "out/a/msas").unlink()
    result = predict(tmp_path, "--retry-failed", "-v", fasta=FASTA + ">d\nMKTAYIAKQRVVVV\n")
    assert result.exit_code == 1
    assert targets(tmp_path / "out") == {"a": "done", "b": "failed", "c": "done"}
    assert not re.search(r" [cd]: ", result.output)
    assert read_failure(tmp_path / "out/b") is not None
    (tmp_path / "out/b/msas").unlink()
    assert predict(tmp_path, "--retry-failed").exit_code == 0
    result = predict(tmp_path, "--retry-failed")
    assert result.exit_code == 0
    assert "nothing to do" in result.output


@pytest.mark.parametrize("place", ["file", "-"])
def test_the_log_as_json(tmp_path: Path, place: str) -> None:
    log = tmp_path / "log.jsonl" if place == "file" else "-"
    result = predict(tmp_path, "--log-json", str(log), fasta=FASTA.split(">b")[0])
    assert result.exit_code == 0, result.output
    text = log.read_text() if isinstance(log, Path) else result.stderr
    lines = [json.loads(line) for line in text.splitlines()]  # nothing else on standard error
    assert {tuple(line) for line in lines} == {("time", "kind", "target", "stage", "worker", "text", "numbers")}
    stages = [line["stage"] for line in lines if line["kind"] == "started" and line["target"] == "a"]
    assert stages[-3:] == ["plots", "run record", "report"]
    finished = next(line for line in lines if line["kind"] == "finished" and line["stage"] == "prediction")
    assert finished["text"] == "a/prediction/tiny_pred_0"
    assert finished["numbers"]["made"] == 1
    assert [line["target"] for line in lines if line["kind"] == "done"] == ["a"]
    documented = Path(__file__).parents[2].joinpath("docs/batches.md").read_text()
    assert all(f"`{name}`" in documented for name in (*lines[0], *{line["kind"] for line in lines}))


def test_a_log_that_can_t_be_opened_is_refused(tmp_path: Path) -> None:
    result = predict(tmp_path, "--log-json", str(tmp_path))
    assert result.exit_code == 2
    assert "--log-json" in result.output


def test_many_outcomes_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failure = Failure("msa", "no luck")
    outcomes = [Outcome(f"t{k}", 9, tmp_path / f"t{k}", AlphaFoldLayout(tmp_path, "t"), failure) for k in range(1000)]
    show_outcomes(outcomes)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["1,000 targets: 0 done, 1,000 failed", "t0 failed: no luck"]
    assert lines[-1] == "and 950 more; status.json has them all"
    assert len(lines) == 52
