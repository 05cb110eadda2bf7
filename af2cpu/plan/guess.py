# SPDX-License-Identifier: Apache-2.0
"""Initial guesses of the targets: found, read and matched before any work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from af2cpu.errors import InputError
from af2cpu.features.initial_guess import read_initial_guess
from af2cpu.formats.streams import name_of
from af2cpu.plan.jobs import Job
from af2cpu.settings import RunSettings

_ENDINGS = (".pdb", ".cif", ".pdb.gz", ".cif.gz")


def with_initial_guesses(jobs: Sequence[Job], settings: RunSettings) -> tuple[Job, ...]:
    """The jobs with the structures of --initial-guess. Raises InputError for files that can't be used."""
    given = settings.initial_guess
    if given is None:
        return tuple(jobs)
    if not given.is_dir() and len(jobs) > 1:
        raise InputError(
            f"--initial-guess {name_of(given)}: fits one target, and there are {len(jobs)}; give a folder with a file "
            f"for each, such as {jobs[0].name}.pdb"
        )
    return tuple(_with_guess(job, _file_of(given, job)) for job in jobs)


def _file_of(given: Path, job: Job) -> Path:
    if not given.is_dir():
        return given
    files = [path for ending in _ENDINGS if (path := given / f"{job.name}{ending}").is_file()]
    if not files:
        raise InputError(f"--initial-guess {given}: has no {job.name}.pdb, .cif or .gz of them; every target needs one")
    return files[0]


def _with_guess(job: Job, path: Path) -> Job:
    guess = read_initial_guess(path, job.query)
    return replace(job, guess=path, notes=(*job.notes, *guess.notes))
