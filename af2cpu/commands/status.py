# SPDX-License-Identifier: Apache-2.0
"""af2cpu status: how the runs on a results folder get on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from af2cpu.commands import options as o
from af2cpu.commands.console import print_json, print_line, shortened
from af2cpu.commands.errors import one_line
from af2cpu.commands.paths import path as as_path
from af2cpu.runs.records import to_json
from af2cpu.runs.status import FolderStatus, RunLine, read_status
from af2cpu.words import counted, duration

_NAME, _STAGE, _SHOWN, _WIDTH = 30, 16, 20, 80


def status(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDERS", parser=as_path, help="Folders of results: what af2cpu predict got as --out."),
    ],
    as_json: o.AsJson = False,
) -> None:
    """Show which targets in a results folder are done, running, waiting and failed, and when the run will end.

    It works during runs, on this machine or others, and after them. It also detects runs that were killed.

    Scripts read the same from OUT/status.json, which is written every few seconds.

    Example: af2cpu status results
    """
    with one_line():
        found = [(folder, read_status(folder)) for folder in folders]
        if as_json:
            content = {str(folder): to_json(one) for folder, one in found}
            print_json(content if len(found) > 1 else to_json(found[0][1]))
            return
        for folder, one in found:
            for line in status_lines(str(folder), one, datetime.now().astimezone()):
                print_line(line)


def status_lines(folder: str, found: FolderStatus, now: datetime) -> Iterator[str]:
    """The status as text of at most 80 columns, but for reasons and folders."""
    counts = found.counts
    yield f"{folder}: {_headline(found, now)}"
    parts = [(counts.done, "done"), (counts.running, "running"), (counts.waiting, "waiting"), (counts.failed, "failed")]
    parts += [(counts.unfinished, "left unfinished")] if counts.unfinished else []
    yield f"  {counted(counts.targets, 'target')}: {', '.join(f'{number:,} {word}' for number, word in parts)}"
    if found.running:
        yield from _table("in work", ([one.target, one.stage, _clock(one.since, now)] for one in found.running))
    if found.failed:
        yield from _table("failed", ([one.target, one.stage, one.reason] for one in found.failed))
    if len(found.runs) > 1 or found.runs[0].state != "running":
        yield "  runs"
        yield from _shown([_run(run, now) for run in reversed(found.runs)])
    if counts.unfinished:
        yield "  the same command again finishes what is left"
    elif counts.failed and found.state != "running":
        yield "  the same command again, or with --retry-failed, tries what failed once more"


def _headline(found: FolderStatus, now: datetime) -> str:
    if found.state != "running":
        return f"no run is at work; the last one {found.state} {_clock(found.updated, now)}"
    end = found.estimated_end
    if end is None:
        return "running"
    return f"running, ends about {_clock(end, now)}, in {duration(max((end - now).total_seconds(), 0.0))}"


def _clock(moment: datetime, now: datetime) -> str:
    """The time, with the day unless it is today."""
    local = moment.astimezone()
    return f"{local:%H:%M}" if local.date() == now.date() else f"{local:%Y-%m-%d %H:%M}"


def _table(title: str, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"  {title}"
    lines = [
        f"{shortened(name, _NAME):<{_NAME}} {shortened(stage, _STAGE):<{_STAGE}} {last}" for name, stage, last in rows
    ]
    yield from _shown(lines)


def _shown(lines: Sequence[str]) -> Iterator[str]:
    """The first lines, indented and cut at 80 columns, and how many there are more."""
    for line in lines[:_SHOWN]:
        yield "    " + (line if len(line) <= _WIDTH - 4 else f"{line[: _WIDTH - 5]}…")
    if len(lines) > _SHOWN:
        yield f"    and {len(lines) - _SHOWN:,} more; --json has all"


def _run(run: RunLine, now: datetime) -> str:
    reason = f": {run.reason}" if run.reason else ""
    when = "" if run.state == "running" else f" {_clock(run.updated, now)}"
    return f"{_clock(run.started, now)} on {run.host}, {counted(run.targets, 'target')}, {run.state}{when}{reason}"
