# SPDX-License-Identifier: Apache-2.0
"""The command line: which subcommands there are. What they do loads when they run."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer

from af2cpu.commands import db, params
from af2cpu.commands.config import config
from af2cpu.commands.console import print_line
from af2cpu.commands.doctor import doctor
from af2cpu.commands.errors import OneLineGroup, run
from af2cpu.commands.estimate import estimate
from af2cpu.commands.fold import fold
from af2cpu.commands.help import Commands
from af2cpu.commands.predict import predict
from af2cpu.commands.relax import relax
from af2cpu.commands.report import report
from af2cpu.commands.search import search
from af2cpu.commands.status import status
from af2cpu.commands.validate import validate
from af2cpu.commands.worker import worker
from af2cpu.version import __version__, commit

app = Commands(
    name="af2cpu",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    cls=OneLineGroup,
)
for command in (predict, search, fold, relax, report, status, estimate, worker, doctor, validate, config):
    app.command()(command)
app.add_typer(params.app, name="params")
app.add_typer(db.app, name="db")


def _print_version(wanted: bool) -> None:
    if wanted:
        print_line(f"af2cpu {__version__} (commit {commit() or 'unknown'})")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print version and commit, and exit."),
    ] = False,
) -> None:
    """AlphaFold 2 protein structure prediction on ordinary CPUs.

    To try it out: af2cpu predict protein.fasta --params demo --db demo -o results
    """


def main() -> NoReturn:
    """The entry point of the program; ends the process."""
    run(app)


if __name__ == "__main__":
    main()
