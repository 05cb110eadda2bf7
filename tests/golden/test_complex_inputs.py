# SPDX-License-Identifier: Apache-2.0
"""Complexes from what users have: ColabFold's a3m, files of many records, alignments and templates of their own.

With the `tiny` networks, through the commands.
"""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np
import orjson
import pytest
from command_cases import af2cpu, rows, write
from kill_cases import contents
from mmcif_cases import protein, write_mmcif

from af2cpu.formats.features import read_features
from af2cpu.records import Features

A, B = "MKTAYIAKQRQ", "GSHMKVLAAG"
FIXED = ("--params", "synthetic:0", "--precision", "fp32", "--recycles", 1, "--relax", "none")
JOINED = f"""#11,10\t1,1
>101\t102
{A}{B}
>tr|A0A000|A0A000_HUMAN\ttr|A0A001|A0A001_HUMAN
MKTAYIVKQRQGSHMKVaaLAAA
>101
{A}----------
>a
MKTA-IAKQRN----------
>102
-----------{B}
>b
-----------GSHMRVLAAG
"""


def searched(out: Path, *arguments: object) -> Features:
    """Features that a search makes."""
    af2cpu("search", *arguments, "-o", out)
    (path,) = out.glob("*/features.npz")
    return read_features(path)


def chains_in(path: Path) -> list[tuple[str, str]]:
    """Letter and sequence of each chain of a structure file."""
    structure = gemmi.read_structure(str(path))
    return [(chain.name, gemmi.one_letter_code([one.name for one in chain])) for chain in structure[0]]


@pytest.fixture
def databases(tmp_path: Path) -> tuple[str, ...]:
    """One with a relative of each chain, and one with two species."""
    own = write(tmp_path / "db/own.fa", ">r1\nMKTAYIVKQRQAAA\n>r2\nGSHMKVLAVGC\n")
    names = [f"tr|A0A00{k}|A0A00{k}_{'HUMAN' if k < 2 else 'YEAST'}" for k in range(3)]
    letters = ("MKTAYIVKQRQAAA", "GSHMKVLAVGC", "MKTAYLVKQRQAAA")
    text = "".join(f">{name} x\n{one}\n" for name, one in zip(names, letters, strict=True))
    return ("--db", f"own={own}", "--db", f"uniprot={write(tmp_path / 'db/uniprot.fa', text)}")


def test_colabfolds_alignment_is_predicted_as_its_chains(tmp_path: Path) -> None:
    path, out = write(tmp_path / "ab.a3m", JOINED), tmp_path / "out"
    af2cpu("predict", path, "-o", out, "--models", "tiny_multimer", *FIXED)
    features = read_features(out / "ab/features.npz")
    assert rows(features) == [
        A + B,
        "MKTAYIVKQRQGSHMKVLAAA",
        "MKTA-IAKQRN" + "-" * 10,
        "-" * 11 + "GSHMRVLAAG",
    ]
    assert features.deletion_matrix_int[1].nonzero()[0].tolist() == [17]
    assert features.msa_species_identifiers.tolist() == [b"", b"HUMAN", b"", b""]
    assert list(orjson.loads((out / "ab/ranking_debug.json").read_bytes())) == ["iptm+ptm", "order"]
    assert [sequence for _, sequence in chains_in(out / "ab/ranked_0.cif")] == [A, B]
    record = orjson.loads((out / "ab/search.json").read_bytes())
    assert (record["sequence"], record["alignments"]) == (f"{A}:{B}", [str(path)])
    unpaired = searched(tmp_path / "unpaired", path, "--pairing", "none")
    assert rows(unpaired) == [A + B, *rows(features)[2:]]


def test_colabfolds_alignment_of_a_homodimer(tmp_path: Path) -> None:
    features = searched(tmp_path / "out", write(tmp_path / "aa.a3m", f"#11\t2\n>101\n{A}\n>a\nMKTA-IAKQRN\n"))
    assert rows(features) == [A + A, "MKTA-IAKQRN" * 2]
    assert features.chains.n_chains == 2


