# SPDX-License-Identifier: Apache-2.0
"""Names that programs of molecular dynamics give to residues and atoms, and their names in the PDB.

Sources: OpenMM 8 (pdbNames.xml and the residues of its AMBER and CHARMM force fields), MDAnalysis' selection `protein`,
the .rtp and .r2b files of GROMACS.
"""

from __future__ import annotations

from collections.abc import Iterable

import gemmi

from af2cpu.chemistry.residues import ATOM14, RESNAMES
from af2cpu.formats.chain import letter_of

# Protonation states, and cysteines in disulphide bonds.
_STATES = {
    "ARG": "ARN ARGN",
    "ASN": "ASN1",
    "ASP": "ASH ASPH ASPP AS4",
    "CYS": "CYX CYM CYN CYS1 CYS2 CYSH",
    "GLU": "GLH GLUH GLUP GL4",
    "HIS": "HID HIE HIP HIH HSD HSE HSP HSH HIS1 HIS2 HISA HISB HISD HISE HISH",
    "LYS": "LYN LSN LYP LYSH LYSN",
    "TYR": "TYM",
}
_STATE_OF = {name: common for common, names in _STATES.items() for name in names.split()}

# AMBER's residues at the ends of a chain, such as NALA and CHIE.
_THREE_LETTERS = [name for name in (*RESNAMES[:20], *_STATE_OF) if len(name) == 3]
_TERMINAL = {end + name: _STATE_OF.get(name, name) for end in "NC" for name in _THREE_LETTERS}

FORCE_FIELD_RESIDUES = {**_STATE_OF, **_TERMINAL}  # name -> name in the PDB

_TERMINAL_OXYGENS = {"OT1": "O", "O1": "O", "OC1": "O", "OT2": "OXT", "O2": "OXT", "OC2": "OXT", "OT": "OXT"}


def standard_atom(residue_name: str, atom_name: str) -> str:
    """The name in the PDB of an atom of one of the 20 amino acids; other names are returned as they are."""
    if residue_name not in RESNAMES:
        return atom_name
    if (residue_name, atom_name) == ("ILE", "CD"):
        return "CD1"
    return _TERMINAL_OXYGENS.get(atom_name, atom_name)


def standard_residue(name: str, heavy_atoms: Iterable[str]) -> str:
    """The name in the PDB of a residue; names that are no force field's are returned as they are.

    The PDB gives some of these names to other compounds (HSE is homoserine, CYN cyanide, LYP methyllysine), so the
    heavy atoms must be those of the amino acid.
    """
    standard = FORCE_FIELD_RESIDUES.get(name)
    if standard is None:
        return name
    atoms = {standard_atom(standard, atom) for atom in heavy_atoms}
    return standard if "CA" in atoms and atoms <= {*ATOM14[standard], "OXT"} else name


def is_amino_acid(name: str) -> bool:
    """Whether a name of the PDB is an amino acid's, modified ones and UNK included."""
    tabulated = gemmi.find_tabulated_residue(name)
    return tabulated.is_amino_acid() if tabulated.found() else name == "UNK" or letter_of(name) != "X"


def is_hydrogen(atom_name: str) -> bool:
    """Whether an atom of an amino acid is a hydrogen or deuterium, by its name (HA, 1HB, DG2)."""
    return atom_name.lstrip("0123456789")[:1] in ("H", "D")
