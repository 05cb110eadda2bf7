"""af2cpu report: the pages of a results folder, again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from af2cpu.commands.errors import FAILED, one_line


def report(
    out: Annotated[Path, typer.Argument(help="Folder that af2cpu predict wrote, or that of one target in it.")],
) -> None:
    """Write report.html of each target and index.html of all, from the files in the folder.

    The exit code is 1 if files of a target are damaged; the others get their reports.

    Example: af2cpu report results
    """
    with one_line():
        from af2cpu.errors import InputError
        from af2cpu.outputs.report import find_targets, write_index, write_report

        done = [one for one in find_targets(out) if one.done]
        if not done:
            raise InputError(f"{out}: no results of af2cpu predict in this folder; give the one that was its -o")
        failed = False
        for one in done:
            try:
                typer.echo(write_report(one.layout, one.work))
            except InputError as error:
                failed = True
                typer.echo(f"error: {error}", err=True)
        index = write_index(out)
        if index:
            typer.echo(index)
    if failed:
        raise typer.Exit(FAILED)
