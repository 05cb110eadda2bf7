# SPDX-License-Identifier: Apache-2.0
"""PDB text as AlphaFold 2 writes it, with chains A, B, ... in the user's order (AlphaFold 2's complexes begin at B)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

import gemmi

from af2cpu.outputs.atoms import AtomTable
from af2cpu.outputs.text import plain
from af2cpu.records.chain_ids import MAX_IN_PDB

MOST_ATOMS = 99_999  # what the columns of a PDB file can number; then gemmi goes on in hybrid-36
MOST_RESIDUES = 9_999
_WIDTH = 80  # AlphaFold 2 pads all lines
_PER_SEQRES = 13  # residues of a SEQRES record


def pdb_text(atoms: AtomTable, title: str | None = None) -> str:
    """One model, pLDDT in the B-factor column, TER after each chain: the bytes of AlphaFold 2's `to_pdb`, with 0.000
    for -0.000. Raises ValueError for more chains than the format has identifiers.

    DEVIATION: SEQRES records come first, so that readers know residues without atoms (X); AlphaFold 2 writes none. A
    title (a warning about the parameters) is written as TITLE records before them. Numbers that outgrow their columns
    go on in hybrid-36 (A0000 after 99999), as in the files of cctbx, Phenix and gemmi; SEQRES has no such rule, and a
    chain whose length outgrows its column has none. tests/unit/outputs/test_structure.py
    """
    if len(atoms.spans) > MAX_IN_PDB:
        raise ValueError(f"{len(atoms.spans)} chains have no PDB file: the format has identifiers for {MAX_IN_PDB}")
    options = gemmi.PdbWriteOptions(minimal=True, cryst1_record=False, end_record=False)
    body = _structure(atoms).make_pdb_string(options)
    sequences = (
        line for chain, rows in atoms.spans.items() for line in _sequence(chain, [atoms.names[k] for k in rows])
    )
    lines = [*_title(title), *sequences, "MODEL     1", *body.splitlines(), "ENDMDL", "END"]
    return "".join(f"{line:<{_WIDTH}}\n" for line in lines)


def pdb_limit_note(atoms: AtomTable) -> str | None:
    """One line for the user where the structure is larger than what the PDB format was made for."""
    n_chains = len(atoms.spans)
    if n_chains > MAX_IN_PDB:
        return (
            f"{n_chains} chains: the PDB format has identifiers for {MAX_IN_PDB}, so the structures are .cif files only"
        )
    highest, n_atoms = max(atoms.numbers), len(atoms.atom) + n_chains  # TER has a number too
    if n_atoms <= MOST_ATOMS and highest <= MOST_RESIDUES:
        return None
    of_chain = " of a chain" if n_chains > 1 else ""
    return (
        f"{highest:,} residues{of_chain} with {n_atoms:,} atoms outgrow the columns of the PDB format "
        f"({MOST_RESIDUES:,} and {MOST_ATOMS:,}): its numbers go on in hybrid-36, which not every program reads; use "
        f"the .cif file"
    )


def _structure(atoms: AtomTable) -> gemmi.Structure:
    residues = []
    for name, number in zip(atoms.names, atoms.numbers, strict=True):
        residue = gemmi.Residue()
        residue.name, residue.seqid = name, gemmi.SeqId(number, " ")
        residue.entity_type = gemmi.EntityType.Polymer
        residues.append(residue)
    elements = {symbol: gemmi.Element(symbol) for symbol in set(atoms.element)}
    rows = zip(atoms.residue.tolist(), atoms.atom, atoms.element, atoms.position.tolist(), strict=True)
    plddt = atoms.plddt.tolist()
    for place, name, symbol, position in rows:
        atom = gemmi.Atom()
        atom.name, atom.element, atom.pos = name, elements[symbol], gemmi.Position(*position)
        atom.occ, atom.b_iso = 1.0, plddt[place]
        residues[place].add_atom(atom)
    model = gemmi.Model(1)
    for name, span in atoms.spans.items():
        chain = model.add_chain(gemmi.Chain(name))
        for place in span:
            chain.add_residue(residues[place])
    structure = gemmi.Structure()
    structure.add_model(model)
    return structure


def _title(title: str | None) -> Iterator[str]:
    """Columns 11-80, continued with a number in columns 9-10 and a blank."""
    for k, line in enumerate(textwrap.wrap(plain(title).upper(), 69), start=1):
        yield f"TITLE     {line}" if k == 1 else f"TITLE   {k:>2} {line}"


def _sequence(chain: str, names: Sequence[str]) -> Iterator[str]:
    """SEQRES records: serial number in columns 8-10, chain in 12, length in 14-17, 13 residues from column 20."""
    if len(names) > MOST_RESIDUES:
        return
    for serial, start in enumerate(range(0, len(names), _PER_SEQRES), start=1):
        yield f"SEQRES {serial:>3} {chain} {len(names):>4}  {' '.join(names[start : start + _PER_SEQRES])}"
