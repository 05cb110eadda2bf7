# SPDX-License-Identifier: Apache-2.0
"""Standard output and error: any text can be printed, and a reader that has gone is no error."""

from __future__ import annotations

import codecs
import io
import os
import select
import sys


def print_anything() -> None:
    """Lets both streams print any text: bytes of paths that are not UTF-8 as they are, the rest as escapes."""
    codecs.register_error("af2cpu", _encoded)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="af2cpu")


def _encoded(error: UnicodeError) -> tuple[bytes, int]:
    """Handles the characters that a stream can't encode (codecs.register_error)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    escape = {one: "surrogateescape" if "\udc80" <= one <= "\udcff" else "backslashreplace" for one in text}
    return b"".join(one.encode("ascii", escape[one]) for one in text), error.end


def drop_closed_streams() -> bool:
    """Points the streams whose reader has gone to /dev/null, so that nothing fails on them again; whether one has."""
    dropped = False
    for stream in (sys.stdout, sys.stderr):
        try:
            number = stream.fileno()
        except (OSError, ValueError):  # no file, as in tests
            continue
        watch = select.poll()
        watch.register(number, select.POLLOUT)
        if any(events & select.POLLERR for _, events in watch.poll(0)):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, number)
            os.close(null)
            dropped = True
    return dropped
