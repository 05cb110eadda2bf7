# SPDX-License-Identifier: Apache-2.0
"""Files from HTTP servers: whole or in pieces, resumed, with an eye on the disk."""

from af2cpu.download.archives import fetch_archive
from af2cpu.download.parts import bytes_there, drop, fetch, fetch_piece, finish, part_path
from af2cpu.download.requests import (
    BUSY,
    BodyReader,
    BusyError,
    Piece,
    Remote,
    RemoteReader,
    client,
    look,
    patiently,
    stream_whole,
)
from af2cpu.download.space import check_space, exclusive, outlook, size_text

__all__ = [
    "BUSY",
    "BodyReader",
    "BusyError",
    "Piece",
    "Remote",
    "RemoteReader",
    "bytes_there",
    "check_space",
    "client",
    "drop",
    "exclusive",
    "fetch",
    "fetch_archive",
    "fetch_piece",
    "finish",
    "look",
    "outlook",
    "part_path",
    "patiently",
    "size_text",
    "stream_whole",
]
