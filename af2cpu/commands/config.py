# SPDX-License-Identifier: Apache-2.0
"""af2cpu config: all settings, as a TOML template or as a table."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any

import typer

from af2cpu.commands.console import print_line
from af2cpu.settings import GROUPS, OTHER_VARIABLES, Setting, names_in, setting

_TEMPLATE_HEAD = """\
# Settings of af2cpu, to be used with --config FILE. Remove the # before a setting to set it. Flags of the command line
# win over variables of the environment, and these win over this file.
"""
_TABLE_HEAD = """\
# Settings

Each setting can be given as a flag, as a variable of the environment, as a key of a TOML file (`--config FILE`;
`af2cpu config` prints a template), or by its name to `af2cpu.predict` in Python. Flags win over variables, and these
win over the file. A list is written `a,b` in a flag or a variable; a flag may also be repeated. Elements with commas in
them are written as a JSON list: `["a,b", "c"]`. `af2cpu config --markdown` prints this page.
"""


def config(
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a table in Markdown instead.")] = False,
) -> None:
    """Print all settings with their defaults, flags and variables, as a template for --config.

    Example: af2cpu config > run.toml
    """
    print_line("\n".join(table() if markdown else template()))


def template() -> Iterator[str]:
    """Lines of a TOML file in which each setting is commented out."""
    yield _TEMPLATE_HEAD
    for group in GROUPS:
        yield f"## {group}\n"
        for one in map(setting, names_in(group)):
            text = f"{one.text} Must be {one.expected}. Default: {one.default}. Flag {_flags(one)}, {one.variable}."
            yield textwrap.fill(text, 118, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)
            yield f"#{one.name} = {_toml(one.example)}\n"


def table() -> Iterator[str]:
    """Lines of docs/settings.md."""
    yield _TABLE_HEAD
    for group in GROUPS:
        yield f"## {group}\n"
        yield "| Setting | Flag | Variable | Must be | Default | What it does |\n|---|---|---|---|---|---|"
        for one in map(setting, names_in(group)):
            cells = (f"`{one.name}`", f"`{_flags(one)}`", f"`{one.variable}`", one.expected, one.default, one.text)
            yield f"| {' | '.join(cells)} |"
        yield ""
    yield "## Variables that are no settings\n\n| Variable | What it does |\n|---|---|"
    yield from (f"| `{name}` | {text} |" for name, text in OTHER_VARIABLES.items())


def _flags(one: Setting) -> str:
    return f"{one.flag}, --no-{one.flag.removeprefix('--')}" if one.is_bool else one.flag


def _toml(value: Any) -> str:
    """A text, number, truth value, day or list of texts in TOML."""
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(list(value) if isinstance(value, tuple) else value)
