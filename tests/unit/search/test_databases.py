"""AlphaFold's folder layout, presets, caps, databases by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from search_cases import demo

from af2cpu.errors import InputError
from af2cpu.search.databases import parse_databases, select


def test_af2s_layout_as_it_is() -> None:
    found = select(demo(), None, {})
    assert [(database.name, database.max_rows) for database in found.msa] == [
        ("uniref90", 10_000),
        ("small_bfd", None),
        ("mgnify", 501),
    ]
    assert found.templates is not None
    assert found.templates.path.name == "pdb_seqres.txt"
    assert found.mmcif is None


def test_structures_and_another_release_of_mgnify(tmp_path: Path) -> None:
    for name in ("uniref90/uniref90.fasta", "small_bfd/bfd-first_non_consensus_sequences.fasta"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    for name in ("mgnify/mgy_clusters_2018_12.fa", "mgnify/mgy_clusters_2022_05.fa", "pdb_seqres/pdb_seqres.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "pdb_mmcif/mmcif_files").mkdir(parents=True)
    (tmp_path / "pdb_mmcif/obsolete.dat").touch()
    found = select(tmp_path, "reduced", {})
    assert found.msa[2].path.name == "mgy_clusters_2022_05.fa"
    assert found.mmcif == tmp_path / "pdb_mmcif/mmcif_files"
    assert found.obsolete == tmp_path / "pdb_mmcif/obsolete.dat"


def test_databases_by_name_are_searched_uncut(tmp_path: Path) -> None:
    mine = tmp_path / "mine.fa"
    mine.touch()
    found = select(demo(), "demo", parse_databases([f"mine={mine}"]))
    assert [(database.name, database.max_rows) for database in found.msa] == [("uniref90", 10_000), ("mine", None)]
    assert select(None, None, {"mine": mine}).templates is None
    assert select(None, None, {"uniref90": mine}).msa[0].max_rows is None


@pytest.mark.parametrize("option", ["mine", "=x", "mine=", "a/b=x", "../x=y"])
def test_bad_options(option: str) -> None:
    with pytest.raises(InputError, match="must be name=path"):
        parse_databases([option])


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="given twice"):
        parse_databases(["a=x", "a=y"])
    with pytest.raises(InputError, match="no database to search"):
        select(None, None, {})
    with pytest.raises(InputError, match="needs --data-dir"):
        select(None, "reduced", {})
    with pytest.raises(InputError, match="full_dbs needs HHblits"):
        select(tmp_path, "full", {})
    with pytest.raises(InputError, match=r"missing: uniref90 .*small_bfd .*af2cpu db download"):
        select(tmp_path, None, {})
