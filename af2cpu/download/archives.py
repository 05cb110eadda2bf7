# SPDX-License-Identifier: Apache-2.0
"""Fetches .tar.gz archives and unpacks them: files that appear under their names once all of them are whole."""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

import httpx

from af2cpu import events
from af2cpu.download.parts import drop, fetch_part
from af2cpu.errors import DownloadError
from af2cpu.formats.streams import naming

_BLOCK = 1 << 20
_UNPACKING = ".unpacking"  # folder: what a killed run left in it is removed


def fetch_archive(http: httpx.Client, url: str, prefix: Path, unpacked_size: int) -> None:
    """Fetches an archive and unpacks it into the folder of `prefix`, with which the names of its files begin.

    After an interruption the next call goes on with what has come. unpacked_size: what is expected in bytes, for the
    look at the disk. Raises DownloadError: server's refusal, not enough space, an archive that is damaged.
    """
    part = fetch_part(http, url, prefix, unpacked_size)
    folder = prefix.parent / _UNPACKING
    _remove(folder)
    try:
        _unpack(part, folder)
        for file in _files_in(folder):
            target = prefix.parent / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError) as error:
        drop(part)
        raise DownloadError(
            f"{url}: the download was damaged ({error}) and is removed; run the same command again"
        ) from error
    finally:
        _remove(folder)
    drop(part)


def _unpack(part: Path, folder: Path) -> None:
    """Unpacks the files of the archive and reads it to its end, where the checksum of all of it is."""
    folder.mkdir()
    size = part.stat().st_size
    with part.open("rb") as raw, gzip.open(raw) as packed:
        with tarfile.open(fileobj=packed, mode="r|") as archive:  # reads forward only
            for member in archive:
                if not member.isdir():
                    _write(archive, member, folder)
                events.emit("progress", f"unpacking {member.name}", done=raw.tell(), total=size)
        while packed.read(_BLOCK):
            pass


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """One file. Raises TarError for a link, a device, and a name that leads out of the folder."""
    name = PurePosixPath(member.name)
    content = archive.extractfile(member) if member.isfile() else None
    if content is None or name.is_absolute() or ".." in name.parts:
        raise tarfile.TarError(f"{member.name!r} is no plain file in it")
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with naming(target), target.open("wb") as file:
        shutil.copyfileobj(content, file, _BLOCK)
        file.flush()
        os.fsync(file.fileno())


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
