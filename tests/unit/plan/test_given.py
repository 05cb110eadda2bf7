# SPDX-License-Identifier: Apache-2.0
"""Which of the user's files serve which chains of a target, and what is said of those that can't."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from feature_cases import random_sequence
from mmcif_cases import protein, write_mmcif

from af2cpu.errors import InputError
from af2cpu.plan.given import jobs_of_inputs
from af2cpu.plan.jobs import Entity, Job
from af2cpu.query import QueryInput
from af2cpu.records import Query
from af2cpu.settings import RunSettings

RNG = np.random.default_rng(7)
A, B, C = (random_sequence(RNG, n) for n in (40, 31, 22))
COMPLEX = Query("x", f"{A}:{B}:{A}", "x", "x.fasta, record 1")
MONOMER = Query("m", A, "m", "m.fasta, record 1")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def a3m(path: Path, sequence: str) -> Path:
    return write(path, f">q\n{sequence}\n>a\n{sequence[:-1]}-\n")


def sto(path: Path, sequence: str) -> Path:
    return write(path, f"# STOCKHOLM 1.0\nq {sequence}\na {sequence[:-1]}-\n//\n")


def joined(path: Path, *sequences: str) -> Path:
    head = ",".join(str(len(one)) for one in sequences) + "\t" + ",".join("1" for _ in sequences)
    return write(path, f"#{head}\n>q\tr\n{''.join(sequences)}\n")


def jobs(queries: Sequence[Query], **settings: object) -> tuple[Job, ...]:
    return jobs_of_inputs([QueryInput(query) for query in queries], Path("out"), RunSettings(**settings))


def entities(**settings: object) -> dict[str, Entity]:
    """Of the complex, by their first chains."""
    (job,) = jobs([COMPLEX], **settings)
    return {entity.chains[0]: entity for entity in job.entities}


def refused(fault: str, *queries: Query, **settings: object) -> None:
    with pytest.raises(InputError, match=fault) as caught:
        jobs(queries or [COMPLEX], **settings)
    assert "\n" not in str(caught.value)


def test_letters_name_chains(tmp_path: Path) -> None:
    first, more, other = a3m(tmp_path / "a.a3m", A), sto(tmp_path / "more.sto", A), a3m(tmp_path / "b.a3m", B)
    found = entities(msa=(f"A={first}", f"B={other}", f"A={more}"))
    assert (found["A"].alignments, found["B"].alignments) == ((first, more), (other,))
    assert entities(msa=(f"C={first}",))["A"].alignments == (first,)  # copies share
    assert entities(msa=(f"C={first}",))["B"].alignments == ()  # which is searched
    assert entities(msa=(f"A={first}", f"C={first}"))["A"].alignments == (first,)


def test_a_path_that_exists_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    a3m(tmp_path / "B=a.a3m", A)
    assert entities(msa=("B=a.a3m",))["A"].alignments == (Path("B=a.a3m"),)
    a3m(tmp_path / "a.a3m", A)
    (job,) = jobs([MONOMER], msa=("A=a.a3m",))
    assert job.entities[0].alignments == (Path("a.a3m"),)


def test_files_without_a_letter_go_by_their_first_row(tmp_path: Path) -> None:
    other, first = sto(tmp_path / "one.sto", B), a3m(tmp_path / "two.a3m", A)
    found = entities(msa=(other, first))
    assert (found["A"].alignments, found["B"].alignments) == ((first,), (other,))


def test_colabfolds_alignment_serves_all_chains_and_pairs_their_rows(tmp_path: Path) -> None:
    path = joined(tmp_path / "ab.a3m", B, A)
    (job,) = jobs([COMPLEX], msa=(path,))
    assert [entity.alignments for entity in job.entities] == [(path,)] * 2
    assert (job.paired_msa, job.is_paired, job.searched_to_pair) == (path, False, ())
    (job,) = jobs([COMPLEX], msa=(path,), pairing="none")
    assert (job.paired_msa, job.is_paired) == (None, False)
    own = a3m(tmp_path / "a.a3m", A)
    assert jobs([COMPLEX], msa=(f"A={own}", path))[0].entities[0].alignments == (own, path)


def test_an_alignment_of_a_complex_as_input(tmp_path: Path) -> None:
    path = joined(tmp_path / "ab.a3m", A, B)
    query = Query("ab", f"{A}:{B}", "ab", "x")
    for settings, paired in ((RunSettings(), path), (RunSettings(pairing="none"), None)):
        (job,) = jobs_of_inputs([QueryInput(query, path, paired=True)], Path("out"), settings)
        assert [entity.alignments for entity in job.entities] == [(path,)] * 2
        assert job.paired_msa == paired


def test_alphafold_multimers_folder_goes_by_sequence(tmp_path: Path) -> None:
    """Its A is our B; chain C of it is not predicted here; UniProt's hits pair."""
    msas = tmp_path / "msas"
    for letter, sequence in (("A", B), ("B", A), ("D", C)):
        for name in ("uniref90_hits.sto", "mgnify_hits.sto", "uniprot_hits.sto"):
            sto(msas / letter / name, sequence)
        write(msas / letter / "pdb_hits.sto", "# STOCKHOLM 1.0\n//\n")
    write(msas / "chain_id_map.json", "{}")
    (job,) = jobs([COMPLEX], msa=(msas,))
    first, second = job.entities
    assert first.alignments == (msas / "B/uniref90_hits.sto", msas / "B/mgnify_hits.sto")
    assert (first.pairing, first.hits) == (msas / "B/uniprot_hits.sto", msas / "B/pdb_hits.sto")
    assert second.pairing == msas / "A/uniprot_hits.sto"
    assert job.notes == (f"{msas}/D: not used, since it has the alignments of no chain",)
    assert (job.is_paired, job.searched_to_pair) == (True, ())
    (alone,) = jobs([Query("c", C, "c", "x")], msa=(msas,))
    assert alone.entities[0].alignments == (msas / "D/uniref90_hits.sto", msas / "D/mgnify_hits.sto")
    assert alone.entities[0].pairing is None


