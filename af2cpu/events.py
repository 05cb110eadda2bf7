# SPDX-License-Identifier: Apache-2.0
"""What happens in a run, as events on one channel: console, progress display, log files and JSON logs listen to it.

Whoever does something emits; nobody is handed a callback. `about` names the target and the stage for all events that
are emitted within its block by the same thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["line", "note", "warning", "reused", "failed", "done", "progress", "started", "finished"]

# No lines for people: how far something is, and which nodes of the graph are in work.
COUNTED: frozenset[Kind] = frozenset({"progress", "started", "finished"})


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Numbers of "progress" are done and total (0: not known); of "finished" seconds, and how many artefacts were made.
    """

    kind: Kind
    text: str  # one line; of "progress" the name of what progresses, of "started" and "finished" the node's id
    target: str = ""  # name of the protein; empty for what concerns the whole run
    stage: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)  # of "progress" and "finished"
    time: float = field(default_factory=time.time)  # seconds since the epoch
    worker: str = ""  # name of the worker process that it happened in; empty for the run's own process


Listener = Callable[[Event], None]

_listeners: list[Listener] = []
_about: ContextVar[tuple[str, str]] = ContextVar("about", default=("", ""))


def emit(kind: Kind, text: str, *, target: str | None = None, stage: str | None = None, **numbers: float) -> None:
    """Tells all listeners, in the order of registration. `target` and `stage` override those named by `about`."""
    about_target, about_stage = _about.get()
    named = about_target if target is None else target
    tell(Event(kind, text, named, about_stage if stage is None else stage, numbers))


def tell(event: Event) -> None:
    """Tells all listeners of an event, which may have happened in another process."""
    for listener in tuple(_listeners):
        listener(event)


@contextmanager
def about(target: str, stage: str = "") -> Iterator[None]:
    """Names the target and the stage of the events of this block."""
    token = _about.set((target, stage))
    try:
        yield
    finally:
        _about.reset(token)


@contextmanager
def listening(*listeners: Listener) -> Iterator[None]:
    """Within this block the listeners get every event of this process, from whichever thread."""
    _listeners.extend(listeners)
    try:
        yield
    finally:
        for listener in listeners:
            _listeners.remove(listener)
