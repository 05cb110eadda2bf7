# SPDX-License-Identifier: Apache-2.0
"""hh-suite's databases: AlphaFold's folder layout, the newest release, what is missing, what tells them apart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hh_cases import bfd_uniref, link_sequences, touched

from af2cpu.errors import DatabaseError, InputError
from af2cpu.search.databases import Database, DatabaseSet, select
from af2cpu.search.profile_databases import ProfileDatabase, expected_prefix


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """AlphaFold's folder for full_dbs, hh-suite's files without content."""
    touched(tmp_path)
    link_sequences(tmp_path)
    return tmp_path


def names(found: DatabaseSet) -> list[str]:
    return [database.name for database in found.msa]


def test_the_full_preset(data_dir: Path) -> None:
    found = select(data_dir, "full", [])
    assert found == select(data_dir, "full_dbs", [])
    assert names(found) == ["uniref90", "bfd_uniref", "mgnify"]
    (profiles,) = found.profiles
    assert profiles == bfd_uniref(data_dir)
    assert profiles.program == "hhblits"
    assert [database.name for database in found.fasta] == ["uniref90", "mgnify", "pdb_seqres"]


def test_pdb70_takes_the_place_of_pdb_seqres(data_dir: Path) -> None:
    found = select(data_dir, "full", [], "hhsearch")
    assert isinstance(found.templates, ProfileDatabase)
    assert found.templates.prefixes == (data_dir / "pdb70/pdb70",)
    assert [database.name for database in found.profiles] == ["bfd_uniref", "pdb70"]


def test_the_newest_release_of_uniref30(tmp_path: Path) -> None:
    assert expected_prefix(tmp_path, "uniref30") == tmp_path / "uniref30/UniRef30_2021_03"
    (tmp_path / "uniref30").mkdir()
    for name in ("UniRef30_2021_03_hhm.ffdata", "UniRef30_2023_02_a3m.ffindex", "UniRef30_2020_06_cs219.ffdata"):
        (tmp_path / "uniref30" / name).touch()
    assert expected_prefix(tmp_path, "uniref30") == tmp_path / "uniref30/UniRef30_2023_02"


def test_prefixes_elsewhere(data_dir: Path, tmp_path: Path) -> None:
    other = touched(tmp_path / "fast", ["bfd"]) / "bfd/bfd_metaclust_clu_complete_id30_c90_final_seq.sorted_opt"
    (profiles,) = select(data_dir, "full", [f"bfd={other}"], "hhsearch").msa[1:2]
    assert isinstance(profiles, ProfileDatabase)
    assert profiles.prefixes == (other, data_dir / "uniref30/UniRef30_2021_03")
    (alone,) = select(None, None, [f"bfd={other}"]).msa
    assert alone == ProfileDatabase("bfd_uniref", (other,), "hhblits")
    fasta = data_dir / "uniref90/uniref90.fasta"
    assert select(None, None, [f"bfd={fasta}"]).msa == (Database("bfd", fasta),)
    found = select(None, None, [f"uniref90={fasta}", f"pdb70={data_dir}/pdb70/pdb70"], "hhsearch")
    assert found.templates == ProfileDatabase("pdb70", (data_dir / "pdb70/pdb70",), "hhsearch")


def test_what_is_refused(data_dir: Path) -> None:
    bfd = bfd_uniref(data_dir).prefixes[0]
    bfd.with_name(f"{bfd.name}_hhm.ffdata").unlink()
    with pytest.raises(DatabaseError, match=r"missing: bfd_uniref \(.*sorted_opt_hhm\.ffdata\); check .* db download"):
        select(data_dir, "full", [], "hhsearch")
    with pytest.raises(
        DatabaseError,
        match=r"small_bfd \(.*\), pdb70 \(/none_a3m\.ffdata and 5 other files with",
    ):
        select(data_dir, None, ["small_bfd=/dev/null", "pdb70=/none"], "hhsearch")
    with pytest.raises(InputError, match="--db pdb70=/x: is searched by hhsearch; add --template-search hhsearch"):
        select(data_dir, "full", ["pdb70=/x"])
    with pytest.raises(InputError, match="--db pdb_seqres=/x: is searched by hmmsearch; leave out"):
        select(data_dir, "full", ["pdb_seqres=/x"], "hhsearch")
    with pytest.raises(InputError, match=r"--db bfd=/x:7: is no FASTA file; .* leave :7 out"):
        select(data_dir, "full", ["bfd=/x:7"])
    with pytest.raises(InputError, match="--template-search hhsearch: needs pdb70; give --data-dir, or --db pdb70="):
        select(None, None, [f"uniref90={data_dir}/uniref90/uniref90.fasta"], "hhsearch")


def test_sizes_and_what_tells_databases_apart(data_dir: Path) -> None:
    database = bfd_uniref(data_dir)
    assert database.size() == (2, 2 * 56)
    before = database.identity()
    assert bfd_uniref(data_dir).identity() == before
    file = database.prefixes[1].with_name("UniRef30_2021_03_hhm.ffdata")
    os.utime(file, ns=(1, 1))
    after = database.identity()
    assert after != before
    file.write_bytes(b"longer than before")
    os.utime(file, ns=(1, 1))
    assert database.identity() not in {before, after}
