"""The command line: subcommands and their parsing. What they do loads when they run."""

from __future__ import annotations

import typer

from af2cpu.commands.validate import validate

app = typer.Typer(
    name="af2cpu",
    help="AlphaFold 2 protein structure prediction on ordinary CPUs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _group() -> None:
    """Keeps `af2cpu validate` a subcommand while it is the only one."""


app.command()(validate)


def main() -> None:
    app()
