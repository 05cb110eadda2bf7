# SPDX-License-Identifier: Apache-2.0
"""Template features equal the reference's, array by array, from the same hits and files."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from Bio.Data import PDBData
from feature_cases import random_sequence
from mmcif_cases import Chain, protein, special_cases, write_mmcif
from shared_data import shared_data

from af2cpu.features.pairwise import aligned_pairs
from af2cpu.features.template import TemplateSource, hit_templates
from af2cpu.formats.mmcif import read_mmcif
from af2cpu.records import Query, TemplateHit, Templates

ARRAYS = (
    "template_aatype",
    "template_all_atom_masks",
    "template_all_atom_positions",
    "template_domain_names",
    "template_sequence",
    "template_sum_probs",
)


class OurAligner:
    """Takes kalign's place, so that only what is done with an alignment is compared."""

    def __init__(self, *, binary_path: str) -> None:
        pass

    def align(self, sequences: list[str]) -> str:
        a, b = sequences
        rows = ["", ""]
        i = j = 0
        for next_i, next_j in [*aligned_pairs(a, b), (len(a), len(b))]:
            rows[0] += a[i:next_i] + "-" * (next_j - j) + a[next_i : next_i + 1]
            rows[1] += "-" * (next_i - i) + b[j:next_j] + b[next_j : next_j + 1]
            i, j = next_i + 1, next_j + 1
        return f">a\n{rows[0]}\n>b\n{rows[1]}\n"


@pytest.fixture
def reference(af2, monkeypatch) -> SimpleNamespace:
    """The fork with the table of modified residues that DeepMind's code has (Biopython moved it), and our aligner."""
    table = SimpleNamespace(protein_letters_3to1=PDBData.protein_letters_3to1_extended)
    monkeypatch.setattr(af2.mmcif_parsing, "PDBData", table)
    monkeypatch.setattr(af2.templates.kalign, "Kalign", OurAligner)
    return af2


def hits_of(af2, query: str, rows: list[tuple[str, str]]) -> list:
    """Hits from rows in the query's columns (insertions in lower case), each with its entry_chain."""
    text = ""
    for name, row in rows:
        residues = sum(letter != "-" for letter in row)
        text += f">{name}/1-{residues} [subseq from] mol:protein length:{residues}  a protein\n{row}\n"
    return list(af2.parsers.parse_hmmsearch_a3m(query, text, skip_first=False))


def compare(af2, query: str, hits: list, folder: Path, max_hits: int = 20) -> Templates:
    featurizer = af2.templates.HmmsearchHitFeaturizer(
        mmcif_dir=str(folder),
        max_template_date="2030-01-01",
        max_hits=max_hits,
        kalign_binary_path="none",
        release_dates_path=None,
        obsolete_pdbs_path=None,
    )
    expected = featurizer.get_templates(query, hits)
    mine = [TemplateHit(**vars(hit)) for hit in hits]
    source = TemplateSource(folder, max_date=date(2030, 1, 1), max_hits=max_hits)
    found = hit_templates(Query("q", query, "q", "test"), mine, source)
    assert not expected.errors or found.notes
    for name in ARRAYS:
        array = getattr(found, name)
        assert array.shape == expected.features[name].shape, name
        assert np.array_equal(array, expected.features[name]), name
    return found


def homolog(rng: np.random.Generator, template: str, mutated: float = 0.4) -> tuple[str, str]:
    """A query and the template's row in its columns: mutations, an insertion and a deletion."""
    query = "".join(random_sequence(rng, 1) if rng.random() < mutated else letter for letter in template)
    cut = len(template) // 3
    query = query[:cut] + query[cut + 3 :]  # the template has three residues more here
    row = template[:cut] + template[cut : cut + 3].lower() + template[cut + 3 :]
    place = 2 * len(query) // 3
    row_place = place + 3
    return (
        "GGSG" + query[:place] + "WW" + query[place:],
        "----" + row[:row_place] + "--" + row[row_place:],
    )


def test_own_entry_with_every_special_case(reference, tmp_path: Path) -> None:
    chain = special_cases()
    write_mmcif(tmp_path / "1abc.cif", [chain, protein("B", "K", "ACDEFGHIKLMNPQRSTVWY", 1, missing=(3, 4, 20))])
    sequences = read_mmcif(tmp_path / "1abc.cif").sequences
    assert sequences == {"H": "GAMRSTLKEDVW", "K": "ACDEFGHIKLMNPQRSTVWY"}
    rng = np.random.default_rng(0)
    for author, sequence in sequences.items():
        query, row = homolog(rng, sequence, 0.2)
        found = compare(reference, query, hits_of(reference, query, [(f"1abc_{author}", row)]), tmp_path)
        assert found.template_aatype.shape[0] == 1
        assert found.template_all_atom_masks.sum() > 50


