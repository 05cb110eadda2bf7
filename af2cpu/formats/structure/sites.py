# SPDX-License-Identifier: Apache-2.0
"""The atoms of a structure file as the file has them: text without interpretation, the same for PDB and mmCIF."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import gemmi

from af2cpu.chemistry.residues import RESNAMES
from af2cpu.errors import InputError
from af2cpu.formats.streams import open_bytes
from af2cpu.formats.structure.names import FORCE_FIELD_RESIDUES

_MOST_BYTES = 512 << 20


class Site(NamedTuple):
    """One atom, possibly one of its alternative locations."""

    chain: str  # the author's name of the chain, may be empty
    part: str  # tells molecules of one chain name apart: the count of TER records, or mmCIF's label of the chain
    hetero: bool  # HETATM
    residue: str
    number: str
    insertion: str
    atom: str
    alternative: str
    xyz: tuple[str, str, str]  # angstrom
    occupancy: str
    b_factor: str


def read_text(path: Path) -> str:
    """The text of a file, plain or gzip by its content. Bytes that are not UTF-8 (names of authors) are replaced.

    Raises InputError where the file can't be read, or is larger than any structure.
    """
    with open_bytes(path) as stream:
        content = stream.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise InputError(f"{path}: is over {_MOST_BYTES >> 20} MB; the largest entries of the PDB are smaller")
    return content.decode("utf-8-sig", errors="replace")


def read_sites(path: Path) -> tuple[list[Site], int]:
    """The atoms of the first model, and how many models the file has. The content tells PDB from mmCIF.

    Raises InputError where the file can't be read, is malformed or has no atoms.
    """
    text = read_text(path)
    try:
        sites, models = _mmcif_sites(path, text) if _is_mmcif(text) else _pdb_sites(text)
    except InputError:
        raise
    except (RuntimeError, ValueError, LookupError) as error:  # all three come from gemmi for broken files
        raise InputError(f"{path}: can't be read as mmCIF ({' '.join(str(error).split())[:200]})") from error
    if not sites:
        raise InputError(f"{path}: no atoms in it; give a PDB or mmCIF file")
    return sites, models


def _is_mmcif(text: str) -> bool:
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return first.lower().startswith("data_")


def _pdb_sites(text: str) -> tuple[list[Site], int]:
    lines = text.splitlines()
    long_names = _has_long_residue_names(lines)
    sites: list[Site] = []
    ends: Counter[str] = Counter()  # TER records of each chain
    models, within = 0, False
    for line in lines:
        record = line[:6].rstrip()
        if record in ("ATOM", "HETATM"):
            models += not within
            within = True
            if models == 1:
                sites.append(_pdb_site(line, ends, long_names))
        elif record == "TER" and sites:
            ends[sites[-1].chain] += 1
        elif record in ("MODEL", "ENDMDL", "END"):  # some programs part models by END alone
            within = False
    return sites, models


def _pdb_site(line: str, ends: Counter[str], long_names: bool) -> Site:
    first_of_chain = 21 if long_names else 20
    chain = line[first_of_chain:22].strip()
    return Site(
        chain=chain,
        part=str(ends[chain]),
        hetero=line.startswith("HETATM"),
        residue=line[17:first_of_chain].strip().upper(),
        number=line[22:26].strip(),
        insertion=line[26:27].strip(),
        atom=line[12:16].strip().upper(),
        alternative=line[16:17].strip(),
        xyz=(line[30:38].strip(), line[38:46].strip(), line[46:54].strip()),
        occupancy=line[54:60].strip(),
        b_factor=line[60:66].strip(),
    )


def _has_long_residue_names(lines: list[str]) -> bool:
    """Whether column 21 is the fourth letter of residue names (GROMACS, AMBER); else chain names have two letters."""
    names = {line[17:21].upper() for line in lines if line.startswith(("ATOM", "HETATM")) and line[20:21].strip()}
    long = {name for name in names if name in FORCE_FIELD_RESIDUES}
    return bool(long) and not any(name[:3] in RESNAMES for name in names - long)


def decoded_number(text: str) -> int | None:
    """A residue number: decimal, or hybrid-36, which goes on after 9999 with A000; None for other text."""
    if re.fullmatch(r"[+-]?[0-9]{1,9}", text):
        return int(text)
    if len(text) != 4 or not (text.isascii() and text.isalnum()) or text[0].isdecimal():
        return None
    if text == text.upper():
        return int(text, 36) - 10 * 36**3 + 10**4
    return int(text, 36) + 16 * 36**3 + 10**4 if text == text.lower() else None


_MMCIF_COLUMNS = {  # field of Site -> columns of _atom_site, the first one that has a value counts
    "chain": ("auth_asym_id", "label_asym_id"),
    "part": ("label_asym_id",),
    "hetero": ("group_PDB",),
    "residue": ("label_comp_id", "auth_comp_id"),
    "number": ("auth_seq_id", "label_seq_id"),
    "insertion": ("pdbx_PDB_ins_code",),
    "atom": ("label_atom_id", "auth_atom_id"),
    "alternative": ("label_alt_id",),
    "x": ("Cartn_x",),
    "y": ("Cartn_y",),
    "z": ("Cartn_z",),
    "occupancy": ("occupancy",),
    "b_factor": ("B_iso_or_equiv",),
    "model": ("pdbx_PDB_model_num",),
}
_NEEDED = ("residue", "number", "atom", "x", "y", "z")


def _mmcif_sites(path: Path, text: str) -> tuple[list[Site], int]:
    document = gemmi.cif.read_string(text)
    block = next((block for block in document if block.find_mmcif_category("_atom_site.")), None)
    if block is None:
        return [], 0
    columns = {field: _column(block, tags) for field, tags in _MMCIF_COLUMNS.items()}
    n_atoms = len(columns["x"])
    missing = [" or ".join(_MMCIF_COLUMNS[field]) for field in _NEEDED if not any(columns[field])]
    if missing:
        raise InputError(f"{path}: _atom_site lacks {', '.join(missing)}; write the file with these columns")
    columns = {field: column or [""] * n_atoms for field, column in columns.items()}
    models = columns["model"]
    rows = [row for row in range(n_atoms) if models[row] == models[0]]
    return [_mmcif_site(columns, row) for row in rows], len(set(models))


def _column(block: gemmi.cif.Block, tags: tuple[str, ...]) -> list[str]:
    """Values without quotes, empty for `?` and `.`; an empty list where all of the columns are absent."""
    found = [[gemmi.cif.as_string(value) for value in block.find_values(f"_atom_site.{tag}")] for tag in tags]
    return [next(filter(None, values), "") for values in zip(*filter(None, found), strict=True)]


def _mmcif_site(columns: dict[str, list[str]], row: int) -> Site:
    return Site(
        chain=columns["chain"][row],
        part=columns["part"][row],
        hetero=columns["hetero"][row] == "HETATM",
        residue=columns["residue"][row].upper(),
        number=columns["number"][row],
        insertion=columns["insertion"][row],
        atom=columns["atom"][row].upper(),
        alternative=columns["alternative"][row],
        xyz=(columns["x"][row], columns["y"][row], columns["z"][row]),
        occupancy=columns["occupancy"][row],
        b_factor=columns["b_factor"][row],
    )
