# SPDX-License-Identifier: Apache-2.0
"""Structure files of any origin: names, chains, numbers, and what the reader says of what it changed."""

from __future__ import annotations

import gzip
from pathlib import Path

import gemmi
import numpy as np
import pytest
from relax_cases import helix, joined, text_of

from af2cpu.chemistry.residues import ATOM37_INDEX
from af2cpu.errors import InputError
from af2cpu.formats.structure import read_chains, read_protein
from af2cpu.records import Protein

_EXTRA = """\
HETATM  900  O   HOH A 900      40.000  40.000  40.000  1.00 20.00           O
HETATM  901  O   HOH A 901      43.000  40.000  40.000  1.00 20.00           O
HETATM  902 ZN    ZN A 902      46.000  40.000  40.000  1.00 20.00          ZN
END
"""


def _text() -> str:
    return text_of(joined(helix("SAKDH", first=10), helix("MCEL", chain="B", shift=25.0)))


def _atoms(sequence: str = "SAKDH", chain: str = "A", first: int = 1, shift: float = 0.0) -> str:
    """ATOM lines of one chain, no TER."""
    lines = text_of(helix(sequence, chain, first, shift)).splitlines(keepends=True)
    return "".join(line for line in lines if line.startswith("ATOM"))


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _read(tmp_path: Path, text: str) -> tuple[Protein, tuple[str, ...]]:
    return read_protein(_written(tmp_path / "x.pdb", text))


