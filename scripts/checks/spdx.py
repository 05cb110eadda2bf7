# SPDX-License-Identifier: Apache-2.0
"""Puts the licence's line at the head of every source file that lacks it.

    python scripts/checks/spdx.py           # writes
    python scripts/checks/spdx.py --check   # names the files without it; exit code 1 if there are any

The line comes first, or after the line of the interpreter (`#!`). The scripts and style sheets of the report are left
alone: they become part of each report, which is the user's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINE = "SPDX-License-Identifier: Apache-2.0"
FOLDERS = ("af2cpu", "benchmarks", "examples", "kernels", "scripts", "tests")
COMMENTS = {
    ".py": f"# {LINE}",
    ".pyi": f"# {LINE}",
    ".sh": f"# {LINE}",
    ".sbatch": f"# {LINE}",
    ".h": f"// {LINE}",
    ".cpp": f"// {LINE}",
}


def sources() -> Iterator[Path]:
    """The source files of the project, without what was built."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in COMMENTS and "__pycache__" not in path.parts:
                yield path


def with_line(text: str, comment: str) -> str:
    """The text with the comment as its first line, or its second after `#!`; unchanged if it has the line there."""
    head, newline, rest = text.partition("\n")
    if not head.startswith("#!"):
        return text if head == comment else f"{comment}\n{text}"
    return text if rest.startswith(f"{comment}\n") else f"{head}{newline}{comment}\n{rest}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a file lacks the line")
    arguments = parser.parse_args()
    lacking = 0
    for path in sources():
        text = path.read_text()
        made = with_line(text, COMMENTS[path.suffix])
        if made != text:
            lacking += 1
            print(f"{path.relative_to(ROOT)}: {'has no licence line' if arguments.check else 'written'}")
            if not arguments.check:
                path.write_text(made)
    return 1 if lacking and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