def test_a_folder_with_a_letter(tmp_path: Path) -> None:
    sto(tmp_path / "some/uniref90_hits.sto", B)
    sto(tmp_path / "some/uniprot_hits.sto", B)
    found = entities(msa=(f"B={tmp_path}/some",))
    assert found["B"].alignments == (tmp_path / "some/uniref90_hits.sto",)
    assert found["B"].pairing == tmp_path / "some/uniprot_hits.sto"


def test_a_file_to_pair_by(tmp_path: Path) -> None:
    """Of a complex it is told by AlphaFold's name; a protein has nothing to pair."""
    path = sto(tmp_path / "uniprot_hits.sto", A)
    found = entities(msa=(path,))
    assert (found["A"].pairing, found["A"].alignments) == (path, ())
    (job,) = jobs([MONOMER], msa=(path,))
    assert (job.entities[0].pairing, job.entities[0].alignments) == (None, (path,))


def test_what_is_searched_to_pair(tmp_path: Path) -> None:
    """Chains without files of their own, where there is something to pair them with."""
    three = Query("x", f"{A}:{B}:{C}", "x", "x")
    own = a3m(tmp_path / "a.a3m", A)
    to_pair = sto(tmp_path / "uniprot_hits.sto", A)
    for given, expected in (((), "ABC"), ((own,), "BC"), ((own, to_pair), "BC")):
        (job,) = jobs([three], msa=given)
        assert "".join(entity.chains[0] for entity in job.searched_to_pair) == expected
    (job,) = jobs([COMPLEX], msa=(own,))
    assert job.searched_to_pair == ()  # B would have nothing beside it
    (job,) = jobs([COMPLEX], msa=(own, to_pair))
    assert [entity.chains[0] for entity in job.searched_to_pair] == ["B"]
    (job,) = jobs([COMPLEX], pairing="none")
    assert job.searched_to_pair == ()


def test_paired_rows_of_the_users_own(tmp_path: Path) -> None:
    path = write(tmp_path / "ab.a3m", f">q\n{A}{B}\n>a\n{A}{B[:-1]}-\n")
    (job,) = jobs([COMPLEX], paired_msa=path)
    assert (job.paired_msa, job.searched_to_pair) == (path, ())
    assert all(not entity.alignments for entity in job.entities)


def test_faults_of_alignments(tmp_path: Path) -> None:
    first, other, strange = (
        a3m(tmp_path / f"{name}.a3m", sequence) for name, sequence in (("a", A), ("b", B), ("c", C))
    )
    both = joined(tmp_path / "ab.a3m", A, B)
    refused(r"--msa D=.*a\.a3m: x has no chain D; its chains are A, B, C", msa=(f"D={first}",))
    refused(r"a\.a3m: its first row has 40 residues where x_B \(x\.fasta, record 1, chain B\)", msa=(f"B={first}",))
    refused(
        r"c\.a3m: its first row \(22 residues\) is the sequence of no chain of x \(A of 40, B of 31\)", msa=(strange,)
    )
    refused(r"--msa C=.*c\.a3m: chain C is a copy of chain A", msa=(f"A={first}", f"C={strange}"))
    refused(r"nowhere\.a3m: there is no such alignment", msa=(f"A={tmp_path}/nowhere.a3m",))
    refused(r"ab2\.a3m is a second alignment", msa=(both, joined(tmp_path / "ab2.a3m", A, B)))
    refused(
        r"ac\.a3m: joins sequences of 40 \+ 22 residues, and none is that of x_B",
        msa=(joined(tmp_path / "ac.a3m", A, C),),
    )
    refused(
        r"folder: has no alignment of a chain of x", msa=(sto(tmp_path / "folder/A/uniref90_hits.sto", C).parents[1],)
    )
    refused(r"plain: has none of AlphaFold's alignments", msa=(write(tmp_path / "plain/x", "").parent,))
    second = sto(tmp_path / "two/uniprot_hits.sto", A)
    to_pair = (f"A={sto(tmp_path / 'one/uniprot_hits.sto', A)}", f"A={second}")
    refused(r"two/uniprot_hits\.sto is a second uniprot_hits\.sto of one chain", msa=to_pair)
    refused("--msa: fits one target, and the input has 2", COMPLEX, MONOMER, msa=(first,))
    write(tmp_path / "late.a3m", f">q\n{A}\n>a\n{A[:-2]}\n")
    refused(r"late\.a3m, row 2 \(a\): 38 columns where the query has 40", msa=(f"A={tmp_path}/late.a3m", f"B={other}"))


