# SPDX-License-Identifier: Apache-2.0
"""npz files of plain arrays: no pickles, written whole or not at all, the same bytes for the same arrays.

A file is not believed: names, types, shapes and sizes are read from the headers of its arrays, and checked, before
anything is unpacked. A small file may claim to hold terabytes.
"""

from __future__ import annotations

import lzma
import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from af2cpu.cores import available_memory
from af2cpu.errors import InputError
from af2cpu.formats.streams import atomic_write

# What zipfile and numpy raise for archives and headers that are damaged or made up: versions, methods of compression
# and encryption that they lack, headers that are no Python literals, sizes that no number of 64 bits holds.
BROKEN_ARCHIVE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    SyntaxError,
    RuntimeError,
    OverflowError,
    MemoryError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
_KINDS = {"iu": "whole numbers", "fiu": "numbers", "fiub": "numbers", "S": "bytes"}
_LITTLE = 1 << 28  # bytes that are not compared with the memory that is free


@dataclass(frozen=True)
class Header:
    """What the header of an array says."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran_order: bool

    @property
    def n_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


Check = Callable[[Mapping[str, Header]], None]  # raises InputError for arrays that can't be used


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Compressed. Raises OSError, and ValueError for arrays of objects."""
    pickled = [name for name, array in arrays.items() if array.dtype.hasobject]
    if pickled:
        raise ValueError(f"arrays of objects can't be written without pickle: {', '.join(pickled)}")
    with atomic_write(path) as stream:
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


def read_arrays(
    path: Path, of: str, wanted: Container[str] | None = None, check: Check = lambda headers: None
) -> dict[str, np.ndarray]:
    """The arrays of a file, all or those of the names `wanted`.

    check: is given the headers of these arrays before any of them is unpacked.

    Raises InputError that names the file and what is wrong, also where the arrays need more memory than is free; `of`
    says what the file should hold.
    """
    try:
        with path.open("rb") as stream:
            if stream.read(6) == b"\x93NUMPY":
                raise InputError(f"{path}: a single array, not an npz file of {of}")
            with zipfile.ZipFile(stream) as archive:
                names = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                members = {name: info for name, info in names.items() if wanted is None or name in wanted}
                headers = {name: _header(archive, info) for name, info in members.items()}
                check(headers)
                _check_room(path, sum(header.n_bytes for header in headers.values()))
                return {name: _array(archive, members[name], header) for name, header in headers.items()}
    except BROKEN_ARCHIVE as error:
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path}: can't be read as an npz file without pickles ({reason})") from error


def read_header(stream: IO[bytes]) -> Header:
    """The header of an npy file; the stream is then at its numbers. Raises what BROKEN_ARCHIVE lists."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that Python 2 wrote, and of old names of types, such as a4
        shape, fortran_order, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded")
    if any(length < 0 for length in shape):
        raise ValueError(f"it has an array of the shape {shape}")
    return Header(tuple(int(length) for length in shape), dtype, fortran_order)


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Header:
    """The header of a member. Raises ValueError if it does not match the member's size. Unpacks a few hundred bytes."""
    with archive.open(info) as stream:
        header = read_header(stream)
        if stream.tell() + header.n_bytes != info.file_size:
            raise ValueError(f"{info.filename} has {info.file_size:,} bytes, which are not its {header.shape} numbers")
        return header


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, header: Header) -> np.ndarray:
    data = memoryview(archive.read(info))[info.file_size - header.n_bytes :]
    flat = np.frombuffer(data, header.dtype, math.prod(header.shape)).copy()
    return flat.reshape(header.shape, order="F" if header.fortran_order else "C")


def _check_room(path: Path, n_bytes: int) -> None:
    if n_bytes > _LITTLE and n_bytes > (free := available_memory()):
        raise InputError(f"{path}: unpacks to {n_bytes / 1e9:.1f} GB, and {free / 1e9:.1f} GB of memory are free")


def check_names(path: Path, arrays: Iterable[str], names: list[str], of: str) -> None:
    """Raises InputError that lists the arrays that are missing or too many."""
    given = set(arrays)
    missing, surplus = sorted(set(names) - given), sorted(given - set(names))
    if missing or surplus:
        raise InputError(
            f"{path}: not the {of} of this program: missing {', '.join(missing) or 'nothing'}, "
            f"surplus {', '.join(surplus) or 'nothing'}"
        )


def check_shapes(
    path: Path, arrays: Mapping[str, Header] | Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Raises InputError that names the first array of another shape."""
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise InputError(f"{path}: {name} has shape {arrays[name].shape}, expected {shape}")


def check_kinds(path: Path, headers: Mapping[str, Header], kinds: Mapping[str, str]) -> None:
    """Raises InputError that names the first array of another kind of numbers.

    kinds: by array the letters of numpy's kinds that it may have, such as `iu` for whole numbers.
    """
    for name, allowed in kinds.items():
        if name in headers and headers[name].dtype.kind not in allowed:
            raise InputError(f"{path}: {name} holds {headers[name].dtype}, expected {_KINDS[allowed]}")
