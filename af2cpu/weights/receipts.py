# SPDX-License-Identifier: Apache-2.0
"""Receipts of downloaded parameter files: <file>.receipt.json says what the file was when all of it had been checked.

A load trusts a file whose size and time of change are still those of its receipt, and reads the whole file against the
SHA-256 where only the time differs (a copy). A file without a receipt is the user's own, and loads on its arrays alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import orjson

from af2cpu.errors import ParameterError
from af2cpu.formats.streams import atomic_write
from af2cpu.runs.records import from_json

_FORMAT = 1


@dataclass(frozen=True)
class Receipt:
    """A parameter file as it was when it was fetched."""

    model: str
    sha256: str
    size: int  # bytes
    mtime_ns: int
    arrays: int  # each compared with the model's table
    url: str
    validator: str  # ETag or date of the archive on the server; "" where it gave none
    licence: str
    fetched: str  # ISO 8601


def receipt_path(path: Path) -> Path:
    """The path of the receipt of a parameter file."""
    return path.with_name(path.name + ".receipt.json")


def read_receipt(path: Path) -> Receipt | None:
    """The receipt of a parameter file, None if it has none. Raises ParameterError for a damaged one."""
    place = receipt_path(path)
    if not place.is_file():
        return None
    try:
        fields = orjson.loads(place.read_bytes())
        if fields.pop("format") != _FORMAT:
            raise ValueError("another format")
        return from_json(Receipt, fields)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ParameterError(
            f"{place}: the receipt can't be read ({error}); remove it, and check the file with af2cpu params verify"
        ) from error


def write_receipt(path: Path, receipt: Receipt) -> None:
    """Writes the receipt of a parameter file, whole or not at all."""
    with atomic_write(receipt_path(path)) as file:
        file.write(orjson.dumps({"format": _FORMAT} | asdict(receipt), option=orjson.OPT_INDENT_2))


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def untouched(path: Path, receipt: Receipt) -> bool:
    """Whether size and time of change are the receipt's."""
    status = path.stat()
    return (status.st_size, status.st_mtime_ns) == (receipt.size, receipt.mtime_ns)


def check_receipt(path: Path, *, thoroughly: bool = False) -> Receipt | None:
    """Compares a file with its receipt: in microseconds if nothing has touched it, else (or `thoroughly`) in a second.

    Returns the receipt, None if there is none. Raises ParameterError if the file is not the one that was fetched.
    """
    receipt = read_receipt(path)
    if receipt is None or (not thoroughly and untouched(path, receipt)):
        return receipt
    size = path.stat().st_size
    if size != receipt.size:
        why = f"has {size:,} bytes and had {receipt.size:,}"
    elif sha256_of(path) != receipt.sha256:
        why = "has other bytes (SHA-256)"
    else:
        return receipt
    raise ParameterError(
        f"{path}: {why} when it was downloaded: damaged or replaced. Fetch it again with af2cpu params download "
        f"--models {receipt.model}, or remove {receipt_path(path).name} if the file is meant to be another"
    )


def renew(path: Path, receipt: Receipt) -> None:
    """Writes down the time of change of a file that was just found right, so that later loads need not read it."""
    write_receipt(path, replace(receipt, mtime_ns=path.stat().st_mtime_ns))
