# SPDX-License-Identifier: Apache-2.0
"""The licences of all packages that af2cpu needs to run, as their installed metadata gives them; docs/licences.md.

python scripts/documents/licences.py > docs/licences.md
"""

from __future__ import annotations

import re
from importlib import metadata

NAME = "af2cpu"
_INTRODUCTION = """# Licences of the packages that af2cpu needs

af2cpu itself is under the Apache License 2.0. It holds [3Dmol.js](../af2cpu/outputs/report/static/3Dmol.LICENSE) (BSD
3-Clause), which draws the structures of a report; NOTICE says what else comes from others. What it needs to run is
installed beside it, under these licences; "direct" marks what pyproject.toml names. PyTorch's builds for GPUs need
further packages, which no part of af2cpu uses.

This page is made from the metadata of installed packages: `python scripts/documents/licences.py > docs/licences.md`.

| package | needed | licence |
|---|---|---|"""
_LONG = 120  # characters of a licence's name; some packages give the whole text


def key(name: str) -> str:
    """A package's name as the registry compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(name: str = NAME) -> dict[str, bool]:
    """All packages that one needs, by name -> whether it names them itself. Those that are not installed are left out:
    they are for other systems or versions of Python."""
    direct, found = set(_requirements(name)), set[str]()
    left = sorted(direct)
    while left:
        one = left.pop()
        if one not in found and _installed(one):
            found.add(one)
            left += _requirements(one)
    return {one: one in direct for one in sorted(found)}


def _requirements(name: str) -> list[str]:
    """Without extras."""
    lines = [line for line in metadata.requires(name) or () if "extra ==" not in line]
    return [key(re.split(r"[^A-Za-z0-9_.-]", line, maxsplit=1)[0]) for line in lines]


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def licence(name: str) -> str:
    """Of an installed package: its expression, else its classifiers, else its field. Raises ValueError if none says."""
    about = metadata.metadata(name)
    classified = [
        one.rpartition(" :: ")[2] for one in about.get_all("Classifier") or () if one.startswith("License ::")
    ]
    first_line = (about["License"] or "").strip().partition("\n")[0]
    for text in (about["License-Expression"], ", ".join(classified), first_line):
        if text and len(text) <= _LONG and text != "OSI Approved":
            return str(text)
    raise ValueError(f"{name}: its metadata name no licence; look into its files")


def page() -> str:
    """docs/licences.md."""
    rows = [f"| {name} | {'direct' if direct else ''} | {licence(name)} |" for name, direct in needed().items()]
    return "\n".join([_INTRODUCTION, *rows, ""])


if __name__ == "__main__":
    print(page(), end="")