def test_faults_of_paired_rows(tmp_path: Path) -> None:
    path, both = a3m(tmp_path / "a.a3m", A), joined(tmp_path / "ab.a3m", A, B)
    refused(r"a\.a3m: the first row has 40 columns, and the sequences have 40 \+ 31 = 71 side by side", paired_msa=path)
    refused(
        "--paired-msa: pairs rows of different sequences, and m.fasta, record 1 .m. has one", MONOMER, paired_msa=path
    )
    refused("--paired-msa: gives rows that are paired, and --pairing none", paired_msa=both, pairing="none")
    refused(r"--paired-msa: .*ab\.a3m has paired rows too; give one", paired_msa=both, msa=(both,))
    refused("--paired-msa: fits one target, and the input has 2", COMPLEX, MONOMER, paired_msa=both)
    refused(r"gone\.a3m: there is no such alignment", paired_msa=tmp_path / "gone.a3m")
    item = QueryInput(Query("ab", f"{A}:{B}", "ab", "x"), both, paired=True)
    for setting in ({"paired_msa": both}, {"msa": (both,)}):
        with pytest.raises(InputError, match=r"ab\.a3m is an alignment itself; give one of the two"):
            jobs_of_inputs([item], Path("out"), RunSettings(**setting))


def distant(sequence: str) -> str:
    return "".join(letter if k % 3 == 0 else random_sequence(RNG, 1) for k, letter in enumerate(sequence))


@pytest.fixture(scope="module")
def structures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of A, of B with a tenth of its residues changed, of both, of both with two thirds changed."""
    folder = tmp_path_factory.mktemp("structures")
    near = B[:10] + "WWW" + B[13:]
    chains = {"a": [A], "near_b": [near], "both": [C[:11] + A, B], "other": [distant(A), distant(B)]}
    return {
        name: write_mmcif(
            folder / f"{name}.cif", [protein("ABC"[k], "ABC"[k], one, k) for k, one in enumerate(sequences)]
        )
        for name, sequences in chains.items()
    }


def test_templates_serve_the_chains_that_they_resemble(structures: dict[str, Path]) -> None:
    found = entities(template=(structures["both"], structures["a"], structures["near_b"]))
    assert found["A"].templates == (structures["both"], structures["a"])
    assert found["B"].templates == (structures["both"], structures["near_b"])


def test_templates_with_letters(structures: dict[str, Path]) -> None:
    """A letter overrules: the user asked for it."""
    found = entities(template=(f"B={structures['other']}", f"C={structures['a']}", f"A={structures['a']}"))
    assert (found["A"].templates, found["B"].templates) == ((structures["a"],), (structures["other"],))
    (job,) = jobs([MONOMER], template=(f"A={structures['other']}",))
    assert job.entities[0].templates == (structures["other"],)


def test_one_sequence_takes_every_template(structures: dict[str, Path]) -> None:
    for query in (MONOMER, Query("aa", f"{A}:{A}", "aa", "x")):
        (job,) = jobs([query], template=(structures["other"],))
        assert job.entities[0].templates == (structures["other"],)
    (first, second) = jobs([COMPLEX, MONOMER], template=(structures["both"],))
    assert [entity.templates for entity in (*first.entities, *second.entities)] == [(structures["both"],)] * 3


def test_faults_of_templates(structures: dict[str, Path], tmp_path: Path) -> None:
    refused(
        r"other\.cif: resembles no chain of x closely enough .*: --template A=.*other\.cif",
        template=(structures["other"],),
    )
    refused(r"--template E=.*other\.cif: x has no chain E", template=(f"E={structures['other']}",))
    refused("--template A=.*: names a chain of one target", COMPLEX, MONOMER, template=(f"A={structures['a']}",))
    refused(
        r"--template C=.*other\.cif: chain C is a copy of chain A",
        template=(f"A={structures['a']}", f"C={structures['other']}"),
    )
    short = write_mmcif(tmp_path / "short.cif", [protein("A", "A", "PWPWP", 1)])
    refused(r"short\.cif: no chain can be aligned to x_B", template=(f"B={short}",))
    refused(r"gone\.cif: ", template=(f"B={tmp_path}/gone.cif",))