def test_the_same_alignment_beside_the_sequences(tmp_path: Path) -> None:
    """Chains in the user's order, copies included, whatever order the alignment has."""
    path = write(tmp_path / "ab.a3m", JOINED)
    fasta = write(tmp_path / "baa.fasta", f">baa\n{B}:{A}:{A}\n")
    features = searched(tmp_path / "out", fasta, "--msa", path, "--features-only")
    assert rows(features) == [
        B + A + A,
        "GSHMKVLAAAMKTAYIVKQRQMKTAYIVKQRQ",
        "GSHMRVLAAG" + "-" * 22,
        "-" * 10 + "MKTA-IAKQRN" * 2,
    ]


def test_alignments_by_letter_and_paired_rows(tmp_path: Path, databases: tuple[str, ...]) -> None:
    fasta = write(tmp_path / "ab.fasta", f">ab\n{A}:{B}\n")
    first = write(tmp_path / "a.a3m", f">q\n{A}\n>x\nMKTA-IAKQRN\n")
    paired = write(tmp_path / "paired.a3m", f">q\n{A}{B}\n>x\nMKTAYIVKQRQGSHMKVLAAA\n>own\nMKTAYIVKQKK{'-' * 10}\n")
    both = ("--msa", f"A={first}", "--paired-msa", paired)
    features = searched(tmp_path / "out", fasta, *both, *databases)
    assert rows(features) == [A + B, "MKTAYIVKQRQGSHMKVLAAA", "MKTA-IAKQRN" + "-" * 10, "-" * 11 + "GSHMKVLAVG"]
    record = orjson.loads((tmp_path / "out/ab/search.json").read_bytes())
    assert [(one["name"], one["chains"]) for one in record["databases"]] == [("own", ["B"])]
    assert record["alignments"] == [str(first), "msas/B/own_hits.sto", str(paired)]
    assert record["notes"] == [f"{paired}: 1 row of one sequence alone not used; --msa takes the whole file"]
    again = searched(tmp_path / "out", fasta, *both, *databases)
    assert rows(again) == rows(features)
    paired.write_text(f">q\n{A}{B}\n")
    assert rows(searched(tmp_path / "out", fasta, *both, *databases)) == [A + B, *rows(features)[2:]]


def test_a_chain_with_an_alignment_of_its_own_is_not_searched_to_pair(
    tmp_path: Path, databases: tuple[str, ...]
) -> None:
    """Nor is the other one, which would have nothing beside it."""
    fasta = write(tmp_path / "ab.fasta", f">ab\n{A}:{B}\n")
    first = write(tmp_path / "a.a3m", f">q\n{A}\n>x\nMKTA-IAKQRN\n")
    searched(tmp_path / "out", fasta, "--msa", first, *databases)
    record = orjson.loads((tmp_path / "out/ab/search.json").read_bytes())
    assert [one["name"] for one in record["databases"]] == ["own"]
    assert sum("no rows are paired with those of other chains" in note for note in record["notes"]) == 2


def test_alphafold_multimers_folder_gives_the_same_features(tmp_path: Path, databases: tuple[str, ...]) -> None:
    """The alignments of a search, given back for the same chains in another order."""
    first = searched(tmp_path / "one", write(tmp_path / "ab.fasta", f">ab\n{A}:{B}\n"), *databases)
    msas = tmp_path / "one/ab/msas"
    for letter in "AB":
        (msas / letter / "own_hits.sto").rename(msas / letter / "mgnify_hits.sto")
    write(msas / "chain_id_map.json", "{}")
    fasta = write(tmp_path / "ba.fasta", f">ba\n{B}:{A}\n")
    second = searched(tmp_path / "two", fasta, "--msa", msas, "--features-only")
    assert rows(first)[:2] == [A + B, "MKTAYIVKQRQGSHMKVLAVG"]  # paired as one species
    assert rows(second) == [row[11:] + row[:11] for row in rows(first)[:2]]


