# SPDX-License-Identifier: Apache-2.0
"""The help of a command: one box for each group of options; an option's meaning is below its name, in full width.

typer's own help puts names, kinds and meanings side by side: at 80 columns that leaves 18 columns for the meaning and
cuts long names, such as --recycle-tolera….
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text
from typer import Typer
from typer.core import TyperCommand

from af2cpu.commands.console import plain_console
from af2cpu.settings import GROUPS

WIDTH = 100  # columns at most: longer lines are hard to read
_INDENT = 4


class Command(TyperCommand):
    """A command whose help is laid out for 80 columns."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """What follows the command's name in `Usage:`, also in that of an error."""
        arguments = (one for one in self.get_params(ctx) if one.param_type_name == "argument")
        return ["[OPTIONS]", *(_argument(one) if one.required else f"[{_argument(one)}]" for one in arguments)]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Prints the help, as typer's method does."""
        console = plain_console(soft_wrap=False)
        console.width = min(console.width, WIDTH)
        console.print(Padding(self.get_usage(ctx), 1))
        for paragraph in (self.help or "").split("\n\n"):
            console.print(Padding(" ".join(paragraph.split()), (0, 1, 1, 1)))
        for title, params in _groups(self.get_params(ctx)).items():
            console.print(Panel(Group(*_rows(params)), title=title, title_align="left", border_style="dim"))


class Commands(Typer):
    """An application, or a group of commands, whose commands have this help."""

    def command(self, name: str | None = None, *, cls: type[TyperCommand] | None = Command, **settings: Any) -> Any:
        return super().command(name, cls=cls, **settings)


def _groups(params: list[Any]) -> dict[str, list[Any]]:
    """The parameters by the title of their box, in the order in which a command's boxes are shown."""
    found: dict[str, list[Any]] = {title: [] for title in ("Arguments", "Options", *GROUPS)}
    for one in params:
        if not getattr(one, "hidden", False):
            own = "Arguments" if one.param_type_name == "argument" else "Options"
            found.setdefault(getattr(one, "rich_help_panel", None) or own, []).append(one)
    return {title: members for title, members in found.items() if members}


def _rows(params: list[Any]) -> Iterator[RenderableType]:
    for one in params:
        yield _name(one)
        if meaning := _meaning(one):
            yield Padding(meaning, (0, 0, 0, _INDENT))


def _name(one: Any) -> Text:
    """Such as `--out, -o FOLDER (required)`; of an argument `INPUTS...`."""
    if one.param_type_name == "argument":
        name = Text(_argument(one), "bold cyan")
    else:
        name = Text(", ".join((*one.opts, *one.secondary_opts)), "bold cyan")
        if not _is_flag(one):
            name.append(f" {one.metavar or one.name.upper()}", "yellow")
    return name.append(" (required)", "red") if one.required else name


def _argument(one: Any) -> str:
    """Such as INPUTS..., where there may be several."""
    return f"{one.metavar or one.name.upper()}{'' if one.nargs == 1 else '...'}"


def _is_flag(one: Any) -> bool:
    return bool(getattr(one, "is_flag", False)) or one.name == "help"


def _meaning(one: Any) -> str:
    """The help text, with the variable and the default that it does not tell itself."""
    parts = [one.help or ""]
    if one.envvar:
        parts.append(f"Variable: {one.envvar}.")
    if isinstance(one.default, str | int | float) and not _is_flag(one):
        parts.append(f"Default: {one.default}.")
    return " ".join(parts)
