# SPDX-License-Identifier: Apache-2.0
"""--log-json: every event as a line of JSON, for programs that collect logs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import orjson

from af2cpu import events
from af2cpu.errors import InputError, in_words
from af2cpu.events import Event

STDERR = "-"
_PROGRESS = 1.0  # seconds between two lines of one progress; the last one is always written


class JsonLines:
    """Writes events as JSON, one on each line, flushed; from any thread."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self._stream, self._name = stream, name
        self._lock = threading.Lock()
        self._next: dict[tuple[str, str], float] = {}  # progress -> when its next line may come
        self._broken = False

    def __call__(self, event: Event) -> None:
        with self._lock:
            if self._broken or (event.kind == "progress" and self._is_too_soon(event)):
                return
            try:
                self._stream.write(_line(event))
                self._stream.flush()
                return
            except OSError as error:  # a log that can't be written is no reason to lose the results
                self._broken, reason = True, in_words(error)
        events.emit("warning", f"{self._name}: the log ends here, it can't be written: {reason}", target="")

    def _is_too_soon(self, event: Event) -> bool:
        name = (event.target, event.text)
        if event.numbers["total"] and event.numbers["done"] >= event.numbers["total"]:
            self._next.pop(name, None)
            return False
        if event.time < self._next.get(name, 0.0):
            return True
        self._next[name] = event.time + _PROGRESS
        return False


def _line(event: Event) -> bytes:
    content = {
        "time": datetime.fromtimestamp(event.time).astimezone().isoformat(timespec="milliseconds"),
        "kind": event.kind,
        "target": event.target,
        "stage": event.stage,
        "worker": event.worker,
        "text": event.text.encode("utf-8", "backslashreplace").decode(),
        "numbers": dict(event.numbers),
    }
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)


@contextmanager
def logging_json(log: str) -> Iterator[None]:
    """Within this block events are appended to a file, or written to standard error for `-`. Raises InputError."""
    if log == STDERR:
        with events.listening(JsonLines(sys.stderr.buffer, "standard error")):
            yield
        return
    try:
        stream = Path(log).open("ab")  # noqa: SIM115 - an error of the block below must not be taken for one of opening
    except OSError as error:
        raise InputError(f"--log-json {log}: can't be written: {error.strerror}") from error
    with stream, events.listening(JsonLines(stream, log)):
        yield
