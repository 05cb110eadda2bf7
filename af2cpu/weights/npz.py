# SPDX-License-Identifier: Apache-2.0
"""Reading a flat npz: each array is checked, copied once into memory, and never unpickled."""

from __future__ import annotations

import io
import math
import mmap
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from af2cpu.errors import ParameterError
from af2cpu.formats.arrays import BROKEN_ARCHIVE, read_header

_LOCAL_HEADER = 30  # bytes before the name in a zip member's own header
_MAX_HEADER = 2**16  # bytes that hold the header of any npy


def read_arrays(path: Path, most_bytes: int | None = None) -> Iterator[tuple[str, np.ndarray]]:
    """(name, array) for each member of an npz, in the file's order.

    Raises ParameterError for a file that is no npz, is cut off, is damaged or holds Python objects, and before anything
    is unpacked for one whose arrays take more than `most_bytes` together.
    """
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            zipfile.ZipFile(file) as archive,
        ):
            _check_size(path, sum(info.file_size for info in archive.infolist()), most_bytes)
            for info in archive.infolist():
                yield info.filename.removesuffix(".npy"), _array(_member(archive, info, mapped))
                mapped.madvise(mmap.MADV_DONTNEED)  # pages that were read would count as this process's memory
    except OSError as error:
        raise ParameterError(f"{path}: cannot be read: {error.strerror or error}") from error
    except BROKEN_ARCHIVE as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"{path}: {_diagnosis(path, error)}") from error


def _check_size(path: Path, n_bytes: int, most_bytes: int | None) -> None:
    if most_bytes is not None and n_bytes > most_bytes:
        raise ParameterError(
            f"{path}: unpacks to {n_bytes / 1e6:,.0f} MB, and the model's parameters take {most_bytes / 1e6:,.0f} MB; "
            "the file is damaged or made up"
        )


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, mapped: mmap.mmap) -> memoryview:
    """The bytes of a member, verified. Stored ones are taken from the map, where zipfile would copy them twice."""
    if info.compress_type != zipfile.ZIP_STORED:
        return memoryview(archive.read(info))
    header = mapped[info.header_offset : info.header_offset + _LOCAL_HEADER]
    start = info.header_offset + _LOCAL_HEADER + int.from_bytes(header[26:28], "little")
    start += int.from_bytes(header[28:30], "little")
    data = memoryview(mapped)[start : start + info.file_size]
    if len(header) < _LOCAL_HEADER or zlib.crc32(data) != info.CRC:
        data.release()
        raise zipfile.BadZipFile(f"the array {info.filename} fails its checksum")
    return data


def _array(data: memoryview) -> np.ndarray:
    """The array of a member in npy form. Copies: the map is not aligned and ends with the file."""
    with data:
        stream = io.BytesIO(data[:_MAX_HEADER])
        header = read_header(stream)
        if stream.tell() + header.n_bytes > len(data):
            raise ValueError(f"an array of shape {header.shape} is cut off")
        flat = np.frombuffer(data, header.dtype, math.prod(header.shape), stream.tell()).copy()
    return flat.reshape(header.shape, order="F" if header.fortran_order else "C")


def _diagnosis(path: Path, error: Exception) -> str:
    with path.open("rb") as file:
        is_zip = file.read(4) == b"PK\x03\x04"
    if not is_zip:
        return "not a parameter file: AlphaFold's parameters come as .npz. Unpack the .tar, or download the file again"
    if "checksum" in str(error) or "Python objects" in str(error):
        return f"damaged: {error}. Download it again"
    return "cut off or damaged: the end of the archive is missing. Download it again"
