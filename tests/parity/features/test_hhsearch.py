# SPDX-License-Identifier: Apache-2.0
"""HHsearch beside the reference: the alignment that it gets, the hits that are read, the templates made of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from Bio.Data import PDBData
from hh_cases import GB1, HHR, full_dbs, pdb70
from search_cases import demo_database, hard_database, queries

from af2cpu.features.template import TemplateSource, hit_templates
from af2cpu.formats.template_hits import read_template_hits
from af2cpu.records import Query
from af2cpu.search.hh_suite import search_pdb70
from af2cpu.search.msa import search_msas
from af2cpu.search.stockholm_text import a3m_rows
from af2cpu.shipped import shipped


def alignment_of(query: Query, folder: Path, *, hard: bool) -> Path:
    database = hard_database() if hard else demo_database("uniref90")
    (result,) = search_msas([query], [folder], [database], threads=1)
    return result.path


@pytest.mark.parametrize(("name", "hard"), [("gb1", False), ("lysozyme", True), ("ubiquitin", True)])
def test_hhsearch_gets_the_references_a3m(af2: SimpleNamespace, tmp_path: Path, name: str, hard: bool) -> None:
    """Deduplicated, in the query's columns, with the descriptions."""
    path = alignment_of(queries(name)[0], tmp_path, hard=hard)
    with path.open("rb") as stream:
        ours = b"".join(b">%s %s\n%s\n" % row for row in a3m_rows(stream)).decode()
    theirs = af2.parsers.remove_empty_columns_from_stockholm_msa(
        af2.parsers.deduplicate_stockholm_msa(path.read_text())
    )
    assert ours == af2.parsers.convert_stockholm_to_a3m(theirs)
    assert any(letter.islower() for line in ours.splitlines() if line[0] != ">" for letter in line)


def assert_equal_hits(af2: SimpleNamespace, path: Path) -> None:
    ours, theirs = read_template_hits(path, GB1), af2.parsers.parse_hhr(path.read_text())
    assert len(ours) == len(theirs) > 1
    for mine, its in zip(ours, theirs, strict=True):
        expected = asdict(its) | {"indices_query": tuple(its.indices_query), "indices_hit": tuple(its.indices_hit)}
        found = asdict(mine)
        found["name"] = f"{found['name']} {found.pop('description')}".strip()
        assert found == expected


def test_hits_equal_the_references(af2: SimpleNamespace, tmp_path: Path) -> None:
    """Of the real program, and of made-up text with insertions and blocks."""
    path, _ = search_pdb70(alignment_of(GB1, tmp_path, hard=False), pdb70(full_dbs()), tmp_path, 1)
    assert_equal_hits(af2, path)


def test_made_up_hits_equal_the_references(af2: SimpleNamespace, tmp_path: Path) -> None:
    path = tmp_path / "pdb_hits.hhr"
    path.write_text(HHR)
    assert_equal_hits(af2, path)


def test_templates_equal_the_monomer_pipelines(
    af2: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ordered by the sum of probabilities; hits with one aligned sequence all count."""
    table = SimpleNamespace(protein_letters_3to1=PDBData.protein_letters_3to1_extended)
    monkeypatch.setattr(af2.mmcif_parsing, "PDBData", table)
    path, _ = search_pdb70(alignment_of(GB1, tmp_path, hard=False), pdb70(full_dbs()), tmp_path, 1)
    text = path.read_text()
    head, _, hits = text.partition("No 1\n")
    path.write_text(f"{head}No 1\n{hits}No 1\n{hits}")  # each twice
    mmcif = shipped("demo_databases") / "pdb_mmcif/mmcif_files"
    featurizer = af2.templates.HhsearchHitFeaturizer(
        mmcif_dir=str(mmcif),
        max_template_date="2030-01-01",
        max_hits=5,
        kalign_binary_path="none",
        release_dates_path=None,
        obsolete_pdbs_path=None,
    )
    source = TemplateSource(mmcif, max_hits=5, distinct=False)
    # The fork lacks DeepMind's filters: only hits that pass them are compared.
    ours_hits = [hit for hit in read_template_hits(path, GB1) if hit.aligned_cols > 40]
    their_hits = [hit for hit in af2.parsers.parse_hhr(path.read_text()) if hit.aligned_cols > 40]
    ours = hit_templates(GB1, ours_hits, source)
    theirs = featurizer.get_templates(query_sequence=GB1.sequence, hits=their_hits).features
    assert ours.template_domain_names.tolist() == theirs["template_domain_names"].tolist()
    assert len(ours.template_domain_names) == 5
    for name in ("aatype", "all_atom_positions", "all_atom_masks", "sequence", "sum_probs"):
        np.testing.assert_array_equal(getattr(ours, f"template_{name}"), theirs[f"template_{name}"], err_msg=name)
