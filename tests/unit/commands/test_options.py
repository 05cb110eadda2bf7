# SPDX-License-Identifier: Apache-2.0
"""The options of the commands, which are generated from the settings, and the pages that list them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from af2cpu.cli import app
from af2cpu.commands.config import table, template
from af2cpu.commands.options import with_settings
from af2cpu.settings import NAMES, RunSettings, load_settings, setting

SETTINGS_PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


def run(*arguments: object, environ: dict[str, str] | None = None) -> RunSettings:
    """The settings that a command with all options gets."""
    seen: list[RunSettings] = []

    @with_settings(*NAMES)
    def body(settings: RunSettings, out: str = "x") -> None:
        assert out == "x"
        seen.append(settings)

    small = typer.Typer()
    small.command()(body)
    result = CliRunner().invoke(small, [str(argument) for argument in arguments], env=environ)
    assert result.exit_code == 0, result.output
    return seen[0]


VALUES: dict[str, Any] = {
    "params": "demo",
    "models": "a,b",
    "relax": "all",
    "mmcif": "on-demand",
    "template_search": "hhsearch",
    "pairing": "none",
    "precision": "fp32",
    "engine": "torch",
    "layout": "colabfold",
    "max_template_date": "2020-05-14",
    "model_date": "2024-01-31",
    "memory": "2G",
    "numa_node": None,  # the process would keep to it
}


@pytest.mark.parametrize("name", [name for name in NAMES if VALUES.get(name, "") is not None])
def test_each_setting_has_a_flag_and_a_variable(name: str) -> None:
    one, value = setting(name), VALUES.get(name, "2")
    default = getattr(load_settings({}), name)
    by_flag = run(one.flag) if one.is_bool else run(one.flag, value)
    by_variable = run(environ={one.variable: "true" if one.is_bool else value})
    assert getattr(by_flag, name) == getattr(by_variable, name) != default
    assert by_flag == by_variable


def test_flags_may_be_repeated_and_hold_lists() -> None:
    assert run("--db", "demo", "--db", "x=a,y=b").db == ("demo", "x=a", "y=b")
    assert run("--msa", '["a,b.a3m"]', "--msa", "c").msa == (Path("a,b.a3m"), Path("c"))


def test_a_flag_can_take_back_what_a_variable_sets() -> None:
    assert run("--no-save-all", environ={"AF2CPU_SAVE_ALL": "1"}).save_all is False
    assert run(environ={"AF2CPU_SAVE_ALL": "1"}).save_all is True


def test_the_help_shows_settings_by_group_with_defaults() -> None:
    text = CliRunner().invoke(app, ["predict", "--help"], env={"COLUMNS": "400"}).output
    flat = " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())
    for name in NAMES:
        assert setting(name).flag in flat
        assert setting(name).help in flat
    assert "--config" in flat


@pytest.mark.parametrize("arguments", [["--memory", "much"], ["--db", '["a']])
def test_a_wrong_flag_is_one_line(arguments: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["predict", "x.fasta", "-o", str(tmp_path / "o"), *arguments])
    assert result.exit_code == 2
    assert result.output.startswith(f"error: {arguments[0]} ")
    assert result.output.count("\n") == 1


def test_the_page_of_settings_is_current() -> None:
    text = "\n".join(table()) + "\n"
    assert SETTINGS_PAGE.read_text() == text, "run: af2cpu config --markdown > docs/settings.md"
    assert CliRunner().invoke(app, ["config", "--markdown"]).output == text


def test_the_template_is_a_file_of_settings(tmp_path: Path) -> None:
    printed = CliRunner().invoke(app, ["config"]).output
    assert printed == "\n".join(template()) + "\n"
    path = tmp_path / "run.toml"
    path.write_text(printed)
    assert load_settings({}, path, environ={}) == load_settings({}, environ={})  # all is commented out
    path.write_text(re.sub(r"^#(?=\w)", "", printed, flags=re.MULTILINE))
    found = load_settings({}, path, environ={})
    assert found.model_fields_set == set(NAMES)
    for name in NAMES:
        if RunSettings.model_fields[name].default not in (None, ()):
            assert getattr(found, name) == getattr(load_settings({}, environ={}), name)
