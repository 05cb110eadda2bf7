# SPDX-License-Identifier: Apache-2.0
"""The help of every command at 80 columns: whole sentences, no line that breaks off, an example."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from functools import reduce

import pytest
import typer
from typer.testing import CliRunner

from af2cpu.cli import app

WITHOUT_EXAMPLE = {("params", "list"), ("params", "verify"), ("db", "list"), ("db", "index"), ("db", "verify")}


def commands() -> Iterator[tuple[str, ...]]:
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        yield from ((name, sub) for sub in command.commands) if hasattr(command, "commands") else [(name,)]


def shown(*arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--help"], env={"COLUMNS": "80"})
    assert result.exit_code == 0
    return result.output


def description(text: str) -> list[str]:
    """The lines between the usage and the first box, with blank ones between paragraphs."""
    lines = [line.strip() for line in text.split("\u256d", maxsplit=1)[0].splitlines()]
    return lines[next(k for k, line in enumerate(lines) if line.startswith("Usage:")) + 1 :]


@pytest.mark.parametrize("command", [*commands()], ids=" ".join)
def test_descriptions_read_well_at_80_columns(command: tuple[str, ...]) -> None:
    text = shown(*command)
    assert max(map(len, text.splitlines())) <= 80
    paragraphs = [paragraph.split("\n") for paragraph in re.split(r"\n{2,}", "\n".join(description(text)).strip())]
    for paragraph in paragraphs:
        for line, following in itertools.pairwise(paragraph):
            assert len(line) + 1 + len(following.split()[0]) > 76, f"breaks off: {line}"
        assert re.search(r"[.:]$", paragraph[-1]) or "xample: " in paragraph[0] or "try it out: " in paragraph[0]
    if command not in WITHOUT_EXAMPLE:
        assert any(re.match(rf"Example: .*af2cpu {command[0]}", paragraph[0]) for paragraph in paragraphs), text


@pytest.mark.parametrize("command", [*commands()], ids=" ".join)
def test_every_option_is_whole_and_its_meaning_has_the_width(command: tuple[str, ...]) -> None:
    text = shown(*command)
    parameters = reduce(lambda group, name: group.commands[name], command, typer.main.get_command(app)).params  # type: ignore[attr-defined]
    inside = [line[2:-2].rstrip() for line in text.splitlines() if line.startswith("\u2502")]
    for one in parameters:
        if one.param_type_name == "option":
            names = ", ".join((*one.opts, *one.secondary_opts))
            found = [k for k, line in enumerate(inside) if line == names or line.startswith(f"{names} ")]
            assert len(found) == 1, names
            meaning = " ".join(line.strip() for line in itertools.takewhile(_is_meaning, inside[found[0] + 1 :]))
            assert meaning.startswith(" ".join((one.help or "").split())), names  # type: ignore[attr-defined]
    assert "\u2026" not in text


def _is_meaning(line: str) -> bool:
    return line.startswith("    ")
