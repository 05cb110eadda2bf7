# SPDX-License-Identifier: Apache-2.0
"""What the report computes: domains, effective sequences, RMSD and TM-score, tables of templates, references."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from output_cases import features
from prediction_cases import prediction
from report_cases import results

from af2cpu.geometry.similarity import similarities, tm_score
from af2cpu.geometry.superposition import rmsd
from af2cpu.outputs.layout import AlphaFoldLayout
from af2cpu.outputs.references import NETWORK, RELAXATION, VIEW, bibtex
from af2cpu.outputs.report import write_report
from af2cpu.outputs.report.chains import chains_of, entities_of
from af2cpu.outputs.report.content import read_content
from af2cpu.outputs.report.domains import communities, domains
from af2cpu.outputs.report.elsewhere import Service, searches_elsewhere
from af2cpu.outputs.report.find import Found
from af2cpu.outputs.report.neff import effective_depth
from af2cpu.outputs.report.templates import skipped_in_words, used_rows
from af2cpu.records import TemplateSkipped, TemplateUsed

SEQUENCE = "MKVLAXTTWYGGHH"
RNG = np.random.default_rng(3)


def _blocks(n_res: int, *parts: list[int]) -> np.ndarray:
    """PAE that is low within each part and high elsewhere."""
    pae = np.full((n_res, n_res), 25.0)
    for part in parts:
        pae[np.ix_(part, part)] = RNG.uniform(0.5, 4.0, (len(part), len(part)))
    return pae


def test_domains_are_where_pae_is_low() -> None:
    """Also of two segments; too few residues are no domain; the order is that of the chain."""
    split, middle, few = [*range(20), *range(60, 80)], list(range(22, 55)), list(range(81, 88))
    found = domains(_blocks(90, middle, split, few))
    expected = np.full(90, -1)
    expected[split], expected[middle] = 0, 1
    np.testing.assert_array_equal(found, expected)


def test_both_directions_of_pae_count() -> None:
    """Low from one part to the other and high back: the mean is over the limit, and there are two domains."""
    pae = _blocks(60, list(range(30)), list(range(30, 60)))
    pae[:30, 30:] = 0.5
    np.testing.assert_array_equal(domains(pae), np.repeat([0, 1], 30))
    pae[30:, :30] = 0.5
    assert set(domains(pae)) == {0}


def test_one_compact_domain_stays_whole_and_disorder_is_none() -> None:
    points = RNG.normal(0, 8, (120, 3))
    assert set(domains(0.5 + 0.1 * np.linalg.norm(points[:, None] - points, axis=-1))) == {0}
    assert set(domains(np.full((40, 40), 20.0))) == {-1}


def test_a_long_chain_is_clustered_in_blocks() -> None:
    n_res = 1027
    found = domains(_blocks(n_res, list(range(500)), list(range(500, n_res))))
    assert len(found) == n_res
    assert (found[:498] == 0).all()
    assert (found[502:] == 1).all()


def test_communities_have_more_modularity_than_any_neighbour() -> None:
    """The karate club of Zachary in small: two cliques and a bridge."""
    weights = np.zeros((8, 8))
    weights[:4, :4] = weights[4:, 4:] = 1
    weights[3, 4] = weights[4, 3] = 1
    np.fill_diagonal(weights, 0)
    assert communities(weights, 1.0).tolist() == [0] * 4 + [1] * 4


def test_neff_counts_alike_rows_as_one() -> None:
    one, other = RNG.integers(0, 20, 50), RNG.integers(0, 20, 50)
    near = one.copy()
    near[:5] = (near[:5] + 1) % 20  # 90 % identical
    half = np.where(np.arange(50) < 25, other, 21)  # identical over 25 of 50 columns: not alike
    msa = np.array([one, near, other, half], np.uint8)
    found = effective_depth(msa)
    np.testing.assert_allclose(found.per_residue[:25], 3)
    np.testing.assert_allclose(found.per_residue[25:], 2)
    assert (found.neff, found.rows) == (2.5, 4)


def test_a_fragment_is_alike_only_to_rows_of_its_extent() -> None:
    """Identity counts the columns where either row has a residue: a half is 50 % identical to its whole."""
    whole = RNG.integers(0, 20, 50)
    part = np.where(np.arange(50) < 25, whole, 21)
    most = np.where(np.arange(50) < 42, whole, 21)  # 84 %
    found = effective_depth(np.array([whole, part, most], np.uint8))
    np.testing.assert_allclose(found.per_residue, [2.0] * 25 + [1.0] * 17 + [0.5] * 8)


def test_neff_of_a_large_alignment_is_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    families = RNG.integers(0, 20, (300, 40)).astype(np.uint8)
    msa = np.repeat(families, 4, axis=0)  # each row four times
    assert effective_depth(msa).neff == pytest.approx(300)
    monkeypatch.setattr("af2cpu.outputs.report.neff._WORK", 1)
    found = effective_depth(msa)
    assert found.rows == 256
    assert found.neff == pytest.approx(300)


def test_tm_score_and_rmsd_of_known_pairs() -> None:
    points = np.cumsum(RNG.normal(0, 2.2, (150, 3)), axis=0)
    turn = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    moved = points @ turn.T + 30
    assert (rmsd(moved, points), tm_score(moved, points)) == (pytest.approx(0, abs=1e-6), pytest.approx(1))
    hinge = moved.copy()
    hinge[:100] += 60  # 50 of 150 residues elsewhere: the larger part counts, and RMSD is large
    assert tm_score(hinge, points) == pytest.approx(100 / 150, abs=0.03)
    assert rmsd(hinge, points) > 10
    assert tm_score(RNG.normal(0, 12, points.shape), points) < 0.25


def test_tm_score_uses_the_published_scale() -> None:
    """Two halves of the residues, 2 d0 apart once one of them is superposed: (1 + 1 / (1 + 2 ** 2)) / 2."""
    n = 120
    d0 = 1.24 * (n - 15) ** (1 / 3) - 1.8
    points = RNG.normal(0, 60, (n, 3))
    away = points + d0 * np.where(np.arange(n)[:, None] % 2, 1, -1) * np.array([0, 0, 1])
    assert tm_score(away, points) == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize("sequence", ["M", "XX", "MKX"])
def test_odd_chains_have_a_matrix_too(sequence: str) -> None:
    distances, scores = similarities([prediction(sequence, seed=k) for k in range(2)])
    assert distances.shape == scores.shape == (2, 2)
    assert np.isfinite(distances).all()


def _with_templates(tmp_path: Path, **facts: object) -> Path:
    n_res = len(SEQUENCE)
    letters = ["MKVL----------", "--VAAATTWYGGHH"]
    given = replace(
        features(SEQUENCE, 5),
        template_aatype=np.zeros((2, n_res, 22), np.float32),
        template_all_atom_positions=np.zeros((2, n_res, 37, 3), np.float32),
        template_all_atom_masks=np.zeros((2, n_res, 37), np.float32),
        template_domain_names=np.array([b"2q2k_A", b"mine_B"]),
        template_sequence=np.array([one.encode() for one in letters]),
        template_sum_probs=np.zeros((2, 1), np.float32),
    )
    results(AlphaFoldLayout(tmp_path, "a"), tmp_path, [prediction(SEQUENCE)], SEQUENCE, given=given, **facts)
    return tmp_path


def test_templates_and_skipped_hits_are_tables(tmp_path: Path) -> None:
    skipped = TemplateSkipped("1abc_C", "8 residues are too short")
    choice = {
        "used": [{"name": "2q2k_A", "identity": 1.0, "coverage": 4 / 14, "release_date": "2007-06-12"}],
        "skipped": [{"name": skipped.name, "reason": skipped.reason}],
    }
    folder = _with_templates(tmp_path, template_choice=choice, notes=[skipped.note, "another note"])
    text = write_report(AlphaFoldLayout(folder, "a"), folder).read_text()
    (table,) = re.findall(r'<table id="templates">.*?</table>', text, re.DOTALL)
    assert 'href="https://www.rcsb.org/structure/2Q2K"' in table
    assert "2007-06-12" in table
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in table.split("<tr>")[2:]]
    assert [row[3:5] for row in cells] == [["100 %", "29 %"], ["83 %", "86 %"]]
    assert cells[1][1] == "mine"  # a file of the user's has no link
    (hits,) = re.findall(r'<table id="skipped">.*?</table>', text, re.DOTALL)
    assert "1ABC" in hits
    assert "8 residues are too short" in hits
    notes = re.findall(r'<ul class="notes">.*?</ul>', text, re.DOTALL)[0]
    assert "another note" in notes
    assert "skipped" not in notes


def test_templates_of_features_made_elsewhere_are_computed(tmp_path: Path) -> None:
    folder = _with_templates(tmp_path)
    rows = used_rows(read_content(Found(AlphaFoldLayout(folder, "a"), folder, None)))
    assert [row.used for row in rows] == [TemplateUsed("2q2k_A", 1.0, 4 / 14), TemplateUsed("mine_B", 10 / 12, 12 / 14)]
    assert [(row.entry, row.chain) for row in rows] == [("2Q2K", "A"), ("mine", "B")]
    assert [row.link for row in rows] == ["https://www.rcsb.org/structure/2Q2K", None]


def test_template_identity_counts_aligned_residues() -> None:
    found = TemplateUsed.of("x_A", "MKVLA", "-KVA-", date(2020, 1, 2), "realigned")
    assert found == TemplateUsed("x_A", 2 / 3, 3 / 5, date(2020, 1, 2), "realigned")


def test_skipped_hits_in_words() -> None:
    hits = [TemplateSkipped("a", f"{k} residues are too short") for k in (3, 8, 9)]
    hits.append(TemplateSkipped("b", "/data/1abc.cif: no such file"))
    assert skipped_in_words(tuple(hits)) == "3 × … residues are too short; 1 × … no such file"


def test_references_as_text_and_bibtex() -> None:
    assert NETWORK.text.startswith(
        "Jumper, J. et al. Highly accurate protein structure prediction with AlphaFold. Nature"
    )
    assert RELAXATION.text.startswith("Eastman, P. et al. OpenMM 8")
    assert VIEW.text.startswith("Rego, N. & Koes, D. 3Dmol.js: molecular visualization with WebGL. Bioinformatics 31")
    text = bibtex([NETWORK, VIEW])
    assert text.count("@article{") == 2
    assert "  author = {Rego, Nicholas and Koes, David}," in text
    assert "  pages = {1322--1324}," in text
    assert text.count("{") == text.count("}")


def _services(sequence: str) -> list[Service]:
    return searches_elsewhere(entities_of(chains_of(sequence, None)))


def test_links_hold_the_sequence_unless_it_is_too_long() -> None:
    services = _services("MK&V")
    assert [service.name for service in services] == ["Foldseek", "DALI", "AlphaFold DB", "PDB"]
    assert services[2].link.endswith("/MK%26V")
    assert [service.name for service in _services("M" * 3000)] == ["Foldseek", "DALI"]


def test_a_complex_has_links_for_each_of_its_sequences() -> None:
    services = _services(f"MKV:GGA:MKV:{'M' * 3000}")
    names = ["AlphaFold DB, chains A, C", "PDB, chains A, C", "AlphaFold DB, chain B", "PDB, chain B"]
    assert [service.name for service in services] == ["Foldseek-Multimer", *names]
    assert [service.link.rsplit("/", 1)[1] for service in services[1::2]] == ["MKV", "GGA"]
    assert len(_services(":".join(f"M{letter}" for letter in "ACDEFGHIKL"))) == 1
