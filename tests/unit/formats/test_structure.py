"""Structure files of any origin."""

from __future__ import annotations

import gzip
from pathlib import Path

import gemmi
import numpy as np
import pytest
from relax_cases import helix, joined, text_of

from af2cpu.errors import InputError
from af2cpu.formats.structure import read_protein

_EXTRA = """\
HETATM  900  O   HOH A 900      40.000  40.000  40.000  1.00 20.00           O
HETATM  901  O   HOH A 901      43.000  40.000  40.000  1.00 20.00           O
HETATM  902 ZN    ZN A 902      46.000  40.000  40.000  1.00 20.00          ZN
END
"""


def _text() -> str:
    protein = joined(helix("SAKDH", first=10), helix("MCEL", chain="B", shift=25.0))
    return text_of(protein)


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    protein, notes = read_protein(_written(tmp_path / "a.pdb", _text()))
    assert notes == ()
    assert protein.chain_ids.tolist() == ["A"] * 5 + ["B"] * 4
    assert protein.residue_index.tolist() == [10, 11, 12, 13, 14, 1, 2, 3, 4]
    expected = helix("SAKDH")
    np.testing.assert_allclose(protein.atom_positions[:5], expected.atom_positions, atol=6e-4)
    np.testing.assert_array_equal(protein.atom_mask[:5], expected.atom_mask)
    np.testing.assert_allclose(protein.b_factors[:5], expected.b_factors, atol=6e-3)


def test_mmcif_and_gzip(tmp_path: Path) -> None:
    structure = gemmi.read_pdb_string(_text())
    structure.setup_entities()
    cif = structure.make_mmcif_document().as_string()
    expected, _ = read_protein(_written(tmp_path / "a.pdb", _text()))
    packed = tmp_path / "a.cif.gz"
    packed.write_bytes(gzip.compress(cif.encode()))
    for path in (_written(tmp_path / "a.cif", cif), packed):
        protein, notes = read_protein(path)
        assert notes == ()
        for name, value in vars(expected).items():
            np.testing.assert_array_equal(getattr(protein, name), value, err_msg=name)


def test_what_is_not_protein_is_dropped_aloud(tmp_path: Path) -> None:
    protein, notes = read_protein(_written(tmp_path / "a.pdb", _text().replace("END", "") + _EXTRA))
    assert protein.n_res == 9
    assert notes == ("dropped, for they are not protein: 2 HOH, 1 ZN",)


def test_modified_residues_and_force_field_names(tmp_path: Path) -> None:
    text = _text().replace("MET B", "MSE B").replace(" SD  MSE", "SE   MSE").replace("           S  ", "          SE  ")
    text = text.replace("CYS B", "CYX B").replace("HIS A", "HIE A")
    protein, notes = read_protein(_written(tmp_path / "a.pdb", text))
    assert notes == ("1 MSE taken as MET",)
    expected, _ = read_protein(_written(tmp_path / "b.pdb", _text()))
    np.testing.assert_array_equal(protein.aatype, expected.aatype)
    np.testing.assert_array_equal(protein.atom_mask, expected.atom_mask)


def test_insertion_codes_and_models(tmp_path: Path) -> None:
    atoms = _text().replace("LYS A  12 ", "LYS A  11A")
    models = (
        f"MODEL        1\n{atoms.replace('END', '')}ENDMDL\nMODEL        2\n{atoms.replace('END', '')}ENDMDL\nEND\n"
    )
    protein, notes = read_protein(_written(tmp_path / "a.pdb", models))
    assert notes == ("2 models: the first one is taken",)
    assert protein.residue_index[:4].tolist() == [10, 11, 11, 13]
    assert protein.insertion_codes[:4].tolist() == ["", "", "A", ""]
    text = text_of(protein)
    assert "LYS A  11A" in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "can't be read"),
        (b"", "can.t be read as PDB or mmCIF"),
        (b"\x00\xff\x13 nonsense", "no atoms"),
        (b"data_x\nloop_\n_atom_site.id\n", "read as PDB or mmCIF|no atoms"),
        (_EXTRA.encode(), "no protein chain"),
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
