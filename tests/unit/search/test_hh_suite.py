# SPDX-License-Identifier: Apache-2.0
"""HHblits and HHsearch: how they are called, what is made of their results; with the programs and with stand-ins."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hh_cases import GB1, HHR, bfd_uniref, full_dbs, named, pdb70, stand_in, touched
from search_cases import demo_database

from af2cpu.errors import InputError, ProgramError
from af2cpu.formats.template_hits import read_template_hits
from af2cpu.query import read_given
from af2cpu.search.hh_suite import search_pdb70, search_profiles
from af2cpu.search.msa import search_msas

SEQUENCE = GB1.sequence
A3M = f">gb1 x\n{SEQUENCE}\n>good 1\n{'-' * 50}ACDabcEFG\n>longer\n{SEQUENCE}A\n>good 2\n{SEQUENCE}\n>cut\nMK\n"


def writes(text: str, argument: int) -> str:
    """A script's body that writes a text into the file that is its n-th argument, as Debian's wrapper calls it."""
    return f"cat > ${{{argument}}} <<'END'\n{text}END"


def test_rows_that_are_not_in_the_querys_columns_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "hhblits", writes(A3M, 6) + "\ncat $2 > ../query")
    database = bfd_uniref(touched(tmp_path / "data"))
    (tmp_path / "msas").mkdir()
    found = search_profiles(GB1, database, tmp_path / "msas", 16)
    assert (found.rows, found.dropped, found.path.name) == (3, 2, "bfd_uniref_hits.a3m")
    assert read_given(found.path, GB1).names == ("gb1 x", "good 1", "good 2")
    bfd, uniref30 = database.prefixes
    expected = (
        "-i query.fasta -cpu 8 -oa3m bfd_uniref_hits.a3m -o /dev/null -n 3 -e 0.001 -maxseq 1000000 "
        f"-realign_max 100000 -maxfilt 100000 -min_prefilter_hits 1000 -d {bfd} -d {uniref30}\n"
    )
    assert (tmp_path / "hhblits.args").read_text() == expected
    assert f"{found.command}\n" == "hhblits " + expected
    assert (tmp_path / "msas/query").read_text() == f">{GB1.description}\n{GB1.sequence}\n"
    assert sorted(path.name for path in (tmp_path / "msas").iterdir()) == ["bfd_uniref_hits.a3m", "query"]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("exit 0", "ended without an error and left no result"),
        (": > $6", "ended without an error and left no result"),
        ("printf '>gb1' > $6", "its result is cut off; see whether the disk is full"),
        (writes(">other\nMKV\n", 6), "the first row that the program wrote is not gb1's sequence"),
        ("kill -ILL $$", "hhblits died of SIGILL"),
    ],
)
def test_results_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, fault: str) -> None:
    stand_in(tmp_path, monkeypatch, "hhblits", body)
    (tmp_path / "msas").mkdir()
    with pytest.raises(ProgramError) as caught:
        search_profiles(GB1, bfd_uniref(touched(tmp_path / "data")), tmp_path / "msas", 2)
    assert fault in str(caught.value)
    assert not list((tmp_path / "msas").iterdir())


def test_hhsearch_is_called_as_alphafold_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "hhsearch", writes(HHR, 4) + "\ncat $2 > ../query")
    alignment = tmp_path / "uniref90_hits.sto"
    alignment.write_text(
        "# STOCKHOLM 1.0\n#=GS h/1-4 DE a relative\nss_q    MK--V\nh/1-4   MKAAV\nsame    MKA-V\ntwo     -KC-V\n\n"
        "ss_q    LA\nh/1-4   L-\nsame    L-\ntwo     LA\n//\n"
    )
    database = pdb70(touched(tmp_path / "data"))
    (tmp_path / "msas").mkdir()
    path, command = search_pdb70(alignment, database, tmp_path / "msas", 3)
    assert shlex.split(command) == [
        *("hhsearch", "-i", "query.a3m", "-o", "pdb_hits.hhr", "-maxseq", "1000000", "-cpu", "3"),
        *("-d", str(database.prefixes[0])),
    ]
    assert [hit.name for hit in read_template_hits(path, GB1)] == ["1ABC_A", "2XYZ_B"]
    # The name would have been read as that of annotation.
    assert (tmp_path / "msas/query").read_text() == ">query \nMKVLA\n>h/1-4 a relative\nMKaaVL-\n>two \n-KcVLA\n"
    alignment.write_text("# STOCKHOLM 1.0\nq MKV\nh MK\n//\n")
    with pytest.raises(InputError, match=r"can't be searched with .* the file is damaged"):
        search_pdb70(alignment, database, tmp_path / "msas", 3)


@pytest.mark.parametrize("name", ["gb1", "ss_pred", "a_consensus_b"])
def test_hhblits_finds_the_relatives(tmp_path: Path, name: str) -> None:
    """The real program, also for names that hh-suite would take for annotation."""
    found = search_profiles(named(GB1, name), bfd_uniref(full_dbs()), tmp_path, 1)
    alignment = read_given(found.path, GB1)
    assert alignment.n_seq == found.rows
    assert {row.partition("_")[0].split()[0] for row in alignment.names[1:]} >= {
        "bfd0",
        "bfd1",
        "bfd2",
        "bfd3",
        "u0",
        "u1",
    }
    assert found.dropped == 0


def test_hhsearch_finds_the_templates(tmp_path: Path) -> None:
    list(search_msas([GB1], [tmp_path], [demo_database("uniref90")], threads=1))
    path, _ = search_pdb70(tmp_path / "uniref90_hits.sto", pdb70(full_dbs()), tmp_path, 1)
    hits = read_template_hits(path, GB1)
    assert {hit.name for hit in hits[:3]} == {"0I70_A", "0I71_A", "0I72_A"}
    assert all(hit.sum_probs and hit.sum_probs > 40 for hit in hits[:3])


def test_a_damaged_database_ends_in_one_line(tmp_path: Path) -> None:
    full_dbs()  # skips without the program
    with pytest.raises(ProgramError) as caught:
        search_profiles(GB1, bfd_uniref(touched(tmp_path / "data")), tmp_path, 1)
    assert str(caught.value).startswith("hhblits ")
