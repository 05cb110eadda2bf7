# SPDX-License-Identifier: Apache-2.0
"""af2cpu report: the pages of a results folder, again; several runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from af2cpu.commands.errors import FAILED, one_line
from af2cpu.commands.paths import path as as_path
from af2cpu.errors import InputError

_MIN_COMPARED = 2


def report(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDERS",
            parser=as_path,
            help="Folders that af2cpu predict wrote, or those of single targets in them.",
        ),
    ],
    compare: Annotated[
        bool, typer.Option("--compare", help="Compare the runs in two or more folders on one page.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            parser=as_path,
            metavar="FILE",
            help="Page that --compare writes. Default: compare.html in the current folder.",
        ),
    ] = None,
) -> None:
    """Write report.html of each target, index.html and the summary files of all, from the files in a folder.

    With --compare, write one page that shows the targets of several runs side by side.

    The exit code is 1 if files of a target are damaged; the others get their reports.

    Example: af2cpu report results; af2cpu report --compare run1 run2
    """
    with one_line():
        if compare:
            _compare(folders, out)
            return
        if out is not None:
            raise InputError("--out names the page of --compare; the other pages go into the folder itself")
        damaged = [folder for folder in folders if not _write_pages(folder)]
    if damaged:
        raise typer.Exit(FAILED)


def _compare(folders: list[Path], out: Path | None) -> None:
    from af2cpu.outputs.report import COMPARE, write_comparison

    if len(folders) < _MIN_COMPARED:
        raise InputError(f"--compare needs two folders or more, and {folders[0]} is the only one; add another")
    page = out or Path(COMPARE)
    typer.echo(write_comparison(folders, page / COMPARE if page.is_dir() else page))


def _write_pages(folder: Path) -> bool:
    """Whether all targets of a folder could be read. Raises InputError if it has none."""
    from af2cpu.outputs.report import find_targets, write_index, write_report

    done = [one for one in find_targets(folder) if one.done]
    if not done:
        raise InputError(f"{folder}: no results of af2cpu predict in this folder; give the one that was its -o")
    complete = True
    for one in done:
        try:
            typer.echo(write_report(one.layout, one.work))
        except InputError as error:
            complete = False
            typer.echo(f"error: {error}", err=True)
    index = write_index(folder)
    if index:
        typer.echo(index)
    return complete
