"""File names from headers: safe on every file system, never outside the output folder, never two alike."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from af2cpu.errors import InputError
from af2cpu.records import Query

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")  # ColabFold's rule
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # device names on Windows
_LONGEST = 100  # file names end at 255 bytes, and ours get prefixes, suffixes and a temporary ending


def safe_name(text: str) -> str:
    """`text` with every character outside [A-Za-z0-9_.-] replaced by '_'.

    Leading dots and dashes and device names get a '_' before them; long names keep their beginning and a hash of all.
    Empty text stays empty: the caller knows a better name.
    """
    name = _UNSAFE.sub("_", text)
    if name.startswith((".", "-")) or _RESERVED.fullmatch(name):
        name = "_" + name
    if len(name) > _LONGEST:
        name = name[: _LONGEST - 9] + "_" + hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
    return name


def check_unique(queries: Iterable[Query]) -> None:
    """Raises InputError that names both places if two queries would share a folder, also where case is ignored."""
    seen: dict[str, Query] = {}
    for query in queries:
        other = seen.setdefault(query.name.casefold(), query)
        if other is not query:
            raise InputError(
                f"{other.source} and {query.source} both have the name {query.name!r}; rename one of the records"
            )
