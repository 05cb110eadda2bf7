# SPDX-License-Identifier: Apache-2.0
"""The molecules of a ModelCIF file: an entity for each distinct sequence, a chain for each of its copies.

Entities count from 1 by the first of their chains. A chain's identifier is both label_asym_id and auth_asym_id; in
label_seq_id its residues count from 1 without gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from af2cpu.chemistry.residues import RESNAMES, RESTYPES_WITH_X
from af2cpu.outputs.atoms import AtomTable
from af2cpu.outputs.mmcif_columns import Columns
from af2cpu.outputs.text import plain
from af2cpu.records import Provenance

_LETTER = dict(zip(RESNAMES, RESTYPES_WITH_X, strict=True))
_CHEMICAL_NAMES = dict(
    zip(
        RESNAMES,
        "ALANINE;ARGININE;ASPARAGINE;ASPARTIC ACID;CYSTEINE;GLUTAMINE;GLUTAMIC ACID;GLYCINE;HISTIDINE;ISOLEUCINE;"
        "LEUCINE;LYSINE;METHIONINE;PHENYLALANINE;PROLINE;SERINE;THREONINE;TRYPTOPHAN;TYROSINE;VALINE;UNKNOWN".split(
            ";"
        ),
        strict=True,
    )
)


@dataclass(frozen=True)
class Entity:
    """A distinct sequence."""

    id: str
    description: str | None  # the names of its chains as the user gave them, else the description of the whole
    names: tuple[str, ...]  # of its residues
    chains: tuple[str, ...]  # identifiers

    @property
    def letters(self) -> str:
        """Its sequence."""
        return "".join(_LETTER[name] for name in self.names)


def entities_of(atoms: AtomTable, provenance: Provenance) -> list[Entity]:
    """The entities of a structure, in the order of their numbers."""
    members: dict[int, list[str]] = {}
    for chain, rows in atoms.spans.items():
        members.setdefault(int(atoms.chains.entity_id[rows.start]), []).append(chain)
    names = dict(zip(atoms.spans, provenance.chain_names or [""] * len(atoms.spans), strict=True))
    return [
        Entity(
            id=str(number),
            description=_description([names[chain] for chain in chains], provenance.description) or None,
            names=tuple(atoms.names[k] for k in atoms.spans[chains[0]]),
            chains=tuple(chains),
        )
        for number, chains in sorted(members.items())
    ]


def _description(names: Sequence[str], of_complex: str) -> str:
    return plain("; ".join(dict.fromkeys(filter(None, names)))) or plain(of_complex)


def polymer_categories(entities: Sequence[Entity], atoms: AtomTable) -> dict[str, Columns]:
    """Entities, chains and residue types."""
    letters = [entity.letters for entity in entities]
    present = sorted(set(atoms.names))
    return {
        "_entity": {
            "id": [entity.id for entity in entities],
            "type": ["polymer" for _ in entities],
            "src_method": [None for _ in entities],
            "pdbx_description": [entity.description for entity in entities],
            "pdbx_number_of_molecules": [str(len(entity.chains)) for entity in entities],
        },
        "_entity_poly": {
            "entity_id": [entity.id for entity in entities],
            "type": ["polypeptide(L)" for _ in entities],
            "nstd_linkage": ["no" for _ in entities],
            "nstd_monomer": ["no" for _ in entities],
            "pdbx_seq_one_letter_code": [_coded(text) for text in letters],
            "pdbx_seq_one_letter_code_can": [_lines(text) for text in letters],
            "pdbx_strand_id": [",".join(entity.chains) for entity in entities],
        },
        "_struct_asym": {
            "id": list(atoms.spans),
            "pdbx_blank_PDB_chainid_flag": ["N" for _ in atoms.spans],
            "pdbx_modified": ["N" for _ in atoms.spans],
            "entity_id": _entity_of_chains(atoms),
            "details": [None for _ in atoms.spans],
        },
        "_chem_comp": {
            "id": present,
            "type": ["peptide linking" if name == "GLY" else "L-peptide linking" for name in present],
            "mon_nstd_flag": ["n" if name == "UNK" else "y" for name in present],
            "name": [_CHEMICAL_NAMES[name] for name in present],
        },
    }


def residue_categories(entities: Sequence[Entity], atoms: AtomTable) -> dict[str, Columns]:
    """The residues of each entity, and of each chain with their numbers."""
    seen = set(atoms.residue.tolist())
    placed = [k in seen for k in range(atoms.n_res)]
    numbers = [str(number) for number in atoms.numbers]
    places = label_seq_ids(atoms)
    chains = atoms.chains.ids.tolist()
    monomers = [name if here else None for name, here in zip(atoms.names, placed, strict=True)]
    return {
        "_entity_poly_seq": {
            "entity_id": [entity.id for entity in entities for _ in entity.names],
            "num": [str(k) for entity in entities for k in range(1, len(entity.names) + 1)],
            "mon_id": [name for entity in entities for name in entity.names],
            "hetero": ["n" for entity in entities for _ in entity.names],
        },
        "_pdbx_poly_seq_scheme": {
            "asym_id": chains,
            "entity_id": [str(number) for number in atoms.chains.entity_id.tolist()],
            "seq_id": places,
            "mon_id": atoms.names,
            "ndb_seq_num": places,
            "pdb_seq_num": numbers,
            "auth_seq_num": [number if here else None for number, here in zip(numbers, placed, strict=True)],
            "pdb_mon_id": monomers,
            "auth_mon_id": monomers,
            "pdb_strand_id": chains,
            "pdb_ins_code": [False] * atoms.n_res,
            "hetero": ["n"] * atoms.n_res,
        },
    }


def target_categories(entities: Sequence[Entity], atoms: AtomTable) -> dict[str, Columns]:
    """What was modelled. Each entity is a piece of data of its own, with the entity's number."""
    return {
        "_ma_target_entity": {
            "entity_id": [entity.id for entity in entities],
            "data_id": [entity.id for entity in entities],
            "origin": [False for _ in entities],
        },
        "_ma_target_entity_instance": {
            "asym_id": list(atoms.spans),
            "entity_id": _entity_of_chains(atoms),
            "details": [False for _ in atoms.spans],
        },
    }


def model_data(entities: Sequence[Entity]) -> int:
    """The number of the model among the data: it follows the entities, and the templates follow it."""
    return len(entities) + 1


def label_seq_ids(atoms: AtomTable) -> list[str]:
    """The place of each residue in its chain, from 1."""
    return [str(k) for rows in atoms.spans.values() for k in range(1, len(rows) + 1)]


def _entity_of_chains(atoms: AtomTable) -> list[str]:
    return [str(atoms.chains.entity_id[rows.start]) for rows in atoms.spans.values()]


def _coded(letters: str) -> str:
    return _lines("".join("(UNK)" if letter == "X" else letter for letter in letters))


def _lines(sequence: str) -> str:
    return "\n".join(sequence[k : k + 80] for k in range(0, len(sequence), 80))
