# SPDX-License-Identifier: Apache-2.0
"""The Slurm scripts: well-formed, and run for real with a stand-in for srun that starts the program here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from program_cases import features, inputs

SCRIPTS = Path(__file__).parents[2] / "scripts"
FASTA = "".join(f">{name}\nMKTAYIAKQR{letters}\n" for name, letters in (("a", "Q"), ("b", "WW")))
FIXED = "--models tiny --params synthetic:0 --db demo --recycles 0 --relax none".split()
STAND_INS = {
    "srun": 'while [ "${1#-}" != "$1" ]; do echo "$1" >> "$SRUN_OPTIONS"; shift; done\nexec "$@"\n',
    "af2cpu": f'exec "{sys.executable}" -c "from af2cpu.cli import main; main()" "$@"\n',
    "dask": f'exec "{sys.executable}" -m dask "$@"\n',
}


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*/*.s[bh]*")), ids=lambda path: path.name)
def test_scripts_are_well_formed(path: Path) -> None:
    shell = path.read_text().splitlines()[0].removeprefix("#!")
    subprocess.run([shell, "-n", path], check=True)
    assert max(map(len, path.read_text().splitlines())) <= 120


def run(folder: Path, script: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A script as Slurm would run it, in a folder with the input."""
    (folder / "bin").mkdir(exist_ok=True)
    for name, body in STAND_INS.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{body}")
        (folder / "bin" / name).chmod(0o755)
    (folder / "in.fasta").write_text(FASTA)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
    root = str(SCRIPTS.parent)
    environment = inherited | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": root} | variables
    environment |= {"SRUN_OPTIONS": str(folder / "srun.txt"), "SLURM_CPUS_PER_TASK": "2"}
    command = ["bash", str(SCRIPTS / "slurm" / script), *arguments]
    options: dict[str, Any] = {"cwd": folder, "env": environment, "capture_output": True, "text": True}
    return subprocess.run(command, check=False, timeout=300, **options)


def done(out: Path) -> set[str]:
    return {one["target"] for one in json.loads((out / "summary.json").read_bytes())["targets"]}


def test_one_job(tmp_path: Path) -> None:
    ended = run(tmp_path, "one_job.sbatch", "in.fasta", "my results", *FIXED, SLURM_JOB_ID="7")
    assert ended.returncode == 0, ended.stderr
    assert done(tmp_path / "my results") == {"a", "b"}
    assert (tmp_path / "srun.txt").read_text() == "--ntasks=1\n"


def array(number: int, numbers: tuple[int, ...]) -> dict[str, str]:
    """The variables of one job of an array."""
    values = {"ID": number, "MIN": min(numbers), "MAX": max(numbers), "COUNT": len(numbers)}
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in values.items()}


def test_a_job_array(tmp_path: Path) -> None:
    for number in (1, 2):
        ended = run(tmp_path, "array.sbatch", "in.fasta", "out", *FIXED, **array(number, (1, 2)))
        assert ended.returncode == 0, ended.stderr
        assert len(done(tmp_path / "out")) == 1 or number == 2
    assert done(tmp_path / "out") == {"a", "b"}


def test_some_jobs_of_an_array_need_the_number_of_parts(tmp_path: Path) -> None:
    ended = run(tmp_path, "array.sbatch", "in.fasta", "out", *FIXED, **array(3, (3, 7)))
    assert ended.returncode == 2
    assert "PARTS=16" in ended.stderr
    ended = run(tmp_path, "array.sbatch", "in.fasta", "out", "--dry-run", *FIXED, PARTS="9", **array(7, (3, 7)))
    assert ended.returncode == 0, ended.stderr
    assert "nothing to do" in ended.stderr  # two targets do not reach part 7 of 9
    ended = run(tmp_path, "array.sbatch", "in.fasta", "out")
    assert "no job array" in ended.stderr


def test_dask_on_the_nodes_of_a_job(tmp_path: Path) -> None:
    variables = {"SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "1"}
    ended = run(tmp_path, "dask.sbatch", "in.fasta", "out", *FIXED, **variables)
    assert ended.returncode == 0, ended.stderr
    assert done(tmp_path / "out") == {"a", "b"}
    assert not list(tmp_path.glob("af2cpu-scheduler-*"))
    assert (tmp_path / "srun.txt").read_text() == "--ntasks=1\n--ntasks-per-node=1\n"
    status = json.loads((tmp_path / "out/status.json").read_bytes())
    assert (status["state"], status["counts"]["done"]) == ("ended", 2)


@pytest.mark.parametrize("script", ["one_job.sbatch", "array.sbatch", "dask.sbatch"])
def test_wrong_use_is_told(tmp_path: Path, script: str) -> None:
    ended = run(tmp_path, script, "in.fasta", **array(1, (1,)))
    assert ended.returncode == 2
    assert ended.stderr.startswith("usage: sbatch")


SBATCH = {
    "sbatch": 'cp "$1" job.sh\nsetsid bash job.sh > job.log 2>&1 &\necho $! > job.pid\necho "Submitted batch job 17"\n',
    "scancel": 'kill -- "-$(cat job.pid)"\necho "$@" > cancelled\n',
}


def with_jobs(folder: Path, config: str) -> subprocess.CompletedProcess[str]:
    """af2cpu search --slurm, with a stand-in for sbatch that runs the job's script here."""
    (folder / "bin").mkdir()
    for name, body in SBATCH.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{body}")
        (folder / "bin" / name).chmod(0o755)
    (folder / "jobs.toml").write_text(config)
    source = inputs(folder / "in", "a", "b")
    command = [sys.executable, "-m", "af2cpu.cli", *map(str, features(source, "out", "--slurm"))]
    environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    options: dict[str, Any] = {"cwd": folder, "env": environment, "capture_output": True, "text": True}
    return subprocess.run([*command, "--cluster-config", "jobs.toml"], check=False, timeout=300, **options)


def test_jobs_of_dask_jobqueue(tmp_path: Path) -> None:
    ended = with_jobs(tmp_path, 'cores = 2\nmemory = "2GB"\nwalltime = "01:00:00"\n')
    assert ended.returncode == 0, ended.stderr
    assert "1 job asked for" in ended.stderr
    assert len(list((tmp_path / "out").glob("*/features.npz"))) == 2
    script = (tmp_path / "job.sh").read_text()
    assert "#SBATCH --cpus-per-task=2" in script
    assert "#SBATCH -t 01:00:00" in script
    assert "af2cpu worker --scheduler tcp://" in script
    assert (tmp_path / "cancelled").read_text() == "17\n"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("cores = 2\n", "jobs.toml: lacks memory of a job; give number, cores and memory"),
        ('cores = 2\nmemory = "2GB"\ncheese = 1\n', "jobs.toml: dask-jobqueue does not take it: "),
    ],
)
def test_jobs_that_can_t_be_asked_for(tmp_path: Path, config: str, message: str) -> None:
    ended = with_jobs(tmp_path, config)
    assert ended.returncode == 2, ended.stderr
    assert message in ended.stderr.splitlines()[-1]