def _same(found: Protein, expected: Protein) -> None:
    for name in ("aatype", "atom_mask", "chain_ids", "residue_index"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    np.testing.assert_allclose(found.atom_positions, expected.atom_positions, atol=6e-4)


def _renamed(text: str, residue: str, name: str) -> str:
    """One residue name in columns 18 to 20, or to 21 if it has four letters."""
    end = 17 + len(name)
    return "".join(
        line[:17] + name + line[end:] if line[17:20] == residue else line for line in text.splitlines(keepends=True)
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    protein, notes = read_protein(_written(tmp_path / "a.pdb", _text()))
    assert notes == ()
    assert protein.chain_ids.tolist() == ["A"] * 5 + ["B"] * 4
    assert protein.residue_index.tolist() == [10, 11, 12, 13, 14, 1, 2, 3, 4]
    expected = helix("SAKDH")
    np.testing.assert_allclose(protein.atom_positions[:5], expected.atom_positions, atol=6e-4)
    np.testing.assert_array_equal(protein.atom_mask[:5], expected.atom_mask)
    np.testing.assert_allclose(protein.b_factors[:5], expected.b_factors, atol=6e-3)
    assert not protein.numbers_bond


def test_mmcif_and_gzip_whatever_the_name(tmp_path: Path) -> None:
    structure = gemmi.read_pdb_string(_text())
    structure.setup_entities()
    cif = structure.make_mmcif_document().as_string()
    expected, _ = read_protein(_written(tmp_path / "a.pdb", _text()))
    for name in ("a.cif.gz", "packed.cif", "packed.pdb", "packed"):
        (tmp_path / name).write_bytes(gzip.compress(cif.encode()))
    _written(tmp_path / "plain.cif", cif)
    _written(tmp_path / "plain.pdb", "\n# comment\n" + cif)
    for name in ("a.cif.gz", "packed.cif", "packed.pdb", "packed", "plain.cif", "plain.pdb"):
        protein, notes = read_protein(tmp_path / name)
        assert notes == ()
        for field, value in vars(expected).items():
            np.testing.assert_array_equal(getattr(protein, field), value, err_msg=field)


def test_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    expected, _ = _read(tmp_path, _text())
    for end in ("\r\n", "\r"):
        path = tmp_path / "x.pdb"
        path.write_bytes(b"\xef\xbb\xbf" + _text().replace("\n", end).encode())
        _same(read_protein(path)[0], expected)


_MINIMAL = ("label_atom_id", "label_comp_id", "label_seq_id", "Cartn_x", "Cartn_y", "Cartn_z")


def _minimal_mmcif(path: Path, tags: tuple[str, ...]) -> Path:
    protein = helix("SAKDH")
    lines = ["data_m", "loop_", *(f"_atom_site.{tag}" for tag in tags)]
    for line in text_of(protein).splitlines():
        if line.startswith("ATOM"):
            values = [line[12:16], line[17:20], line[22:26], line[30:38], line[38:46], line[46:54]]
            known = dict(zip(_MINIMAL, values, strict=True))
            known["auth_seq_id"] = "?"
            lines.append(" ".join(known[tag].strip() for tag in tags))
    return _written(path, "\n".join(lines) + "\n")


def test_mmcif_with_few_columns(tmp_path: Path) -> None:
    protein, notes = read_protein(_minimal_mmcif(tmp_path / "m.cif", (*_MINIMAL, "auth_seq_id")))
    expected = helix("SAKDH")
    assert notes == ()
    np.testing.assert_array_equal(protein.atom_mask, expected.atom_mask)
    assert protein.residue_index.tolist() == [1, 2, 3, 4, 5]
    assert protein.chain_ids.tolist() == [""] * 5


@pytest.mark.parametrize(("missing", "named"), [("Cartn_y", "Cartn_y"), ("label_atom_id", "\\w+ or auth_atom_id")])
def test_missing_columns_are_named(tmp_path: Path, missing: str, named: str) -> None:
    path = _minimal_mmcif(tmp_path / "m.cif", tuple(tag for tag in _MINIMAL if tag != missing))
    with pytest.raises(InputError, match=f"m.cif: _atom_site lacks {named}; "):
        read_protein(path)


def test_what_is_not_protein_is_dropped_aloud(tmp_path: Path) -> None:
    protein, notes = _read(tmp_path, _text().replace("END", "") + _EXTRA)
    assert protein.n_res == 9
    assert notes == ("dropped, for they are not protein: 2 HOH, 1 ZN",)


def test_a_free_amino_acid_is_a_ligand(tmp_path: Path) -> None:
    """HETATM behind the chain without a peptide bond; a bonded HETATM (MSE) belongs to the chain."""
    ligand = _atoms("E", first=300, shift=40.0).replace("ATOM  ", "HETATM")
    modified = _atoms("SAKDM").replace("MET", "MSE").replace(" SD  MSE", "SE   MSE")
    modified = "".join(
        line.replace("ATOM  ", "HETATM") if "MSE" in line else line for line in modified.splitlines(keepends=True)
    )
    for end in ("", "TER\n"):
        protein, notes = _read(tmp_path, modified + end + ligand)
        assert protein.n_res == 5
        assert notes == ("dropped, for they are not protein: 1 GLU", "1 MSE taken as MET")


_STATES = [
    *(("HIS", name) for name in "HID HIE HIP HSD HSE HSP HISD HISE HISH HISA HISB HIS1 NHIE CHID".split()),
    *(("CYS", name) for name in "CYX CYM CYN CYS1 CYS2 CYSH NCYX".split()),
    *(("ASP", name) for name in "ASH ASPH ASPP".split()),
    *(("GLU", name) for name in "GLH GLUH GLUP".split()),
    *(("LYS", name) for name in "LYN LSN LYP LYSH LYSN".split()),
    *(("SER", name) for name in ("NSER", "CSER")),
    ("ARG", "ARGN"),
    ("TYR", "TYM"),
]


@pytest.mark.parametrize(("common", "name"), _STATES)
def test_names_of_force_fields(tmp_path: Path, common: str, name: str) -> None:
    """With a chain's name and, as GROMACS and tleap write, without; all neighbours keep their places."""
    for chain in ("A", ""):
        protein = helix("SCHDEKRYA", chain)
        found, notes = _read(tmp_path, _renamed(text_of(protein), common, name))
        _same(found, protein)
        assert notes == (f"residues with a force field's name: 1 {name} as {common}",)


def test_chain_names_of_two_letters(tmp_path: Path) -> None:
    """Column 21 belongs to the chain's name where residues have no force field's names."""
    protein = joined(helix("HHHH", "EA"), helix("SAKDH", "EB", shift=25.0))
    text = text_of(helix("HHHH", "A")).replace("HIS A", "HISEA").replace("END\n", "")
    text += text_of(helix("SAKDH", "B", shift=25.0)).replace(" B ", "EB ")
    _same(_read(tmp_path, text)[0], protein)


def test_a_compound_of_the_same_name_is_no_protonation_state(tmp_path: Path) -> None:
    """HSE with the atoms of homoserine is that, not a histidine."""
    text = _atoms("SAMDK").replace(" SD  MET", " OD  MET").replace("MET", "HSE")
    text = "".join(line for line in text.splitlines(keepends=True) if line[12:20] != " CE  HSE")
    protein, notes = _read(tmp_path, text)
    assert notes == ("1 HSE taken as SER",)
    assert protein.n_res == 5


def test_atom_names_of_force_fields(tmp_path: Path) -> None:
    text = _atoms("SAIDK").replace(" CD1 ILE", " CD  ILE").replace(" O   LYS", " OT1 LYS")
    oxygen = next(line for line in text.splitlines() if " OT1 LYS" in line)
    text += oxygen.replace("OT1", "OT2") + "\n"
    protein, notes = _read(tmp_path, text)
    expected = helix("SAIDK").atom_mask
    expected[4, ATOM37_INDEX["OXT"]] = 1
    np.testing.assert_array_equal(protein.atom_mask, expected)
    assert notes == ("atoms with a force field's name: 1 CD as CD1, 1 OT1 as O, 1 OT2 as OXT",)


def test_modified_residues(tmp_path: Path) -> None:
    text = _text().replace("MET B", "MSE B").replace(" SD  MSE", "SE   MSE").replace("           S  ", "          SE  ")
    protein, notes = _read(tmp_path, text)
    assert notes == ("1 MSE taken as MET",)
    _same(protein, _read(tmp_path, _text())[0])


def test_insertion_codes_and_models(tmp_path: Path) -> None:
    atoms = _text().replace("LYS A  12 ", "LYS A  11A").replace("END\n", "")
    for parted in (f"MODEL        1\n{atoms}ENDMDL\nMODEL        2\n{atoms}ENDMDL\nEND\n", f"{atoms}END\n{atoms}END\n"):
        protein, notes = _read(tmp_path, parted)
        assert notes == ("2 models: the first one is taken",)
        assert protein.residue_index[:4].tolist() == [10, 11, 11, 13]
        assert protein.insertion_codes[:4].tolist() == ["", "", "A", ""]
        assert "LYS A  11A" in text_of(protein)


_AGAIN = "chains that share a name are renamed: A to B"


@pytest.mark.parametrize(
    ("chain", "end", "first", "names", "note"),
    [
        ("A", "TER\n", 1, "AB", _AGAIN),
        ("A", "TER\n", 6, "AB", _AGAIN),  # the numbers go on
        ("A", "", 1, "AB", _AGAIN),  # the numbers begin again
        ("", "TER\n", 6, "AB", "chains that share a name are renamed: no name to A, no name to B"),
    ],
)
def test_a_chain_name_that_comes_again_is_another_chain(
    tmp_path: Path, chain: str, end: str, first: int, names: str, note: str
) -> None:
    """The second molecule is 40 A away."""
    text = _atoms("SAKDH", chain) + end + _atoms("SAKDH", chain, first, shift=40.0) + end
    protein, notes = _read(tmp_path, text)
    assert notes == (note,)
    _same(protein, joined(helix("SAKDH", names[0]), helix("SAKDH", names[1], first, shift=40.0)))
    assert [chain.name for chain in read_chains(tmp_path / "x.pdb")] == list(names)


def test_a_bond_outweighs_ter(tmp_path: Path) -> None:
    lines = _atoms("SAKDH").splitlines(keepends=True)
    cut = next(k for k, line in enumerate(lines) if "LYS" in line)
    protein, notes = _read(tmp_path, "".join([*lines[:cut], "TER\n", *lines[cut:]]))
    assert notes == ()
    _same(protein, helix("SAKDH"))


def test_a_name_that_is_taken_is_not_given_again(tmp_path: Path) -> None:
    text = _atoms() + "TER\n" + _atoms(shift=40.0) + "TER\n" + _atoms(chain="B", shift=80.0)
    protein, notes = _read(tmp_path, text)
    assert notes == ("chains that share a name are renamed: A to C",)
    assert protein.chain_ids.tolist() == ["A"] * 5 + ["C"] * 5 + ["B"] * 5


def test_atoms_of_a_residue_need_not_be_together(tmp_path: Path) -> None:
    """Hydrogens and side chains at the end of the file belong to the residues before."""
    lines = _atoms("SAKDH").splitlines(keepends=True)
    late = [line for line in lines if line[12:16].strip() not in ("N", "CA", "C", "O")]
    hydrogen = lines[0].replace(" N  ", " H  ")
    protein, notes = _read(tmp_path, "".join([*(line for line in lines if line not in late), *late, hydrogen]))
    assert notes == ()
    _same(protein, helix("SAKDH"))


def test_alternative_locations_and_residues(tmp_path: Path) -> None:
    lines = _atoms("SAKDH").splitlines(keepends=True)
    text = ""
    for line in lines:
        if "LYS" in line:
            text += line[:16] + "A" + line[17:54] + "  0.30" + line[60:]
            text += line[:16] + "B" + line[17:30] + "   1.000   2.000   3.000  0.70" + line[60:]
        elif "ASP" in line and line[12:16].strip() in ("N", "CA", "C", "O"):
            text += line[:16] + "A" + line[17:] + line[:16] + "BASN" + line[20:]
        else:
            text += line
    protein, notes = _read(tmp_path, text)
    assert notes == (
        "alternative locations in 1 residues: the most occupied ones are taken",
        "alternative residues dropped, the first one at each place is taken: A/4 ASN",
    )
    assert (protein.atom_positions[2][protein.atom_mask[2] > 0] == [1, 2, 3]).all()
    np.testing.assert_array_equal(protein.aatype, helix("SAKDH").aatype)


@pytest.mark.parametrize(
    "numbers",
    [
        "     nan     nan     nan  1.00 17.38",
        "************************  1.00 17.38",
        "   1.000           3.000  1.00 17.38",
        "10000.123   2.000   3.000  1.00 17.38",
        "   1.000   2.00010000.123  1.00 17.38",
        "-1000.123-1000.123-1000.123  1.00 17.38",
        "   1.000   2.000   3.000 **** 17.38",
    ],
)
def test_numbers_that_are_none_name_their_residue(tmp_path: Path, numbers: str) -> None:
    atom = next(line for line in _text().splitlines(keepends=True) if " CB  ASP A  13" in line)
    bad = atom[:30] + numbers + "\n"
    with pytest.raises(InputError, match=r"x\.pdb: residue A/13 ASP, atom CB: .*no numbers") as caught:
        _read(tmp_path, _text().replace(atom, bad))
    assert "\n" not in str(caught.value)
    water = "HETATM  900  O   HOH A 900    " + numbers + "\n"
    assert _read(tmp_path, _text().replace("END\n", water))[0].n_res == 9  # of what is dropped none is needed


def test_residue_numbers(tmp_path: Path) -> None:
    """Hybrid-36 as our own files have it; stars in the waters of a large box; stars in the protein are named."""
    text = _text().replace("A  13 ", "AA000 ").replace("A  14 ", "AA001 ")
    water = "HETATM  900  O   HOH W****      40.000  40.000  40.000  1.00 20.00           O\n"
    protein, _ = _read(tmp_path, text.replace("END\n", water))
    assert protein.residue_index[:5].tolist() == [10, 11, 12, 10000, 10001]
    with pytest.raises(InputError, match=r"residue A/\*\*\*\* ASP: its number is missing or no number"):
        _read(tmp_path, text.replace("AA000 ", "A**** "))


def test_b_factors_that_are_none(tmp_path: Path) -> None:
    lines = [line[:60] + "******" + line[66:] for line in _atoms().splitlines(keepends=True)]
    protein, notes = _read(tmp_path, "".join(lines))
    assert notes == ("B-factors of 5 residues are no numbers and taken as 0",)
    assert not protein.b_factors.any()


def test_lines_that_end_with_the_coordinates(tmp_path: Path) -> None:
    protein, notes = _read(tmp_path, "".join(line[:54] + "\n" for line in _atoms().splitlines()))
    assert notes == ()
    _same(protein, helix("SAKDH"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "no atoms in it; give a PDB or mmCIF file"),
        (b"\x00\xff\x13 nonsense", "no atoms"),
        (b"data_x\nloop_\n_atom_site.id\n", "_atom_site lacks"),
        (b"data_x\nloop_\n_a.b\n", "can't be read as mmCIF|no atoms"),
        (b"data_x\n'", "can't be read as mmCIF"),
        (b"ATOM  broken\n", "no protein chain"),
        (_EXTRA.encode(), "no protein chain"),
        (b"ATOM      1  P     G A   1       1.000   1.000   1.000  1.00  0.00           P\n", "no protein chain"),
        (gzip.compress(b"HEADER " * 1000, mtime=0)[:30], "gzip data is cut off"),
    ],
)
def test_unusable_files_are_one_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "bad.pdb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_protein(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_more_chains_of_one_name_than_there_are_names_of_two_letters(tmp_path: Path) -> None:
    """They lack C, so that none is bonded to another."""
    atoms = [line for line in text_of(helix("G")).splitlines() if line.startswith("ATOM") and " C   GLY" not in line]
    path = tmp_path / "many.pdb"
    path.write_text("\n".join([*atoms, "TER"] * 4000) + "\nEND\n")
    chains = read_chains(path)
    assert len(chains) == 4000
    assert [len(chain.sequence) for chain in chains] == [1] * 4000
