# SPDX-License-Identifier: Apache-2.0
"""Fills the measured tables of README.md and docs/*.md from the records under benchmarks/results.

    python scripts/documents/measured.py           # writes the files
    python scripts/documents/measured.py --check   # writes nothing; exit code 1 if a file differs

A table goes between the lines `<!-- measured: NAME -->` and `<!-- end -->`; TABLES has the names. A record is that of
the version in pyproject.toml, or else of the newest version before it that has one. Where no record of a benchmark
exists the table is a line that says so and names the command.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from measured_stages import STAGES
from measured_tables import NETWORK, MissingError
from measured_trials import TRIALS

TABLES = {**NETWORK, **STAGES, **TRIALS}

ROOT = Path(__file__).parents[2]
MACHINE = "AMD_EPYC_2_cores"  # whose records the documents show
_BLOCK = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def documents() -> list[Path]:
    """README.md and the pages."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def version_of(folder: Path) -> tuple[int, int, int, bool]:
    """A folder of records as a version that can be ordered: 0.2.0 is after 0.2.0.dev0."""
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)(\..+)?", folder.name)
    if found is None:
        raise SystemExit(f"{folder}: not the name of a version, such as 0.2.0")
    return int(found[1]), int(found[2]), int(found[3]), found[4] is None


class Records:
    """The records of one machine: the current version's, then those of older ones."""

    def __init__(self, results: Path, version: str) -> None:
        mine = version_of(results / version)
        folders = [folder for folder in results.iterdir() if folder.is_dir() and version_of(folder) <= mine]
        self._folders = sorted(folders, key=version_of, reverse=True)

    def read(self, benchmark: str) -> dict[str, Any]:
        """The record of a benchmark. Raises MissingError where there is none."""
        for folder in self._folders:
            path = folder / f"{MACHINE}_{benchmark}.json"
            if path.is_file():
                return json.loads(path.read_bytes())
        raise MissingError(benchmark)


def filled(text: str, read: Callable[[str], dict[str, Any]]) -> str:
    """A document with its tables made anew. Raises SystemExit for a name that TABLES has not."""

    def block(found: re.Match[str]) -> str:
        name = found[2]
        if name not in TABLES:
            raise SystemExit(f"no table is called {name}; there are: {', '.join(TABLES)}")
        return f"{found[1]}{_table(name, read)}\n{found[3]}"

    return _BLOCK.sub(block, text)


def _table(name: str, read: Callable[[str], dict[str, Any]]) -> str:
    try:
        return "\n".join(TABLES[name](read))
    except MissingError as error:
        return f"No record of it exists yet: `python benchmarks/{error}.py` makes one."


def stale(records: Records) -> Iterator[tuple[Path, str]]:
    """The documents whose tables differ from the records, with the text that they should have."""
    for path in documents():
        text = path.read_text()
        made = filled(text, records.read)
        if made != text:
            yield path, made


def records_of_this_version() -> Records:
    """Those of the version in pyproject.toml, and of the versions before it."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return Records(ROOT / "benchmarks" / "results", version)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a file differs")
    arguments = parser.parse_args()
    found = list(stale(records_of_this_version()))
    for path, text in found:
        print(f"{path.relative_to(ROOT)}: {'differs from the records' if arguments.check else 'written'}")
        if not arguments.check:
            path.write_text(text)
    return 1 if found and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
