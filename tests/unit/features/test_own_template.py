# SPDX-License-Identifier: Apache-2.0
"""Structures of the user's own as templates."""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np
import pytest
from feature_cases import random_sequence
from mmcif_cases import protein, special_cases, write_mmcif

from af2cpu.chemistry.residues import ATOM37_INDEX, CA
from af2cpu.errors import InputError
from af2cpu.features.own_template import check_template, own_templates, read_template, resembles
from af2cpu.formats.chain import ProteinChain
from af2cpu.formats.mmcif import read_mmcif
from af2cpu.formats.structure import read_chains
from af2cpu.records import Query

RNG = np.random.default_rng(0)
SEQUENCE = random_sequence(RNG, 50)
OTHER = random_sequence(RNG, 70)
QUERY = Query("q", "GG" + SEQUENCE[:20] + SEQUENCE[23:], "q", "test")


@pytest.fixture(params=["cif", "pdb", "cif.gz", "pdb.gz"])
def structure(request, tmp_path: Path) -> Path:
    """The sequence in chain B, less one residue; another one in chain A."""
    path = tmp_path / "x.cif"
    write_mmcif(path, [protein("A", "A", OTHER, 1), protein("B", "B", SEQUENCE, 2, missing=(5,))], released=())
    target = tmp_path / f"mine.{request.param}"
    if "pdb" in request.param:
        path = path.with_suffix(".pdb")
        gemmi.read_structure(str(tmp_path / "x.cif")).write_pdb(str(path))
    data = path.read_bytes()
    if request.param.endswith("gz"):
        import gzip

        data = gzip.compress(data)
    target.write_bytes(data)
    return target


def test_best_chain_is_aligned(structure: Path) -> None:
    found = own_templates(QUERY, [structure])
    assert found.template_domain_names.tolist() == [b"mine_B"]
    expected = "--" + SEQUENCE[:4] + "-" + SEQUENCE[5:20] + SEQUENCE[23:]
    assert found.template_sequence.tolist() == [expected.encode()]
    source = read_mmcif(structure.parent / "x.cif").chain("B")
    rows = [i for i, letter in enumerate(expected) if letter != "-"]
    residues = [k for k in range(50) if k != 4 and not 20 <= k < 23]
    np.testing.assert_array_equal(found.template_all_atom_positions[0, rows], source.positions[residues])
    np.testing.assert_array_equal(found.template_all_atom_masks[0, rows], source.mask[residues])
    assert found.template_all_atom_masks.sum() == source.mask[residues].sum()
    assert "46 identical" in found.notes[0]


def test_a_file_of_another_protein_still_serves(structure: Path) -> None:
    """The user asked for it: no filter by similarity, copy or date."""
    assert own_templates(Query("q", SEQUENCE, "", ""), [structure, structure]).template_aatype.shape[0] == 2


@pytest.mark.parametrize("text", ["", "ATOM  broken\n", "data_x\nloop_\n_a.b\n", "HEADER\nEND\n"])
def test_files_without_protein_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.pdb"
    path.write_text(text)
    with pytest.raises(InputError, match=r"mine\.pdb"):
        own_templates(QUERY, [path])


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.pdb"):
        own_templates(QUERY, [tmp_path / "none.pdb"])


def test_a_chain_too_short_is_refused(tmp_path: Path) -> None:
    path = write_mmcif(tmp_path / "mine.cif", [protein("A", "A", "ACDEF", 1)])
    with pytest.raises(InputError, match=r"mine\.cif: no chain can be aligned to q"):
        own_templates(QUERY, [path])


def test_a_few_residues_that_overlap_are_not_enough(tmp_path: Path) -> None:
    """Six identical ones at the end of one and the beginning of the other."""
    path = write_mmcif(tmp_path / "mine.cif", [protein("A", "A", SEQUENCE[:6] + "G" * 20, 1)])
    with pytest.raises(InputError, match=r"\(6 residues of chain A, 6 identical\)"):
        own_templates(Query("q", "W" * 20 + SEQUENCE[:6], "", ""), [path])


@pytest.mark.parametrize("chain", [SEQUENCE[10:19], SEQUENCE[:30]])
def test_all_of_a_short_chain_or_query_is_enough(tmp_path: Path, chain: str) -> None:
    path = write_mmcif(tmp_path / "mine.cif", [protein("A", "A", chain, 1)])
    for sequence in (SEQUENCE[10:19], SEQUENCE):
        found = own_templates(Query("q", sequence, "", ""), [path])
        expected = min(len(chain), len(sequence))
        assert f"{expected} residues aligned, {expected} identical" in found.notes[0]


