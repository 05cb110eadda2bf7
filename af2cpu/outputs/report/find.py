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
    error: str | None  # why there are no results, or why the last run of it failed

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
    folders = [path for path in out.iterdir() if path.is_dir() and ((path / _RUN).is_file() or _begun(path))]
    found += [
        _found(AlphaFoldLayout(folder, folder.name), folder)
        for folder in folders
        if (folder / _RUN).is_file() or folder.name not in colabfold
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


def _begun(folder: Path) -> bool:
    return (folder / _SEARCH).is_file() or (folder / "log.txt").is_file()


def _found(layout: Layout, work: Path) -> Found:
    search = read_object(work / _SEARCH) if (work / _SEARCH).is_file() else {}
    error = search.get("error")
    if error is None and not layout.facts("run").is_file():
        error = _last_line(work / "log.txt") or "there are no results yet"
    return Found(layout, work, error)


def _last_line(log: Path) -> str | None:
    """Where a target failed, the last line is that of the exception."""
    lines = log.read_text(errors="replace").split("\n") if log.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), None)
