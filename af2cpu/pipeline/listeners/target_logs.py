# SPDX-License-Identifier: Apache-2.0
"""log.txt of each target: what was said of it, with the time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from af2cpu import events
from af2cpu.events import Event

NAME = "log.txt"


class TargetLogs:
    """Listens to the events of targets and appends their lines to log.txt, once a target has a folder."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = folders
        self._unwritable: set[str] = set()

    def __call__(self, event: Event) -> None:
        folder = self._folders.get(event.target)
        if event.kind in events.COUNTED or folder is None or event.target in self._unwritable or not folder.is_dir():
            return
        moment = datetime.fromtimestamp(event.time).astimezone().isoformat(timespec="seconds")
        try:
            with (folder / NAME).open("a") as file:
                file.write(f"{moment} {event.text}\n")
        except OSError as error:  # a log that can't be written is no reason to lose the result
            self._unwritable.add(event.target)
            events.emit("warning", f"{event.target}: {NAME} can't be written: {error}", target="")
