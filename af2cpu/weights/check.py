# SPDX-License-Identifier: Apache-2.0
"""Looks into a parameter file before a run: checksums, types, shapes, finiteness of all its arrays.

Reading a published file takes half a second. A file that was found right is remembered in the user's cache by its size
and time of change; what `af2cpu params download` has fetched was checked then.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import orjson
import platformdirs
from ml_collections import ConfigDict

from af2cpu.formats.streams import atomic_write
from af2cpu.model.config import DEMO
from af2cpu.weights.npz import read_arrays
from af2cpu.weights.reading import most_bytes
from af2cpu.weights.receipts import check_receipt
from af2cpu.weights.source import is_synthetic, parameter_file


def check_source(source: str, config: ConfigDict) -> None:
    """Raises ParameterError that lists what is wrong with a model's arrays. What comes with the program is not read."""
    if source == DEMO or is_synthetic(source):
        return
    path = parameter_file(source, config.name)
    receipt = check_receipt(path)
    if receipt is not None and receipt.model == config.name:
        return
    note, facts = _note_path(path, config.name), _facts_of_file(path)
    if note is None or not _is_noted(note, facts):
        _look_into(path, config)
        if note is not None:
            _note(note, facts)


def _look_into(path: Path, config: ConfigDict) -> None:
    from af2cpu.model.count import n_parameters  # loads PyTorch
    from af2cpu.weights.load import check_facts, facts_of

    arrays = read_arrays(path, most_bytes(n_parameters(config)))
    check_facts({name: facts_of(array) for name, array in arrays}, config, str(path))


def _facts_of_file(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _note_path(path: Path, model: str) -> Path | None:
    """Where it is noted that a file is right; None for a user without a home folder and XDG_CACHE_HOME."""
    try:
        folder = Path(platformdirs.user_cache_dir("af2cpu"))
    except RuntimeError:  # no HOME, and no entry in the list of users
        return None
    place = hashlib.blake2b(os.fsencode(path.resolve()), digest_size=8).hexdigest()
    return folder / "parameters" / f"{model}-{place}.json" if folder.is_absolute() else None


def _is_noted(note: Path, facts: list[int]) -> bool:
    with suppress(OSError, ValueError):
        return bool(orjson.loads(note.read_bytes()) == facts)
    return False


def _note(note: Path, facts: list[int]) -> None:
    with suppress(OSError):  # it is looked into again then
        note.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(note) as file:
            file.write(orjson.dumps(facts))