def test_records_of_one_file_as_chains(tmp_path: Path, databases: tuple[str, ...]) -> None:
    """The names of the chains reach the files; search and fold make what predict makes."""
    text = f">heavy chain\n{A}\n>light \u00c5ngstr\u00f6m; <b>\n{B}U\n>heavy again\n{A}\n"
    fasta = write(tmp_path / "trio.fasta", text)
    models = ("--models", "tiny_multimer", *FIXED, "--num-seeds", 2)
    af2cpu("predict", fasta, "--complex", "-o", tmp_path / "one", *databases, *models)
    af2cpu("search", fasta, "--complex", "-o", tmp_path / "two", *databases)
    af2cpu("fold", tmp_path / "two", *models)
    expected, found = (contents(tmp_path / name / "trio") for name in ("one", "two"))
    assert found.keys() == expected.keys()
    records = [orjson.loads(files.pop("run.json")) for files in (expected, found)]
    assert found == expected
    for record in records:  # how the input was given differs
        for name in ("source", "settings"):
            del record[name]
    assert records[0] == records[1]
    assert any("trio.fasta, record 2" in note for note in records[0]["notes"])
    features = read_features(tmp_path / "two/trio/features.npz")
    names = ["heavy chain", "light \u00c5ngstr\u00f6m; <b>", "heavy again"]
    assert [one.decode() for one in features.domain_name.tolist()] == names
    cif = gemmi.cif.read(str(tmp_path / "two/trio/ranked_0.cif")).sole_block()
    descriptions = [gemmi.cif.as_string(text) for text in cif.find_loop("_entity.pdbx_description")]
    assert descriptions == ["heavy chain; heavy again", "light ?ngstr?m; <b>"]  # mmCIF is ASCII
    report = (tmp_path / "two/trio/report.html").read_text()
    assert "\u00c5ngstr\u00f6m; &lt;b&gt;" in report
    assert "\u00c5ngstr\u00f6m; <b>" not in report


def test_chains_without_hits_are_alone(tmp_path: Path) -> None:
    """FAULTS 17, and nothing is paired."""
    fasta = write(tmp_path / "ab.fasta", f">ab\n{A}:{B}\n")
    strange = write(tmp_path / "strange.fa", ">r1\nWWPWWPWWCWW\n")
    features = searched(tmp_path / "out", fasta, "--db", f"own={strange}", "--db", f"uniprot={strange}")
    assert rows(features) == [A + B]


@pytest.mark.parametrize("separate", [False, True])
def test_equal_names_of_chains_come_back_as_one(tmp_path: Path, separate: bool) -> None:
    text = f">same\n{A}\n>same\n{B}\n" if separate else f">same\n{A}:{B}\n"
    fasta = write(tmp_path / "same.fasta", text)
    own = ("--db", f"own={write(tmp_path / 'own.fa', '>r1' + chr(10) + A + chr(10))}", "--pairing", "none")
    models = ("--models", "tiny", *FIXED)
    af2cpu("predict", fasta, "--complex", "-o", tmp_path / "one", *own, *models)
    af2cpu("search", fasta, "--complex", "-o", tmp_path / "two", *own)
    af2cpu("fold", tmp_path / "two", *models)
    for name in ("ranked_0.cif", "ranked_0.pdb", "features.npz"):
        assert (tmp_path / "one/same" / name).read_bytes() == (tmp_path / "two/same" / name).read_bytes()


