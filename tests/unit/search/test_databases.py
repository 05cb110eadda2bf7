# SPDX-License-Identifier: Apache-2.0
"""AlphaFold's folder layout, presets, caps, databases by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from search_cases import demo

from af2cpu.errors import InputError
from af2cpu.search.databases import parse_databases, select
from af2cpu.shipped import is_shipped

ALPHAFOLDS = ("uniref90", "small_bfd", "mgnify", "pdb_seqres")


def test_af2s_layout_as_it_is() -> None:
    found = select(demo(), None, [])
    assert [(database.name, database.max_rows) for database in found.msa] == [
        ("uniref90", 10_000),
        ("small_bfd", None),
        ("mgnify", 501),
    ]
    assert found.templates is not None
    assert found.templates.path.name == "pdb_seqres.txt"
    assert found.mmcif is None


def test_alphafolds_word_for_the_preset() -> None:
    assert select(demo(), "reduced_dbs", []) == select(demo(), "reduced", []) == select(demo(), None, [])


def test_structures_and_another_release_of_mgnify(tmp_path: Path) -> None:
    for name in ("uniref90/uniref90.fasta", "small_bfd/bfd-first_non_consensus_sequences.fasta"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    for name in ("mgnify/mgy_clusters_2018_12.fa", "mgnify/mgy_clusters_2022_05.fa", "pdb_seqres/pdb_seqres.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "pdb_mmcif/mmcif_files").mkdir(parents=True)
    (tmp_path / "pdb_mmcif/obsolete.dat").touch()
    found = select(tmp_path, "reduced", [])
    assert found.msa[2].path.name == "mgy_clusters_2022_05.fa"
    assert found.mmcif == tmp_path / "pdb_mmcif/mmcif_files"
    assert found.obsolete == tmp_path / "pdb_mmcif/obsolete.dat"


def test_databases_by_name_have_alphafolds_caps_where_it_knows_them(tmp_path: Path) -> None:
    mine = tmp_path / "mine.fa"
    mine.touch()
    found = select(demo(), None, [f"mine={mine}"])
    assert [database.name for database in found.msa] == ["uniref90", "small_bfd", "mgnify", "mine"]
    assert [database.max_rows for database in found.msa] == [10_000, None, 501, None]
    assert select(None, None, [f"mine={mine}"]).templates is None
    caps = {one.name: one.max_rows for one in select(None, None, [f"{name}={mine}" for name in ALPHAFOLDS]).msa}
    assert caps == {"uniref90": 10_000, "small_bfd": None, "mgnify": 501}
    (uniref90, *_) = select(demo(), None, [f"uniref90={mine}"]).msa
    assert (uniref90.path, uniref90.max_rows) == (mine, 10_000)


@pytest.mark.parametrize("name", ["uniref90", "mine"])
def test_a_number_after_the_path_is_the_cap(tmp_path: Path, name: str) -> None:
    mine = tmp_path / "mine.fa"
    mine.touch()
    (found,) = select(None, None, [f"{name}={mine}:500"]).msa
    assert (found.path, found.max_rows) == (mine, 500)


def test_a_path_may_contain_colons(tmp_path: Path) -> None:
    for file in ("a:b.fa", "mine.fa:500"):
        (tmp_path / file).touch()
    parsed = parse_databases([f"x={tmp_path}/a:b.fa", f"y={tmp_path}/a:b.fa:7", f"z={tmp_path}/mine.fa:500"])
    assert [(one.path.name, one.max_rows) for one in parsed.values()] == [
        ("a:b.fa", None),
        ("a:b.fa", 7),
        ("mine.fa:500", None),
    ]
    (tmp_path / "mine.fa").touch()
    assert parse_databases([f"z={tmp_path}/mine.fa:501"])["z"].max_rows == 501


def test_caps_that_make_no_sense(tmp_path: Path) -> None:
    mine = tmp_path / "mine.fa"
    mine.touch()
    with pytest.raises(InputError, match=r"--db mine=.*:0: must keep 1 row or more"):
        parse_databases([f"mine={mine}:0"])
    with pytest.raises(InputError, match=r"--db pdb_seqres=.*: pdb_seqres is searched for templates.*leave :9 out"):
        parse_databases([f"pdb_seqres={mine}:9"])


def test_demo_takes_the_place_of_the_data_folder(tmp_path: Path) -> None:
    mine = tmp_path / "mine.fa"
    mine.touch()
    for data_dir in (None, tmp_path):
        found = select(data_dir, None, ["demo", f"mine={mine}"])
        assert [database.name for database in found.msa] == ["uniref90", "small_bfd", "mgnify", "mine"]
        assert all(is_shipped(database.path) for database in found.msa[:3])
        assert found.templates
        assert found.mmcif
        assert found.obsolete


@pytest.mark.parametrize("option", ["mine", "=x", "mine=", "a/b=x", "../x=y"])
def test_bad_options(option: str) -> None:
    with pytest.raises(InputError, match="must be demo, name=path or name=path:rows"):
        parse_databases([option])


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="given twice"):
        parse_databases(["a=x", "a=y"])
    with pytest.raises(InputError, match="no database to search"):
        select(None, None, [])
    with pytest.raises(InputError, match="needs --data-dir"):
        select(None, "reduced", [])
    with pytest.raises(InputError, match=r"--preset other: is none of reduced, full, reduced_dbs, full_dbs$"):
        select(tmp_path, "other", [])
    with pytest.raises(InputError, match=r"missing: uniref90 .*small_bfd .*af2cpu db download"):
        select(tmp_path, None, [])
