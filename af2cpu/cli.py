"""The command line: which subcommands there are. What they do loads when they run."""

from __future__ import annotations

from typing import NoReturn

import typer

from af2cpu.commands import db, params
from af2cpu.commands.config import config
from af2cpu.commands.doctor import doctor
from af2cpu.commands.errors import OneLineGroup, run
from af2cpu.commands.estimate import estimate
from af2cpu.commands.fold import fold
from af2cpu.commands.predict import predict
from af2cpu.commands.relax import relax
from af2cpu.commands.report import report
from af2cpu.commands.search import search
from af2cpu.commands.validate import validate

app = typer.Typer(
    name="af2cpu",
    help="AlphaFold 2 protein structure prediction on ordinary CPUs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    cls=OneLineGroup,
)
for command in (predict, search, fold, relax, report, estimate, doctor, validate, config):
    app.command()(command)
app.add_typer(params.app, name="params")
app.add_typer(db.app, name="db")


def main() -> NoReturn:
    """The entry point of the program; ends the process."""
    run(app)
