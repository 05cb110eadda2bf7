# SPDX-License-Identifier: Apache-2.0
"""Events: who hears them, and what they say of where they come from."""

from __future__ import annotations

import threading
from pathlib import Path

from plan_cases import told

from af2cpu import events
from af2cpu.pipeline.listeners.target_logs import TargetLogs


def test_events_name_their_target_and_stage() -> None:
    with told("line") as found:
        events.emit("line", "one")
        with events.about("a", "msa"):
            events.emit("line", "two")
            events.emit("line", "three", target="b")
            events.emit("progress", "four", done=1, total=2)
        events.emit("line", "five")
    events.emit("line", "nobody listens")
    assert [(event.text, event.target, event.stage) for event in found] == [
        ("one", "", ""),
        ("two", "a", "msa"),
        ("three", "b", "msa"),
        ("five", "", ""),
    ]


def test_threads_are_heard_too() -> None:
    with told("progress") as found:
        thread = threading.Thread(target=lambda: events.emit("progress", "x", done=1, total=0))
        thread.start()
        thread.join()
    assert found[0].numbers == {"done": 1, "total": 0}


def test_each_target_has_its_log(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with events.listening(TargetLogs({"a": tmp_path / "a", "b": tmp_path / "b"})), told("warning") as warnings:
        events.emit("line", "first", target="a")
        events.emit("progress", "bar", target="a", done=1, total=2)
        events.emit("line", "no folder yet", target="b")
        events.emit("failed", "failed: last", target="a")
        (tmp_path / "b" / "log.txt").mkdir(parents=True)
        events.emit("line", "can't be written", target="b")
        events.emit("line", "said once", target="b")
    lines = (tmp_path / "a" / "log.txt").read_text().splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines] == ["first", "failed: last"]
    assert len(warnings) == 1
    assert "b: log.txt can't be written" in warnings[0].text
