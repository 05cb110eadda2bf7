# SPDX-License-Identifier: Apache-2.0
"""Whether an artefact is current, at whichever of its places; what is recorded of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from plan_cases import told

from af2cpu.errors import DatabaseError
from af2cpu.runs.records import FilesWritten
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
            if work.task.text == "interrupted":
                raise KeyboardInterrupt
            self.made.append(work.task.text)
            work.file.write_text(work.task.text)
            yield work, FilesWritten({}, seconds=1.5, notes=("a note",))


def work_at(text: str, *places: Path, **more: Any) -> Work[Text]:
    """A work whose artefact goes to these places, for the proteins p0, p1, ..."""
    return Work(Text(text), {f"p{k}": place for k, place in enumerate(places)}, **more)


def receipts(stage: Stage[Text, FilesWritten], *works: Work[Text]) -> list[Receipt[FilesWritten]]:
    """Of the first protein of each work."""
    return [one.receipts["p0"] for one in obtain(stage, works, 1)]


@pytest.fixture
def counting() -> Counting:
    return Counting()


def test_made_once_and_read_back(counting: Counting, tmp_path: Path) -> None:
    work = work_at("a", tmp_path / "new" / "a.txt")
    (first,) = receipts(counting.stage, work)
    (again,) = receipts(counting.stage, work)
    assert counting.made == ["a"]
    assert (first.reused, again.reused) == (False, True)
    assert again == replace(first, reused=True)
    assert again.done.notes == ("a note",)
    assert again.content == content_hash(tmp_path / "new" / "a.txt")


@pytest.mark.parametrize("change", ["file", "receipt", "task", "version", "input"])
def test_made_anew_when_anything_has_changed(counting: Counting, tmp_path: Path, change: str) -> None:
    path, before = tmp_path / "a.txt", Receipt(None, "", "1", None)
    work = work_at("a", path, inputs={"before": (before,)})
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
    (receipt,) = receipts(stage, work)
    assert not receipt.reused
    assert len(counting.made) == 2


def test_files_beside_the_artefact_count(counting: Counting, tmp_path: Path) -> None:
    beside = tmp_path / "beside.txt"
    stage = replace(counting.stage, intact=lambda work, done: beside.exists())
    work = work_at("a", tmp_path / "a.txt")
    obtain(stage, [work], 1)
    assert look(stage, work) is None
    beside.touch()
    assert look(stage, work) is not None


def test_an_error_belongs_to_its_artefact(counting: Counting, tmp_path: Path) -> None:
    """The others are made; what was made before the error is made once."""
    works = [work_at(text, tmp_path / f"{text}.txt") for text in ("a", "b", "fails", "c", "d")]
    obtained = obtain(counting.stage, works, 1)
    assert [list(one.receipts) for one in obtained] == [["p0"], ["p0"], [], ["p0"], ["p0"]]
    assert [str(error) for one in obtained for error in one.errors.values()] == ["no text"]
    assert counting.made == ["a", "b", "c", "d"]
    assert not any(receipt.reused for one in obtained for receipt in one.receipts.values())


def test_what_was_made_before_a_kill_is_recorded(counting: Counting, tmp_path: Path) -> None:
    works = [work_at(text, tmp_path / f"{text}.txt") for text in ("a", "interrupted", "b")]
    with pytest.raises(KeyboardInterrupt):
        obtain(counting.stage, works, 1)
    assert [look(counting.stage, work) is not None for work in works] == [True, False, False]


def test_a_broken_database_ends_the_node(counting: Counting, tmp_path: Path) -> None:
    def broken(works: object, cores: int) -> Iterator[Any]:
        raise DatabaseError("db.fasta: cut off")
        yield

    with pytest.raises(DatabaseError, match="cut off"):
        obtain(replace(counting.stage, make=broken), [work_at("a", tmp_path / "a.txt")], 1)


def test_copies_are_links_and_are_not_made_again(counting: Counting, tmp_path: Path) -> None:
    first, second = tmp_path / "one" / "a.txt", tmp_path / "two" / "a.txt"
    (obtained,) = obtain(counting.stage, [work_at("a", first, second)], 1)
    assert {target: receipt.path for target, receipt in obtained.receipts.items()} == {"p0": first, "p1": second}
    assert second.samefile(first)
    other = Counting()
    (found,) = receipts(other.stage, work_at("a", tmp_path / "three" / "a.txt", second))
    assert other.made == []
    assert found.reused
    assert found.file == tmp_path / "three" / "a.txt"
    assert found.file.read_text() == "a"
    assert read_receipt(found.file, FilesWritten) is not None


def test_where_no_links_can_be_made_it_is_copied(
    counting: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*paths: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    second = tmp_path / "two" / "a.txt"
    obtain(counting.stage, [work_at("a", tmp_path / "a.txt", second)], 1)
    assert second.read_text() == "a"
    assert not second.samefile(tmp_path / "a.txt")


def test_a_copy_that_was_changed_is_shared_anew(counting: Counting, tmp_path: Path) -> None:
    second = tmp_path / "two" / "a.txt"
    work = work_at("a", tmp_path / "a.txt", second)
    obtain(counting.stage, [work], 1)
    second.unlink()
    second.write_text("b")
    obtain(counting.stage, [work], 1)
    assert second.read_text() == "a"
    assert counting.made == ["a"]


@pytest.mark.parametrize("damaged", [0, 1])
def test_a_damaged_receipt_is_written_again(counting: Counting, tmp_path: Path, damaged: int) -> None:
    """As a crash of the system may leave those of shared artefacts, which are not synced: nothing is made anew."""
    work = work_at("a", tmp_path / "a/x", tmp_path / "b/x")
    obtain(counting.stage, [work], 1)
    path = receipt_path(tmp_path / "ab"[damaged] / "x")
    before = path.read_bytes()
    path.write_bytes(b"")
    obtain(counting.stage, [work], 1)
    assert counting.made == ["a"]
    assert path.read_bytes() == before


@pytest.mark.parametrize("broken", [0, 1])
def test_a_folder_that_can_t_be_made_is_its_protein_s_error(counting: Counting, tmp_path: Path, broken: int) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    folders[broken].write_text("no folder")
    (obtained,) = obtain(counting.stage, [work_at("a", *(folder / "a.txt" for folder in folders))], 1)
    assert list(obtained.errors) == [f"p{broken}"]
    assert list(obtained.receipts) == [f"p{1 - broken}"]
    assert (folders[1 - broken] / "a.txt").read_text() == "a"
    (again,) = obtain(counting.stage, [work_at("a", *(folder / "a.txt" for folder in folders))], 1)
    assert (list(again.errors), list(again.receipts)) == ([f"p{broken}"], [f"p{1 - broken}"])


def test_the_cache_keeps_a_copy_and_is_not_needed(counting: Counting, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "a.txt"
    obtain(counting.stage, [work_at("a", tmp_path / "one" / "a.txt", cache=cache)], 1)
    assert cache.read_text() == "a"
    obtain(counting.stage, [work_at("a", tmp_path / "two" / "a.txt", cache=cache)], 1)
    assert counting.made == ["a"]
    (tmp_path / "file").write_text("no folder")
    with told("warning") as warnings:
        (receipt,) = receipts(counting.stage, work_at("b", tmp_path / "b.txt", cache=tmp_path / "file" / "b.txt"))
    assert receipt.file.read_text() == "b"
    assert "nothing can be kept there" in warnings[0].text


def test_a_stage_without_a_file_says_what_it_has(tmp_path: Path) -> None:
    counting = Counting()
    kept = replace(counting.stage, kept=lambda work: FilesWritten({"kept": work.task.text}))
    (obtained,) = obtain(kept, [Work(Text("a"), {"p0": None, "p1": None})], 1)
    assert [(one.path, one.reused, one.done.files) for one in obtained.receipts.values()] == [
        (None, True, {"kept": "a"})
    ] * 2
    assert counting.made == []
    assert not list(tmp_path.iterdir())
