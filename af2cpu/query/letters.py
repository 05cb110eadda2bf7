"""Which letters a sequence may have (CONVENTIONS: checked before anything starts)."""

from __future__ import annotations

import re

from af2cpu.chemistry.residues import RESTYPES
from af2cpu.errors import InputError
from af2cpu.formats.characters import character_at

_UNUSUAL = "BJOUXZ"  # searched as they are; X in the network's aatype
_NUCLEOTIDES = frozenset("ACGTUN")  # these letters are amino acids too
_ILLEGAL = re.compile(f"[^{RESTYPES}{_UNUSUAL}]".encode())


def checked_sequence(letters: bytes, place: str) -> tuple[str, list[str]]:
    """The sequence in upper case and notes for the user.

    letters: UTF-8 without blanks and line breaks. place: "file, record n (header)". Raises InputError that names place,
    position (from 1) and character for anything that is no residue, for a ':' (a complex), for an empty sequence and
    for one without any of the 20 amino acids, whose structure would have no atoms.
    """
    notes = []
    sequence = letters.upper()
    if sequence.endswith(b"*"):
        sequence = sequence[:-1]
        notes.append(f"{place}: the '*' at the end is dropped")
    if not sequence:
        raise InputError(f"{place}: the sequence is empty; remove the record or give it residues")
    if b":" in sequence:
        raise InputError(f"{place}: ':' joins the chains of a complex; complexes are not supported yet, give one chain")
    illegal = _ILLEGAL.search(sequence)
    if illegal:
        index = illegal.start()  # all before it is ASCII: bytes are characters
        character = character_at(letters, index)
        raise InputError(f"{place}, position {index + 1}: {character} is no amino acid; {_remedy(sequence[index])}")
    unusual = sorted({chr(letter) for letter in sequence} & set(_UNUSUAL))
    if len(unusual) == len(set(sequence)):
        raise InputError(
            f"{place}: has none of the 20 amino acids, only {', '.join(unusual)}; nothing can be predicted, correct or "
            "remove it"
        )
    if unusual:
        notes.append(f"{place}: {', '.join(unusual)} searched as given, and unknown (X, UNK) in the structure")
    text = sequence.decode("ascii")
    caution = nucleotide_caution(text)
    if caution:
        notes.append(f"{place}: {caution}")
    return text, notes


def nucleotide_caution(sequence: str) -> str | None:
    """What to say of a sequence in upper case that has no letters but those of DNA and RNA; None for others."""
    if not _NUCLEOTIDES.issuperset(sequence):
        return None
    return (
        "looks like DNA or RNA (no letters but A, C, G, T, U, N), and each letter is read as an amino acid; give the "
        "translated sequence if that is not meant"
    )


def _remedy(letter: int) -> str:
    if letter == ord("*"):
        return "a stop codon inside the sequence; cut the sequence there or correct it"
    if letter in b"-.":
        return "gaps belong to alignments; give those as .a3m or .sto, or remove the gaps"
    return "correct or remove it"
