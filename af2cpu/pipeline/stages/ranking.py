# SPDX-License-Identifier: Apache-2.0
"""The order of a protein's predictions: computed anew each time, without a file. `ranked` names files by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from af2cpu.confidence import rank
from af2cpu.runs.records import Ranked
from af2cpu.workspace import Stage, Work, each


def _depends_on(work: Work[None]) -> Mapping[str, Any]:
    return {"predictions": [prediction.content for prediction in work.all("predictions")]}


def _ranked(work: Work[None], cores: int = 1) -> Ranked:
    return Ranked(rank(prediction.done.confidence for prediction in work.all("predictions")))


RANKING = Stage(name="ranking", version=1, done=Ranked, depends_on=_depends_on, make=each(_ranked), kept=_ranked)
