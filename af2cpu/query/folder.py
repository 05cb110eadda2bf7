"""The query of a folder that holds features."""

from __future__ import annotations

from pathlib import Path

from af2cpu.errors import InputError
from af2cpu.query.letters import checked_sequence
from af2cpu.query.names import safe_name
from af2cpu.records import Features, Query


def query_of_features(features: Features, path: Path) -> Query:
    """The query whose features `path` holds, named as its folder. Raises InputError for a name or letters unfit."""
    name = path.resolve().parent.name
    if safe_name(name) != name:
        raise InputError(f"{path}: the folder's name {name!r} has characters outside [A-Za-z0-9_.-]; rename it")
    sequence, _ = checked_sequence(bytes(features.sequence[0]), str(path))
    return Query(name, sequence, bytes(features.domain_name[0]).decode("utf-8", "replace"), str(path))
