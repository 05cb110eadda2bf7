# SPDX-License-Identifier: Apache-2.0
"""mmCIF entries that tests write themselves, in the PDB's manner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from feature_cases import random_sequence

from af2cpu.chemistry.residues import ATOM14, RESNAMES, RESTYPES
from af2cpu.records import Query, TemplateHit

_KINDS = {"ACE": "NON-POLYMER"}  # chemical components of another kind than their chain


@dataclass(frozen=True)
class Atom:
    residue: int  # label number, from 1
    residue_name: str
    name: str
    position: tuple[float, float, float]
    group: str = "ATOM"
    alternative: str = "."
    occupancy: float = 1.0
    insertion: str = "?"
    author_number: int | None = None  # label number + 10 if None
    model: int = 1


@dataclass(frozen=True)
class Chain:
    label: str
    author: str
    monomers: Sequence[tuple[int, str]]  # number and name of each row of _entity_poly_seq
    atoms: Sequence[Atom]
    kind: str = "L-peptide linking"


def protein(label: str, author: str, sequence: str, seed: int, missing: Sequence[int] = ()) -> Chain:
    """A chain of whole residues along a random walk; `missing` numbers (from 1) have no atoms."""
    rng = np.random.default_rng(seed)
    names = [RESNAMES[RESTYPES.index(letter)] if letter in RESTYPES else "UNK" for letter in sequence]
    centres = np.cumsum(rng.normal(0, 2.2, (len(names), 3)), axis=0)
    atoms = [
        Atom(number, name, atom, tuple(centres[number - 1] + rng.normal(0, 1, 3)))
        for number, name in enumerate(names, start=1)
        if number not in missing
        for atom in ATOM14[name] or ("N", "CA", "C", "O")
    ]
    return Chain(label, author, list(enumerate(names, start=1)), atoms)


def entry_of_a_hit(folder: Path) -> tuple[Path, Query, TemplateHit]:
    """Writes the entry 1abc: the file, a query, and a hit of the query in the entry's only chain."""
    letters = random_sequence(np.random.default_rng(0), 40)
    query = Query("q", "GGGG" + letters[:-4], "", "test")
    places = (-1,) * 4 + tuple(range(36))
    hit = TemplateHit(1, "1abc_A", 36, None, query.sequence, "----" + letters[:36], tuple(range(40)), places)
    path = write_mmcif(folder / "1abc.cif", [protein("A", "A", letters, 1)], ("2009-01-02",))
    return path, query, hit


def special_cases(label: str = "A", author: str = "H") -> Chain:
    """MSE, alternative locations, a badly named arginine, an inserted number, a point mutation, hydrogens."""
    chain = protein(label, author, "GAMRSTLKEDVW", seed=5, missing=(1, 2))
    atoms: list[Atom] = []
    for atom in chain.atoms:
        moved = replace(atom, position=tuple(x + 0.5 for x in atom.position))
        match atom.residue:
            case 3:  # MET written as MSE
                name = "SE" if atom.name == "SD" else atom.name
                atoms.append(replace(atom, residue_name="MSE", group="HETATM", name=name))
            case 6:  # two locations, the second one more occupied
                atoms += [
                    replace(atom, alternative="A", occupancy=0.4),
                    replace(moved, alternative="B", occupancy=0.6),
                ]
            case 7:  # equally occupied
                atoms += [
                    replace(atom, alternative="A", occupancy=0.5),
                    replace(moved, alternative="B", occupancy=0.5),
                ]
            case 8:  # numbered 17A by the author
                atoms.append(replace(atom, author_number=17, insertion="A"))
            case _:
                atoms.append(atom)
        if atom.residue == 9 and atom.name == "CA":
            atoms.append(replace(moved, name="HA"))
    atoms = [_far_nh1(atom) if (atom.residue, atom.name) == (4, "NH1") else atom for atom in atoms]
    # Residue 10 exists as ASP and as ASN, the latter listed last.
    asp = [replace(atom, alternative="A", occupancy=0.7) for atom in atoms if atom.residue == 10]
    asn = [replace(a, residue_name="ASN", alternative="B", occupancy=0.3, position=(1.0, 2.0, 3.0)) for a in asp[:4]]
    place = atoms.index(next(atom for atom in atoms if atom.residue == 10))
    atoms[place : place + len(asp)] = asp + asn
    monomers = [(n, "MSE" if n == 3 else name) for n, name in chain.monomers]
    return replace(chain, atoms=atoms, monomers=monomers)


def _far_nh1(atom: Atom) -> Atom:
    return replace(atom, position=(atom.position[0] + 6.0, *atom.position[1:]))


def write_mmcif(path: Path, chains: Sequence[Chain], released: Sequence[str] = ("2011-07-13", "2009-01-02")) -> Path:
    """Write an entry with each chain as an entity of its own and a water in every author chain."""
    lines = [f"data_{path.stem.upper()}", "#", f"_entry.id   {path.stem.upper()}", "#"]
    lines += ["_exptl.entry_id   X", "_exptl.method     'X-RAY DIFFRACTION'", "#"]
    names = {name: chain.kind for chain in chains for _, name in chain.monomers}
    names |= {atom.residue_name: chain.kind for chain in chains for atom in chain.atoms}
    lines += _loop("_chem_comp", ["id", "type"], [[n, f"'{_KINDS.get(n, kind)}'"] for n, kind in names.items()])
    rows = [[str(e), str(n), name] for e, chain in enumerate(chains, start=1) for n, name in chain.monomers]
    lines += _loop("_entity_poly_seq", ["entity_id", "num", "mon_id"], rows)
    asyms = [[chain.label, str(e)] for e, chain in enumerate(chains, start=1)]
    waters = {author: f"W{k}" for k, author in enumerate(dict.fromkeys(chain.author for chain in chains))}
    asyms += [[label, str(len(chains) + 1)] for label in waters.values()]
    lines += _loop("_struct_asym", ["id", "entity_id"], asyms)
    dates = [[str(k), date] for k, date in enumerate(released)]
    if dates:
        lines += _loop("_pdbx_audit_revision_history", ["ordinal", "revision_date"], dates)
    atoms = [_atom_row(chain.label, chain.author, atom) for chain in chains for atom in chain.atoms]
    atoms += [
        _atom_row(label, author, Atom(0, "HOH", "O", (9.0, 9.0, 9.0), group="HETATM", author_number=201))
        for author, label in waters.items()
    ]
    rows = [[row[0], str(serial), *row[1:]] for serial, row in enumerate(atoms, start=1)]
    tags = (
        "group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id label_entity_id label_seq_id "
        "pdbx_PDB_ins_code Cartn_x Cartn_y Cartn_z occupancy B_iso_or_equiv auth_seq_id auth_comp_id auth_asym_id "
        "auth_atom_id pdbx_PDB_model_num"
    )
    lines += _loop("_atom_site", tags.split(), rows)
    path.write_text("\n".join(lines) + "\n")
    return path


def _atom_row(label: str, author: str, atom: Atom) -> list[str]:
    number = str(atom.residue + 10 if atom.author_number is None else atom.author_number)
    head = [atom.group, atom.name[0], atom.name, atom.alternative, atom.residue_name, label, "1"]
    where = [str(atom.residue or "."), atom.insertion, *(f"{x:.3f}" for x in atom.position), f"{atom.occupancy:.2f}"]
    return [*head, *where, "20.00", number, atom.residue_name, author, atom.name, str(atom.model)]


def _loop(category: str, tags: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return ["loop_", *(f"{category}.{tag}" for tag in tags), *(" ".join(row) for row in rows), "#"]
