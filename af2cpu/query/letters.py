# SPDX-License-Identifier: Apache-2.0
"""Which letters a sequence may have (CONVENTIONS: checked before anything starts)."""

from __future__ import annotations

import re

from af2cpu.chemistry.residues import RESTYPES
from af2cpu.errors import InputError
from af2cpu.formats.characters import character_at
from af2cpu.records import CHAIN_BREAK

_UNUSUAL = "BJOUXZ"  # searched as they are; X in the network's aatype
_NUCLEOTIDES = frozenset("ACGTUN")  # these letters are amino acids too
_UNUSUAL_CODES, _NUCLEOTIDE_CODES = (frozenset(map(ord, letters)) for letters in (_UNUSUAL, _NUCLEOTIDES))
_CAUTION = (
    "looks like DNA or RNA (no letters but A, C, G, T, U, N), and each letter is read as an amino acid; give the "
    "translated sequence if that is not meant"
)
_ILLEGAL = re.compile(f"[^{RESTYPES}{_UNUSUAL}]".encode())


def checked_sequences(letters: bytes, place: str) -> tuple[str, list[str]]:
    """The chains of a record in upper case, still joined by ':', and notes for the user; as `checked_sequence`."""
    chains = letters.split(CHAIN_BREAK.encode())
    if len(chains) == 1:
        return checked_sequence(letters, place)
    checked = [checked_sequence(chain, f"{place}, chain {number}") for number, chain in enumerate(chains, start=1)]
    return CHAIN_BREAK.join(text for text, _ in checked), [note for _, notes in checked for note in notes]


def checked_sequence(letters: bytes, place: str) -> tuple[str, list[str]]:
    """The sequence of one chain in upper case and notes for the user.

    letters: UTF-8 without blanks and line breaks. place: "file, record n (header)". Raises InputError that names place,
    position (from 1) and character for anything that is no residue, for a ':' (it joins chains), for an empty sequence
    and for one without any of the 20 amino acids, whose structure would have no atoms.
    """
    notes = []
    sequence = letters.upper()
    if sequence.endswith(b"*"):
        sequence = sequence[:-1]
        notes.append(f"{place}: the '*' at the end is dropped")
    if not sequence:
        raise InputError(f"{place}: the sequence is empty; remove it or give it residues")
    if CHAIN_BREAK.encode() in sequence:
        raise InputError(f"{place}: ':' joins the chains of a complex, and one chain is expected here")
    illegal = _ILLEGAL.search(sequence)
    if illegal:
        index = illegal.start()  # all before it is ASCII: bytes are characters
        character = character_at(letters, index)
        raise InputError(f"{place}, position {index + 1}: {character} is no amino acid; {_remedy(sequence[index])}")
    kinds = set(sequence)
    unusual = sorted(map(chr, kinds & _UNUSUAL_CODES))
    if len(unusual) == len(kinds):
        raise InputError(
            f"{place}: has none of the 20 amino acids, only {', '.join(unusual)}; nothing can be predicted, correct or "
            "remove it"
        )
    if unusual:
        notes.append(f"{place}: {', '.join(unusual)} searched as given, and unknown (X, UNK) in the structure")
    if kinds <= _NUCLEOTIDE_CODES:
        notes.append(f"{place}: {_CAUTION}")
    return sequence.decode("ascii"), notes


def nucleotide_caution(sequence: str) -> str | None:
    """What to say of a sequence in upper case with a chain that has no letters but those of DNA and RNA; None for
    others."""
    return _CAUTION if any(_NUCLEOTIDES.issuperset(chain) for chain in sequence.split(CHAIN_BREAK)) else None


def _remedy(letter: int) -> str:
    if letter == ord("*"):
        return "a stop codon inside the sequence; cut the sequence there or correct it"
    if letter in b"-.":
        return "gaps belong to alignments; give those as .a3m or .sto, or remove the gaps"
    return "correct or remove it"
