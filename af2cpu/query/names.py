# SPDX-License-Identifier: Apache-2.0
"""File names from headers: safe on every file system, inside the output folder, distinct where case is ignored."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from af2cpu.errors import InputError
from af2cpu.records import Query

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")  # ColabFold's rule
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # device names on Windows
# Files and folders that a run writes beside the folders of its targets.
_OURS = frozenset(
    "index.html pairs.html pairs.csv compare.html summary.tsv predictions.tsv summary.json status.json log.txt "
    "config.json cite.bibtex af2cpu-error.log".split()
)
_LONGEST = 100  # file names end at 255 bytes, and ours get prefixes, suffixes and a temporary ending


def safe_name(text: str) -> str:
    """`text` with every character outside [A-Za-z0-9_.-] replaced by '_'.

    Leading dots and dashes, device names and names of a run's own files get a '_' before them; long names keep their
    beginning and a hash of all. Empty text stays empty.
    """
    name = _UNSAFE.sub("_", text)
    if name.startswith((".", "-")) or _RESERVED.fullmatch(name) or name.lower() in _OURS:
        name = "_" + name
    if len(name) > _LONGEST:
        digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=4).hexdigest()
        name = name[: _LONGEST - 9] + "_" + digest
    return name


def description_of(chain_names: Sequence[str]) -> str:
    """Of a complex whose chains have names."""
    return ", ".join(chain_names) if len(set(chain_names)) > 1 else chain_names[0]


def own_names(chain_names: Sequence[str]) -> tuple[str, ...]:
    """The names as `Query` has them: none where all chains have the same, which is the description of the whole."""
    return tuple(chain_names) if len(set(chain_names)) > 1 else ()


def distinct_names(given: Sequence[tuple[str, str]]) -> list[str]:
    """A safe name for each record, from (short name, whole header): no two alike, also where case is ignored.

    A short name that no other record has is kept. Records that share one are named by their whole headers, as ColabFold
    does; where these are alike too, the second and later ones get `_2`, `_3`, ...
    """
    shorts = [safe_name(short) for short, _ in given]
    counts = Counter(name.casefold() for name in shorts)
    unique = [counts[name.casefold()] == 1 for name in shorts]
    taken = {name.casefold() for name, alone in zip(shorts, unique, strict=True) if alone}
    names = []
    for short, alone, (_, header) in zip(shorts, unique, given, strict=True):
        name = short if alone else _free(safe_name(header) or short, taken)
        taken.add(name.casefold())
        names.append(name)
    return names


def _free(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate.casefold() in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def check_unique(queries: Iterable[Query]) -> None:
    """Raises InputError that names both places if two queries would share a folder, also where case is ignored."""
    seen: dict[str, Query] = {}
    for query in queries:
        other = seen.setdefault(query.name.casefold(), query)
        if other is query:
            continue
        if other.name == query.name:
            fault = f"both have the name {query.name!r}"
        else:
            fault = f"have the names {other.name!r} and {query.name!r}, which differ in case only"
        raise InputError(f"{other.source} and {query.source} {fault}; rename one of them")