def test_chain_is_found_as_the_reference_finds_it(reference, tmp_path: Path) -> None:
    """By another chain's name, by X as wildcard, and by realignment with residues that the structure lacks."""
    rng = np.random.default_rng(3)
    base = random_sequence(rng, 60)
    write_mmcif(tmp_path / "1abc.cif", [protein("A", "X", random_sequence(rng, 30), 1), protein("B", "Y", base, 2)])
    unknown = base[:20] + "X" + base[21:]
    write_mmcif(tmp_path / "2abc.cif", [protein("A", "A", unknown, 3)])
    shorter = base[:25] + base[27:40] + "W" + base[41:]
    write_mmcif(tmp_path / "3abc.cif", [protein("A", "A", shorter, 4), protein("B", "B", "GGGGGGGG", 5)])
    query, row = homolog(rng, base)
    tail = "-----" + row[5:]
    hits = hits_of(reference, query, [("1abc_X", row), ("2abc_Z", tail), ("3abc_A", row), ("3abc_C", row)])
    hits = [replace(hit, sum_probs=1.0) for hit in hits]  # the reference can't print an error without
    found = compare(reference, query, hits, tmp_path)
    assert found.template_domain_names.tolist() == [b"1abc_Y", b"2abc_A", b"3abc_A"]
    assert any("realigned" in note for note in found.notes)
    assert any("3abc_C skipped" in note for note in found.notes)


def test_repeats_count_once_and_the_search_stops(reference, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    base = random_sequence(rng, 50)
    for k in range(1, 5):
        write_mmcif(tmp_path / f"{k}abc.cif", [protein("A", "A", base, k)])
    query, row = homolog(rng, base)
    rows = [(f"{k}abc_A", row if k < 3 else "-" * 9 + row[9 + k :].rjust(len(row) - 9, "-")) for k in range(1, 5)]
    hits = hits_of(reference, query, rows)
    assert compare(reference, query, hits, tmp_path).template_domain_names.tolist() == [b"1abc_A", b"3abc_A", b"4abc_A"]
    assert len(compare(reference, query, hits, tmp_path, max_hits=2).template_domain_names) == 2


def test_scores_sort_the_hits(reference, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rows = []
    query = random_sequence(rng, 40)
    for k in range(1, 4):
        row = "".join(random_sequence(rng, 1) if rng.random() < 0.5 else letter for letter in query)
        write_mmcif(tmp_path / f"{k}abc.cif", [protein("A", "A", row, k)])
        rows.append((f"{k}abc_A", row))
    hits = [replace(hit, sum_probs=s) for hit, s in zip(hits_of(reference, query, rows), (1.5, 9.0, 4.0), strict=True)]
    found = compare(reference, query, hits, tmp_path)
    assert found.template_domain_names.tolist() == [b"2abc_A", b"3abc_A", b"1abc_A"]
    assert found.template_sum_probs.tolist() == [[9.0], [4.0], [1.5]]


def test_other_models_and_nucleic_acids_are_left_out(reference, tmp_path: Path) -> None:
    chain = protein("A", "A", "ACDEFGHIKLMNPQRSTVWY", 1)
    capped = replace(chain, monomers=[*chain.monomers, (21, "ACE")])
    first = [replace(atom, occupancy=0.5) for atom in chain.atoms]
    second = [replace(atom, model=2, position=(0.0, 0.0, 0.0)) for atom in chain.atoms]
    dna = Chain("B", "B", [(1, "DA"), (2, "DT")], [], kind="DNA linking")
    write_mmcif(tmp_path / "1abc.cif", [replace(capped, atoms=[*first, *second]), dna])
    assert dict(read_mmcif(tmp_path / "1abc.cif").sequences) == {"A": "ACDEFGHIKLMNPQRSTVWYX"}
    query, row = homolog(np.random.default_rng(1), "ACDEFGHIKLMNPQRSTVWY")
    found = compare(reference, query, hits_of(reference, query, [("1abc_A", row)]), tmp_path)
    assert found.template_all_atom_positions.any()


@pytest.mark.parametrize("entry", ["1aki", "1dix", "1igy", "1l2y", "1psm", "2crb", "2q2k", "3o5r", "3u8v"])
def test_entries_of_the_pdb(reference, tmp_path: Path, entry: str) -> None:
    path = next(shared_data("mmcif").glob(f"{entry}.cif*"))
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    (tmp_path / f"{entry}.cif").write_text(text)
    rng = np.random.default_rng(7)
    ours = read_mmcif(path)
    theirs = reference.mmcif_parsing.parse(file_id=entry, mmcif_string=text).mmcif_object
    assert dict(ours.sequences) == dict(theirs.chain_to_seqres)
    assert str(ours.release_date) == theirs.header["release_date"]
    for author, sequence in ours.sequences.items():
        query, row = homolog(rng, sequence)
        found = compare(reference, query, hits_of(reference, query, [(f"{entry}_{author}", row)]), tmp_path)
        assert found.template_all_atom_masks.sum() > 100
