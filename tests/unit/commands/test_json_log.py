# SPDX-License-Identifier: Apache-2.0
"""The log as JSON lines: which fields, how often progress, what happens when it can't be written."""

from __future__ import annotations

import io
import json

from plan_cases import told

from af2cpu import events
from af2cpu.commands.json_log import JsonLines


def test_progress_comes_at_a_modest_rate_and_its_end_always() -> None:
    stream = io.BytesIO()
    log = JsonLines(stream, "log")
    for k in range(101):
        log(events.Event("progress", "search", numbers={"done": k, "total": 100}, time=1000 + 0.05 * k))
    done = [json.loads(line)["numbers"]["done"] for line in stream.getvalue().splitlines()]
    assert done == [0, 20, 40, 60, 80, 100]


def test_any_text_is_one_line() -> None:
    stream = io.BytesIO()
    JsonLines(stream, "log")(events.Event("line", "a\nb \udcff \x00 µ", target="t"))
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["text"] == "a\nb \\udcff \x00 µ"


def test_a_full_disk_ends_the_log_and_not_the_run() -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    log = JsonLines(Full(), "log")
    with told("warning") as warnings, events.listening(log):
        events.emit("line", "one")
        events.emit("line", "two")
    assert [event.text for event in warnings] == [
        "log: the log ends here, it can't be written: No space left on device"
    ]
