"""The subcommands of the command line: options in, pipeline calls, lines out."""

from __future__ import annotations

import typer


def register_inputs(app: typer.Typer) -> None:
    """Adds `search` and `db` to the command line."""
    from af2cpu.commands import db, search

    app.command("search")(search.search)
    app.add_typer(db.app, name="db")