def test_ptm_models_predict_complexes(tmp_path: Path) -> None:
    """As ColabFold offers it: ranked by ipTM and pTM all the same."""
    path, out = write(tmp_path / "ab.a3m", JOINED), tmp_path / "out"
    af2cpu("predict", path, "-o", out, "--models", "tiny", *FIXED)
    scores = orjson.loads((out / "ab/ranking_debug.json").read_bytes())
    assert scores["order"] == ["tiny_pred_0"]
    with np.load(out / "ab/result_tiny_pred_0.npz") as result:
        assert result["asym_id"].tolist() == [1] * 11 + [2] * 10
        assert result["residue_index"].tolist() == [*range(11), *range(10)]
        assert scores["iptm+ptm"]["tiny_pred_0"] == pytest.approx(0.8 * result["iptm"] + 0.2 * result["ptm"], abs=1e-6)
    assert [sequence for _, sequence in chains_in(out / "ab/ranked_0.cif")] == [A, B]


def test_models_that_predict_no_complexes_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "ab.a3m", JOINED)
    said = af2cpu("predict", path, "-o", tmp_path / "out", "--models", "model_1", *FIXED, code=2).stderr
    assert "--models model_1: predicts no aligned errors" in said
    assert "model_1_multimer_v3" in said
    assert not (tmp_path / "out").exists()


def test_templates_by_chain(tmp_path: Path) -> None:
    path = write(tmp_path / "ab.a3m", JOINED)
    structure = write_mmcif(tmp_path / "mine.cif", [protein("X", "X", B, 1), protein("Y", "Y", "G" * 4 + A, 2)])
    own = ("--template", structure, "--template", f"B={structure}")
    features = searched(tmp_path / "out", path, *own)
    record = orjson.loads((tmp_path / "out/ab/search.json").read_bytes())
    assert [(one["name"], one["chain"]) for one in record["template_choice"]["used"]] == [
        ("mine_Y", "A"),
        ("mine_X", "B"),
    ]
    assert features.template_sequence.tolist() == [(A + B).encode()]
    one = searched(tmp_path / "one", path, "--template", f"B={structure}")
    assert one.template_sequence.tolist() == [b"-" * 11 + B.encode()]
    assert one.template_all_atom_masks[0, :11].sum() == 0


def test_own_templates_leave_no_chain_to_the_template_search(tmp_path: Path) -> None:
    """A chain without one gets none."""
    fasta = write(tmp_path / "ab.fasta", f">ab\n{A}:{B}\n")
    structure = write_mmcif(tmp_path / "mine.cif", [protein("X", "X", B, 1)])
    own = write(tmp_path / "own.fa", f">r1\n{A}\n")
    seqres = write(tmp_path / "seqres.txt", f">1abc_A mol:protein length:11  X\n{A}\n")
    databases = ("--db", f"uniref90={own}", "--db", f"pdb_seqres={seqres}", "--pairing", "none")
    searched(tmp_path / "out", fasta, *databases, "--template", structure)
    assert not list((tmp_path / "out/ab/msas").rglob("pdb_hits*"))
    searched(tmp_path / "out", fasta, *databases)
    assert len(list((tmp_path / "out/ab/msas").rglob("pdb_hits.sto"))) == 2


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("--msa", "A=b.a3m"), "b.a3m: its first row has 10 residues where ab_A (ab.fasta, record 1, chain A) has 11"),
        (("--msa", "C=b.a3m"), "--msa C=b.a3m: ab has no chain C; its chains are A, B"),
        (("--paired-msa", "b.a3m"), "b.a3m: the first row has 10 columns, and the sequences have 11 + 10 = 21"),
        (("--template", "A=gone.cif"), "gone.cif: no such file"),
        (("--msa", "b.a3m", "--features-only"), "needs alignments, and chain A of ab has none"),
        (("--msa", "gone"), "gone: there is no such alignment"),
    ],
)
def test_faults_are_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], fault: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "ab.fasta", f">ab\n{A}:{B}\n")
    write(tmp_path / "b.a3m", f">q\n{B}\n")
    result = af2cpu("search", "ab.fasta", "-o", "out", *arguments, code=2)
    assert result.output.startswith("error: ")
    assert fault in result.output
    assert result.output.count("\n") == 1
    assert not (tmp_path / "out").exists()
