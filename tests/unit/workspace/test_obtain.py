"""Whether an artefact is current, at whichever of its places; what is recorded of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from af2cpu.run_records import FilesWritten
from af2cpu.workspace import Receipt, Stage, Work, content_hash, look, obtain
from af2cpu.workspace.receipts import read_receipt, receipt_path


@dataclass(frozen=True)
class Text:
    text: str


class Counting:
    """A stage that writes its task's text, and counts how often."""

    def __init__(self, version: int = 1) -> None:
        self.made: list[str] = []
        self.stage: Stage[Text, FilesWritten] = Stage(
            name="text", version=version, done=FilesWritten, depends_on=self._depends_on, make=self._make
        )

    def _depends_on(self, work: Work[Text]) -> Mapping[str, Any]:
        return {"text": work.task.text, "inputs": [receipt.content for receipt in work.all("before")]}

    def _make(self, works: Sequence[Work[Text]], cores: int) -> Iterator[tuple[Work[Text], FilesWritten]]:
        for work in works:
            if work.task.text == "fails":
                raise RuntimeError("no text")
            self.made.append(work.task.text)
            work.file.write_text(work.task.text)
            yield work, FilesWritten({}, seconds=1.5, notes=("a note",))


@pytest.fixture
def counting() -> Counting:
    return Counting()


def test_made_once_and_read_back(counting: Counting, tmp_path: Path) -> None:
    work = Work(Text("a"), tmp_path / "new" / "a.txt")
    (first,) = obtain(counting.stage, [work], 1)
    (again,) = obtain(counting.stage, [work], 1)
    assert counting.made == ["a"]
    assert (first.reused, again.reused) == (False, True)
    assert again == replace(first, reused=True)
    assert again.done.notes == ("a note",)
    assert again.content == content_hash(tmp_path / "new" / "a.txt")


@pytest.mark.parametrize("change", ["file", "receipt", "task", "version", "input"])
def test_made_anew_when_anything_has_changed(counting: Counting, tmp_path: Path, change: str) -> None:
    path, before = tmp_path / "a.txt", Receipt(None, "", "1", None)
    work = Work(Text("a"), path, {"before": (before,)})
    obtain(counting.stage, [work], 1)
    stage = counting.stage
    if change == "file":
        path.write_text("b")
    elif change == "receipt":
        receipt_path(path).write_text('{"key": "half')
    elif change == "task":
        work = replace(work, task=Text("b"))
    elif change == "version":
        stage = replace(stage, version=2)
    else:
        work = replace(work, inputs={"before": (replace(before, content="2"),)})
    assert look(stage, work) is None
    (receipt,) = obtain(stage, [work], 1)
    assert not receipt.reused
    assert len(counting.made) == 2


def test_files_beside_the_artefact_count(counting: Counting, tmp_path: Path) -> None:
    beside = tmp_path / "beside.txt"
    stage = replace(counting.stage, intact=lambda work, done: beside.exists())
    work = Work(Text("a"), tmp_path / "a.txt")
    obtain(stage, [work], 1)
    assert look(stage, work) is None
    beside.touch()
    assert look(stage, work) is not None


def test_what_was_made_before_a_failure_is_recorded(counting: Counting, tmp_path: Path) -> None:
    works = [Work(Text(text), tmp_path / f"{text}.txt") for text in ("a", "fails", "b")]
    with pytest.raises(RuntimeError, match="no text"):
        obtain(counting.stage, works, 1)
    assert [look(counting.stage, work) is not None for work in works] == [True, False, False]


def test_copies_are_links_and_are_not_made_again(counting: Counting, tmp_path: Path) -> None:
    first, second = tmp_path / "one" / "a.txt", tmp_path / "two" / "a.txt"
    (receipt,) = obtain(counting.stage, [Work(Text("a"), first, copies=(second,))], 1)
    assert receipt.path == first
    assert second.samefile(first)
    other = Counting()
    (found,) = obtain(other.stage, [Work(Text("a"), tmp_path / "three" / "a.txt", copies=(second,))], 1)
    assert other.made == []
    assert found.reused
    assert found.path == tmp_path / "three" / "a.txt"
    assert found.path.read_text() == "a"
    assert read_receipt(found.path, FilesWritten) is not None


def test_where_no_links_can_be_made_it_is_copied(
    counting: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*paths: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    second = tmp_path / "two" / "a.txt"
    obtain(counting.stage, [Work(Text("a"), tmp_path / "a.txt", copies=(second,))], 1)
    assert second.read_text() == "a"
    assert not second.samefile(tmp_path / "a.txt")


def test_a_copy_that_was_changed_is_shared_anew(counting: Counting, tmp_path: Path) -> None:
    second = tmp_path / "two" / "a.txt"
    work = Work(Text("a"), tmp_path / "a.txt", copies=(second,))
    obtain(counting.stage, [work], 1)
    second.unlink()
    second.write_text("b")
    obtain(counting.stage, [work], 1)
    assert second.read_text() == "a"
    assert counting.made == ["a"]


def test_a_stage_without_a_file_says_what_it_has(tmp_path: Path) -> None:
    counting = Counting()
    kept = replace(counting.stage, kept=lambda work: FilesWritten({"kept": work.task.text}))
    (receipt,) = obtain(kept, [Work(Text("a"), None)], 1)
    assert (receipt.path, receipt.reused, receipt.done.files) == (None, True, {"kept": "a"})
    assert counting.made == []
    assert not list(tmp_path.iterdir())
