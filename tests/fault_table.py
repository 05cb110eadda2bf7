# SPDX-License-Identifier: Apache-2.0
"""The table of faults: what happens at each, and the tests that provoke it. `make faults` runs them and prints it.

A test says which fault it proves with `@pytest.mark.fault(key, "what happens")`, the key being one of the catalogue's;
further tests of the same fault leave the text out or add to it. docs/faults.md is made from these markers:

    python tests/fault_table.py > docs/faults.md

With `pytest --faults` the table is printed after the tests, and a fault that no test has proved fails the run.
"""

from __future__ import annotations

import ast
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fault_catalogue import FAULTS, FINDINGS

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "faults.md"
Key = int | str
_INTRODUCTION = """\
# Faults that the program survives

Each row is a fault that users of AlphaFold 2 and similar programs have met, or that was found in this one. The tests
provoke it for real: processes are killed, disks are full, files are cut off, servers break the line. `make faults` runs
all of these tests, and prints this table with their outcomes; the quick ones are also in `make test`.

"Error" means one line that names the file, the place and the remedy, and exit code 2, before any long work.

This page is made from the tests: `python tests/fault_table.py > docs/faults.md`.
"""


@dataclass
class Row:
    """A fault, what happens, and the tests that prove it, as path::name."""

    key: Key
    title: str
    happens: list[str] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)


def rows() -> list[Row]:
    """All rows, also of faults without a test. Raises ValueError for a marker whose fault is unknown."""
    found: dict[Key, Row] = {key: Row(key, title) for key, title in {**FAULTS, **FINDINGS}.items()}
    for path in sorted(TESTS.rglob("test_*.py")):
        for name, arguments in _marked(ast.parse(path.read_text())):
            key, *texts = arguments
            if key not in found:
                raise ValueError(f"{path}: {name} is marked with fault {key!r}, which the catalogue lacks")
            found[key].tests.append(f"{path.relative_to(TESTS.parent).as_posix()}::{name}")
            found[key].happens += [text for text in texts if text not in found[key].happens]
    return list(found.values())


def _marked(module: ast.Module) -> Iterator[tuple[str, list[Key]]]:
    """(test, arguments) of each marker `pytest.mark.fault` in a module."""
    classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
    functions = [(f"{one.name}::", node) for one in classes for node in one.body] + [("", node) for node in module.body]
    for prefix, node in functions:
        for decorator in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.fault":
                yield prefix + node.name, [ast.literal_eval(one) for one in decorator.args]


def page() -> str:
    """docs/faults.md."""
    numbered = [row for row in rows() if isinstance(row.key, int)]
    found = [row for row in rows() if isinstance(row.key, str)]
    parts = [_INTRODUCTION, *_section("The forty faults", numbered), *_section("Found in this program", found)]
    return "\n".join(parts)


def _section(title: str, lines: list[Row]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| | fault | what happens | tests |\n|---|---|---|---|"
    for row in lines:
        number = row.key if isinstance(row.key, int) else ""
        tests = "<br>".join(f"`{_short(test)}`" for test in row.tests)
        yield f"| {number} | {row.title} | {'; '.join(row.happens)} | {tests} |".replace("\\", "\\\\")
    yield ""


def _short(test: str) -> str:
    path, *_, name = test.removeprefix("tests/").split("::")
    return f"{path.removesuffix('.py')}: {name.removeprefix('test_')}"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", action="store_true", help="print the table of faults; fail if one is not proved")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Prints the table. Under xdist this runs in the process that has all outcomes."""
    if not config.getoption("--faults"):
        return
    states = _states(terminalreporter)
    outcomes = {row.key: outcome(row, states) for row in rows()}
    terminalreporter.section("faults")
    for row in rows():
        terminalreporter.write_line(f"{row.key!s:>22}  {outcomes[row.key]:10}  {row.title}")
        for line in textwrap.wrap("; ".join(row.happens), 84):
            terminalreporter.write_line(f"{'':36}{line}")
        for test in row.tests:
            terminalreporter.write_line(f"{'':36}{_short(test)}")
    for name, keys in (("faults", FAULTS), ("findings", FINDINGS)):
        passed = sum(outcomes[key] == "passed" for key in keys)
        terminalreporter.write_line(f"{passed} of {len(keys)} {name} passed")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A fault that is not proved fails the run."""
    config = session.config
    if not config.getoption("--faults") or hasattr(config, "workerinput"):
        return
    states = _states(config.pluginmanager.get_plugin("terminalreporter"))
    if any(outcome(row, states) != "passed" for row in rows()) and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _states(reporter: pytest.TerminalReporter) -> dict[str, set[str]]:
    """The outcomes of each test, all its parameters together."""
    states: dict[str, set[str]] = defaultdict(set)
    for state in ("passed", "failed", "error", "skipped"):
        for report in reporter.stats.get(state, ()):
            states[report.nodeid.partition("[")[0]].add(state)
    return states


def outcome(row: Row, states: dict[str, set[str]]) -> str:
    """Whether a fault is proved: a test of it has passed and none has failed. Some can't run on every machine."""
    if not row.tests:
        return "NO TEST"
    found = [states.get(test, set()) for test in row.tests]
    if any(state & {"failed", "error"} for state in found):
        return "FAILED"
    return "passed" if any("passed" in state for state in found) else "NOT RUN"


if __name__ == "__main__":
    print(page(), end="")
