"""Which letters a sequence may have (CONVENTIONS: checked before anything starts)."""

from __future__ import annotations

from af2cpu.chemistry.residues import RESTYPES
from af2cpu.errors import InputError

_UNUSUAL = "BJOUXZ"  # searched as they are; X in the network's aatype
_LEGAL = frozenset((RESTYPES + _UNUSUAL).encode())


def checked_sequence(letters: bytes, place: str) -> tuple[str, list[str]]:
    """The sequence in upper case and what the user should be told about it.

    letters: without blanks and line breaks. place: "file, record n (header)". Raises InputError that names place,
    position (from 1) and letter for anything that is no residue, for a ':' (a complex), and for an empty sequence.
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
    for position, letter in enumerate(sequence, start=1):
        if letter not in _LEGAL:
            raise InputError(f"{place}, position {position}: {chr(letter)!r} is no amino acid; {_remedy(letter)}")
    unusual = sorted({chr(letter) for letter in sequence} & set(_UNUSUAL))
    if unusual:
        notes.append(f"{place}: {', '.join(unusual)} searched as given, and unknown (X, UNK) in the structure")
    return sequence.decode("ascii"), notes


def _remedy(letter: int) -> str:
    if letter == ord("*"):
        return "a stop codon inside the sequence; cut the sequence there or correct it"
    if letter in b"-.":
        return "gaps belong to alignments; give those as .a3m or .sto, or remove the gaps"
    return "correct or remove it"
