# SPDX-License-Identifier: Apache-2.0
"""The query of a folder that holds features."""

from __future__ import annotations

from pathlib import Path

from af2cpu.errors import InputError
from af2cpu.query.letters import checked_sequences
from af2cpu.query.names import description_of, own_names, safe_name
from af2cpu.records import CHAIN_BREAK, Features, Query
from af2cpu.words import shown


def query_of_features(features: Features, path: Path) -> Query:
    """The query whose features `path` holds, named as its folder. Raises InputError for an unusable name or letters."""
    name = path.resolve().parent.name
    if safe_name(name) != name:
        raise InputError(f"{path}: the folder's name {name!r} has characters outside [A-Za-z0-9_.-]; rename it")
    letters = CHAIN_BREAK.encode().join(map(bytes, features.sequence))
    sequence, _ = checked_sequences(letters, str(path))
    names = [shown(bytes(one).decode("utf-8", "replace")) for one in features.domain_name]
    return Query(name, sequence, description_of(names), str(path), own_names(names))
