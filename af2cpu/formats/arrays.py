"""npz files of plain arrays: no pickles, written whole or not at all, the same bytes for the same arrays."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Container, Mapping
from pathlib import Path

import numpy as np

from af2cpu.errors import InputError
from af2cpu.formats.streams import atomic_write


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Compressed. Raises OSError, and ValueError for arrays of objects."""
    pickled = [name for name, array in arrays.items() if array.dtype.hasobject]
    if pickled:
        raise ValueError(f"arrays of objects can't be written without pickle: {', '.join(pickled)}")
    with atomic_write(path) as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


def read_arrays(path: Path, of: str, wanted: Container[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of a file, all or those of the names `wanted`.

    Raises InputError that names the file and what is wrong; `of` says what it should hold.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise InputError(f"{path}: a single array, not an npz file of {of}")
            return {name: archive[name] for name in archive.files if wanted is None or name in wanted}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: can't be read as an npz file without pickles ({reason})") from error


def check_names(path: Path, arrays: Mapping[str, np.ndarray], names: list[str], of: str) -> None:
    """Raises InputError that lists the arrays that are missing or too many."""
    missing, surplus = sorted(set(names) - set(arrays)), sorted(set(arrays) - set(names))
    if missing or surplus:
        raise InputError(
            f"{path}: not the {of} of this program: missing {', '.join(missing) or 'nothing'}, "
            f"surplus {', '.join(surplus) or 'nothing'}"
        )


def check_shapes(path: Path, arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raises InputError that names the first array of another shape."""
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise InputError(f"{path}: {name} has shape {arrays[name].shape}, expected {shape}")
