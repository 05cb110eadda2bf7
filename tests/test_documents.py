# SPDX-License-Identifier: Apache-2.0
"""Every command in README and the pages parses, every link leads to a file, and what is short is run."""

from __future__ import annotations

import argparse
import ast
import importlib.util
import re
import runpy
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import typer
from document_cases import DOCUMENTS, ROOT, Command, blocks, inline_commands, shell_lines
from typer.testing import CliRunner

import af2cpu
from af2cpu.cli import app

LINES = [command for document in DOCUMENTS for command in shell_lines(document)]
INLINE = [command for document in DOCUMENTS for command in inline_commands(document)]


def of_program(name: str) -> list[Command]:
    return [command for command in LINES if Path(command.words[0]).name == name]


def parse(words: list[str]) -> None:
    """Parses an af2cpu command as click does, without running it. Raises click's UsageError."""
    group: Any = typer.main.get_command(app)
    context = None
    while True:
        context = group.make_context(group.name or "af2cpu", words, parent=context)
        if not hasattr(group, "commands"):
            return
        name, group, words = group.resolve_command(context, [*context._protected_args, *context.args])
        assert name is not None


@pytest.fixture(autouse=True)
def _no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("command", of_program("af2cpu"), ids=str)
def test_command_parses(command: Command) -> None:
    words = command.words[1:]
    if words == ["--version"]:
        assert CliRunner().invoke(app, words).exit_code == 0
    else:
        parse(words)


# Named in the text without what they need.
NAMES_OF_COMMANDS = re.compile(r"af2cpu( [a-z]+){1,2}$")


@pytest.mark.parametrize("command", INLINE, ids=str)
def test_command_in_the_text_parses(command: Command) -> None:
    words = command.words[1:]
    if NAMES_OF_COMMANDS.fullmatch(command.line):
        words = [*words, "--help"]
        assert CliRunner().invoke(app, words).exit_code == 0
    else:
        parse(words)


def test_a_wrong_option_does_not_parse() -> None:
    for wrong in ("predict x.fasta -o out --no-such-option", "predict x.fasta -o out --layout", "no_such_command"):
        with pytest.raises(Exception, match=r"No such|requires an argument"):
            parse(wrong.split())


@pytest.mark.parametrize("command", of_program("make"), ids=str)
def test_targets_of_make_exist(command: Command) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    wanted = [word for word in command.words[1:] if "=" not in word]
    assert wanted
    assert set(wanted) <= set(targets)


@pytest.mark.parametrize("command", of_program("sbatch"), ids=str)
def test_scripts_of_slurm_exist(command: Command) -> None:
    assert any((ROOT / word).is_file() for word in command.words[1:] if word.endswith(".sbatch"))


@pytest.mark.parametrize("command", of_program("pip"), ids=str)
def test_extras_exist(command: Command) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extra in re.findall(r"\.\[([\w,]+)\]", command.line):
        assert set(extra.split(",")) <= set(project["optional-dependencies"])


class _ParsedError(Exception):
    """The options of a script were parsed."""


@pytest.mark.parametrize("command", [*of_program("python"), *of_program("python3")], ids=str)
def test_options_of_scripts_parse(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script's own parser reads them; nothing is run."""
    _, script, *options = command.words
    if script == "-m":
        assert importlib.util.find_spec(options[0]) is not None
        return
    assert (ROOT / script).is_file()
    if "argparse" not in (ROOT / script).read_text():
        return

    original: Callable[..., Any] = argparse.ArgumentParser.parse_args

    def parse_args(self: argparse.ArgumentParser, *args: Any, **named: Any) -> NoReturn:
        original(self, *args, **named)
        raise _ParsedError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
    monkeypatch.setattr(sys, "argv", [script, *options])
    monkeypatch.syspath_prepend(str((ROOT / script).parent))
    with pytest.raises(_ParsedError):
        runpy.run_path(str(ROOT / script), run_name="__main__")


PYTHON = [(document, text) for document in DOCUMENTS for text in blocks(document, "python")]


@pytest.mark.parametrize(("document", "text"), PYTHON, ids=[f"{path.name} {k}" for k, (path, _) in enumerate(PYTHON)])
def test_python_names_what_exists(document: Path, text: str) -> None:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "af2cpu":
            assert hasattr(af2cpu, node.attr), f"{document.name}: af2cpu.{node.attr}"


def _anchors(document: Path) -> set[str]:
    """Of the headings, as mkdocs makes them."""
    heads = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", document.read_text(), flags=re.M | re.S), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", head).strip().lower()) for head in heads}


def _links() -> Iterator[tuple[Path, str]]:
    for document in [*DOCUMENTS, ROOT / "CHANGELOG.md"]:
        text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
        yield from ((document, link) for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link)


@pytest.mark.parametrize(("document", "link"), list(_links()), ids=lambda one: getattr(one, "name", one))
def test_link_leads_somewhere(document: Path, link: str) -> None:
    name, _, anchor = link.partition("#")
    target = (document.parent / name).resolve() if name else document
    assert target.exists(), f"{document.name}: {link}"
    if anchor:
        assert anchor in _anchors(target), f"{document.name}: {link}; there are {sorted(_anchors(target))}"


def test_files_that_are_named_exist() -> None:
    """`tests/...`, `benchmarks/...`, `scripts/...`, `examples/...` in the text."""
    pattern = re.compile(r"`((?:tests|benchmarks|scripts|examples|kernels|af2cpu)/[\w./-]+)`")
    for document in DOCUMENTS:
        for name in pattern.findall(document.read_text()):
            assert (ROOT / name).exists() or "x." in name, f"{document.name}: {name}"


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


GETTING_STARTED = ROOT / "docs" / "getting-started.md"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the examples, in which a page's commands run one after the other."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / "typo.fasta").write_text(">p\nMKV1ATTWY\n")
    return folder


def test_getting_started(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands with demo parameters, in the order of the page; the others need DeepMind's or databases."""
    monkeypatch.chdir(checkout)
    done = []
    for command in shell_lines(GETTING_STARTED):
        if command.words[0] == "af2cpu" and "/data/alphafold" not in command.line and "doctor" not in command.line:
            result = CliRunner().invoke(app, command.words[1:])
            wrong = "typo.fasta" in command.line
            assert result.exit_code == (2 if wrong else 0), result.output
            assert not wrong or result.output.strip().splitlines()[-1] in GETTING_STARTED.read_text()
            done.append(command.line)
    assert len(done) == 7, shlex.join(done)
    assert (checkout / "out" / "trp_cage" / "report.html").is_file()
    assert (checkout / "out" / "dimer" / "ranked_0.cif").is_file() or list((checkout / "out").glob("*/ranked_0.cif"))


def test_the_reference_has_all_public_names() -> None:
    named = re.findall(r"^::: af2cpu\.(\w+)$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
    assert sorted(named) == sorted(set(af2cpu.__all__) - {"__version__"})