def test_a_force_field_s_names_change_nothing(tmp_path: Path) -> None:
    plain, renamed = tmp_path / "mine.pdb", tmp_path / "renamed" / "mine.pdb"
    renamed.parent.mkdir()
    source = write_mmcif(tmp_path / "x.cif", [protein("A", "A", "HCDEK" * 8, 1)])
    gemmi.read_structure(str(source)).write_pdb(str(plain))
    text = plain.read_text()
    for common, name in (("HIS", "HSD"), ("CYS", "CYX"), ("ASP", "ASH"), ("GLU", "GLH"), ("LYS", "LYN")):
        text = text.replace(f" {common} A", f" {name} A")
    renamed.write_text(text)
    query = Query("q", "HCDEK" * 8, "", "")
    expected, found = own_templates(query, [plain]), own_templates(query, [renamed])
    np.testing.assert_array_equal(found.template_all_atom_positions, expected.template_all_atom_positions)
    np.testing.assert_array_equal(found.template_all_atom_masks, expected.template_all_atom_masks)
    assert "40 identical" in found.notes[0]
    assert found.notes[2].startswith("template mine.pdb: residues with a force field's name: ")


def test_the_check_raises_what_would_be_raised_later(tmp_path: Path) -> None:
    good = write_mmcif(tmp_path / "good.cif", [protein("A", "A", SEQUENCE, 1)])
    bad = write_mmcif(tmp_path / "bad.cif", [protein("A", "A", SEQUENCE[10:19], 1)])
    whole, part = Query("whole", SEQUENCE, "", ""), Query("part", SEQUENCE[20:], "", "")
    for query, path in ((whole, good), (part, good), (whole, bad)):
        check_template(query, read_template(path))
    with pytest.raises(InputError, match=r"bad\.cif: no chain can be aligned to part"):
        check_template(part, read_template(bad))


def spread(n_res: int, n_same: int) -> str:
    """Alanines evenly spread, and serines that are aligned to alanines too."""
    places = {k * n_res // n_same for k in range(n_same)}
    return "".join("A" if k in places else "S" for k in range(n_res))


@pytest.mark.parametrize(
    ("n_res", "n_same"),
    [(11, 11), (50, 24), (100, 34), (300, 76), (600, 147)],  # 100 % and Rost's 41.7, 29.0, 20.0, 19.5 % and 5 %
)
def test_what_resembles_a_query(tmp_path: Path, n_res: int, n_same: int) -> None:
    """Identical residues evenly spread over all of the sequence, just enough of them and one fewer."""
    near, far = spread(n_res, n_same), spread(n_res, n_same - 1)
    query = Query("q", "A" * n_res, "", "")
    paths = [write_mmcif(tmp_path / f"{k}.cif", [protein("A", "A", one, 1)]) for k, one in enumerate((near, far))]
    assert [resembles(query, read_template(path)) for path in paths] == [True, False]


def test_half_of_the_shorter_one_must_be_aligned(tmp_path: Path) -> None:
    """Twelve of thirty identical residues: 100 % of what is aligned, and nothing but chance."""
    for n_same, expected in ((12, False), (15, True)):
        chain = "W" * (30 - n_same) + SEQUENCE[:n_same]
        path = write_mmcif(tmp_path / f"{n_same}.cif", [protein("A", "A", chain, 1)])
        assert resembles(Query("q", SEQUENCE[:30], "", ""), read_template(path)) is expected


def atom(chain: ProteinChain, residue: int, name: str) -> list[float]:
    return chain.positions[residue - 1, ATOM37_INDEX[name]].round(3).tolist()


def test_special_residues_by_hand(tmp_path: Path) -> None:
    case = special_cases()
    chain = read_mmcif(write_mmcif(tmp_path / "1abc.cif", [case])).chain("H")
    given = {
        (a.residue, a.alternative, a.name): np.float32(np.round(a.position, 3)).round(3).tolist() for a in case.atoms
    }
    assert chain.sequence == "GAMRSTLKEDVW"
    assert chain.mask[:2].sum() == 0
    assert atom(chain, 3, "SD") == given[3, ".", "SE"]
    assert atom(chain, 4, "NH1") == given[4, ".", "NH2"]
    assert atom(chain, 4, "NH2") == given[4, ".", "NH1"]
    assert atom(chain, 6, "CA") == given[6, "B", "CA"]
    assert atom(chain, 7, "CA") == given[7, "A", "CA"]
    assert atom(chain, 8, "CA") == given[8, ".", "CA"]
    assert atom(chain, 10, "CA") == [1.0, 2.0, 3.0]
    assert chain.mask[9].sum() == 4
    assert chain.mask[:, CA].sum() == 10
    own = read_chains(tmp_path / "1abc.cif")[0]
    assert own.sequence == "MRSTLKEDVW"
    np.testing.assert_array_equal(own.positions[:7], chain.positions[2:9])
