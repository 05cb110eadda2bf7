# SPDX-License-Identifier: Apache-2.0
"""What the artefacts of single stages depend on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from mmcif_cases import protein, write_mmcif
from plan_cases import search_plan
from search_cases import queries

from af2cpu.pipeline.run import run
from af2cpu.pipeline.stages.structures import STRUCTURES, StructuresTask
from af2cpu.plan.jobs import Job
from af2cpu.records import Query
from af2cpu.runs.records import DatabaseSearched
from af2cpu.search import structures
from af2cpu.search.databases import DatabaseSet
from af2cpu.workspace import Receipt, Work, look, obtain

GB1 = queries("gb1")[0]
HITS = """# STOCKHOLM 1.0
#=GS {entry}_A/1-40 DE [subseq from] mol:protein length:56  A hit
{entry}_A/1-40 {row}
//
"""


def given(tmp_path: Path, **more: object) -> Job:
    job = Job.of(GB1, tmp_path / "out" / "gb1")
    return replace(job, entities=(replace(job.entities[0], **more),))  # type: ignore[arg-type]


def fresh(tmp_path: Path, databases: DatabaseSet, **more: object) -> bool:
    """Whether features were made now for a job."""
    plan = search_plan(tmp_path / "out", [GB1], databases)
    (outcome,) = run(replace(plan, jobs=(given(tmp_path, **more),)))
    assert outcome.error is None
    return not outcome.reused


def test_features_depend_on_the_names_of_given_files(tmp_path: Path) -> None:
    """An alignment's name tells its database, and so the order of the rows; a template's name is its own."""
    nothing = DatabaseSet((), None, None, None)
    alignment = tmp_path / "mine.a3m"
    alignment.write_text(f">q\n{GB1.sequence}\n")
    assert fresh(tmp_path, nothing, alignments=(alignment,))
    assert not fresh(tmp_path, nothing, alignments=(alignment,))
    renamed = alignment.rename(tmp_path / "uniref90_hits.a3m")
    assert fresh(tmp_path, nothing, alignments=(renamed,))


def test_features_depend_on_the_successor_of_an_obsolete_entry(tmp_path: Path) -> None:
    alignment, hits = tmp_path / "mine.a3m", tmp_path / "pdb_hits.sto"
    alignment.write_text(f">q\n{GB1.sequence}\n")
    hits.write_text(HITS.format(entry="1old", row=GB1.sequence[:40] + "-" * (GB1.n_res - 40)))
    folder, obsolete = tmp_path / "mmcif", tmp_path / "obsolete.dat"
    folder.mkdir()
    obsolete.write_text("OBSLTE    31-JUL-94 1OLD     1NEW\n")
    databases = DatabaseSet((), None, folder, obsolete)
    assert fresh(tmp_path, databases, alignments=(alignment,), hits=hits)
    assert not fresh(tmp_path, databases, alignments=(alignment,), hits=hits)
    write_mmcif(folder / "1new.cif", [protein("A", "A", GB1.sequence[:40], 0)])
    assert fresh(tmp_path, databases, alignments=(alignment,), hits=hits)


def hits_receipt(entries: list[str]) -> Receipt[DatabaseSearched]:
    done = DatabaseSearched("pdb_seqres", "x", "h", 1, 1, 0, len(entries), 0.1, entries=tuple(entries))
    return Receipt(Path("pdb_hits.sto"), "k", "c", done)


def work(folder: Path, receipt: Receipt[DatabaseSearched]) -> Work[StructuresTask]:
    return Work(StructuresTask(Query("q", "MKV", "q", ""), folder), {"q": None}, {"hits": (receipt,)})


def test_structures_of_the_best_hits_are_enough(tmp_path: Path) -> None:
    entries = [f"{k:04d}" for k in range(80)]
    for entry in structures.best_entries(entries):
        (tmp_path / f"{entry}.cif").touch()
    assert len(list(tmp_path.iterdir())) < len(entries)
    assert look(STRUCTURES, work(tmp_path, hits_receipt(entries))) is not None
    (tmp_path / "0000.cif").unlink()
    assert look(STRUCTURES, work(tmp_path, hits_receipt(entries))) is None


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []

    def fetch(entries: list[str], folder: Path) -> list[str]:
        found.extend(entries)
        return ["structure 1abc not fetched: gone"]

    monkeypatch.setattr(structures, "fetch_entries", fetch)
    return found


def test_structures_of_given_hits_are_fetched(tmp_path: Path, fetched: list[str]) -> None:
    hits = tmp_path / "pdb_hits.sto"
    hits.write_text(HITS.format(entry="1abc", row="MKV"))
    receipt = Receipt(hits, "", "content", None)
    (obtained,) = obtain(STRUCTURES, [work(tmp_path / "mmcif", receipt)], 1)  # type: ignore[arg-type]
    assert fetched == ["1abc"]
    assert obtained.receipts["q"].done.notes == ("structure 1abc not fetched: gone",)
