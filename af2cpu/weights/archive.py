# SPDX-License-Identifier: Apache-2.0
"""DeepMind's archive of parameters: a plain tar on a server, of which the wanted members are taken."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

import httpx

from af2cpu.download import BodyReader, Piece, Remote, RemoteReader
from af2cpu.errors import DownloadError

_HEADERS = 1024  # bytes of one request: a header, and what tarfile looks at before it
_STREAM = 1 << 20


@contextmanager
def plain_tar(url: str) -> Iterator[None]:
    """Turns what tarfile says of an archive that can't be read into DownloadError."""
    try:
        yield
    except tarfile.TarError as error:
        raise DownloadError(f"{url}: not a plain tar, or cut off ({error}); check the address") from error


def find_members(http: httpx.Client, remote: Remote, wanted: Collection[str]) -> dict[str, Piece]:
    """The places of the wanted members of a tar on a server that sends ranges: reads the headers alone, up to the last.

    Members that the archive lacks are missing in what is returned. Raises DownloadError for what is no plain tar, and
    for members of these names that are links or lie outside of the archive's folder.
    """
    stream = io.BufferedReader(RemoteReader(http, remote), _HEADERS)
    found: dict[str, Piece] = {}
    with plain_tar(remote.url), tarfile.open(fileobj=stream, mode="r:") as tar:
        for name, info in _wanted(tar, wanted, remote.url):
            found[name] = Piece(remote.url, info.offset_data, info.size, remote.validator)
            if len(found) == len(set(wanted)):
                break
    return found


def stream_members(response: httpx.Response, wanted: Collection[str]) -> Iterator[tuple[str, int, io.BufferedIOBase]]:
    """(name, size, content) of each wanted member while the whole tar goes by.

    To be used within `plain_tar`: a tar that is cut off shows when the content is read.
    """
    with tarfile.open(fileobj=BodyReader(response, "archive"), mode="r|", bufsize=_STREAM) as tar:
        for name, info in _wanted(tar, wanted, str(response.url)):
            content = tar.extractfile(info)
            assert content is not None  # a regular file
            yield name, info.size, content  # type: ignore[misc]


def _wanted(tar: tarfile.TarFile, wanted: Collection[str], url: str) -> Iterator[tuple[str, tarfile.TarInfo]]:
    for info in tar:
        path = PurePosixPath(info.name)
        if path.name not in wanted:
            continue
        if path.is_absolute() or ".." in path.parts or not info.isreg() or info.issparse():
            raise DownloadError(f"{url}: the member {info.name} is no plain file of the archive's folder; refused")
        yield path.name, info
