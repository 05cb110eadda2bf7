"""The order of a protein's predictions. It is quick and leaves no file: `ranked` shows it in names of files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from af2cpu.confidence import rank
from af2cpu.run_records import Ranked
from af2cpu.workspace import Stage, Work, each


def _depends_on(work: Work[None]) -> Mapping[str, Any]:
    return {"predictions": [prediction.content for prediction in work.all("predictions")]}


def _make(work: Work[None], cores: int) -> Ranked:
    return Ranked(rank(prediction.done.confidence for prediction in work.all("predictions")))


RANKING = Stage(name="ranking", version=1, done=Ranked, depends_on=_depends_on, make=each(_make))
