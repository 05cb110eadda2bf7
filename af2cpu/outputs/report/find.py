"""The targets of a results folder, in both layouts, those without results among them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from af2cpu.errors import InputError
from af2cpu.outputs.layout import AlphaFoldLayout, ColabFoldLayout, Layout

_RUN = "run.json"  # written when a target is done
_SEARCH = "search.json"  # written when its features are there, or could not be made


@dataclass(frozen=True)
class Found:
    """One target of a results folder."""

    layout: Layout
    work: Path  # where features.npz, search.json and log.txt of it are
    error: str | None  # that there are no results, or that the last run of it failed, and why

    @property
    def name(self) -> str:
        return self.layout.job

    @property
    def done(self) -> bool:
        """Whether there are results, of this run or of one before."""
        return self.layout.facts("run").is_file()


def find_targets(out: Path) -> list[Found]:
    """Sorted by name. `out` is the folder of a run or, in AlphaFold 2's layout, that of one target.

    Raises InputError if there is no such folder.
    """
    if not out.is_dir():
        raise InputError(f"{out}: no such folder; give the one that af2cpu predict -o wrote")
    if (out / _RUN).is_file():
        return [_found(AlphaFoldLayout(out, out.resolve().name), out)]
    colabfold = {path.name.removesuffix(f"_{_RUN}") for path in out.glob(f"?*_{_RUN}")}
    found = [_found(ColabFoldLayout(out, job), out / job) for job in colabfold]
    found += [
        _found(AlphaFoldLayout(folder, folder.name), folder)
        for folder in out.iterdir()
        if (folder / _RUN).is_file() or ((folder / _SEARCH).is_file() and folder.name not in colabfold)
    ]
    return sorted(found, key=lambda one: one.layout.facts("run").as_posix())


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object of the results. Raises InputError that names the file."""
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise InputError(f"{path}: can't be read ({error}); run af2cpu predict again") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a JSON object; run af2cpu predict again")
    return content


def read_run(layout: Layout) -> dict[str, Any]:
    """run.json of a target. Raises InputError that names it if it is missing, damaged or not of this program."""
    path = layout.facts("run")
    run = read_object(path)
    missing = [key for key in ("name", "sequence", "settings", "ranking", "not_relaxed") if key not in run]
    if missing or not run["ranking"]:
        raise InputError(f"{path}: lacks {', '.join(missing) or 'any prediction'}; run af2cpu predict again")
    return run


def _found(layout: Layout, work: Path) -> Found:
    return Found(layout, work, _error(work, layout.facts("run").is_file()))


def _error(work: Path, done: bool) -> str | None:
    if not (work / _SEARCH).is_file():
        return None
    try:
        error = read_object(work / _SEARCH).get("error")
    except InputError as damaged:
        error = str(damaged)
    if error is None and not done:
        error = _last_line(work / "log.txt")
        return f"failed: {error}" if error else "no prediction yet"
    return f"failed: {error}" if error else None


def _last_line(log: Path) -> str | None:
    """Where a target failed, the last line is that of the exception."""
    lines = log.read_text(errors="replace").split("\n") if log.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), None)
