# SPDX-License-Identifier: Apache-2.0
"""Counts a stretch of FASTA: records, residues, illegal characters, records that are too long for HMMER."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from af2cpu.formats.characters import character_at

MAX_TARGET = 100_000  # residues; HMMER's pipeline takes no longer target

_RESIDUE, _BLANK, _ILLEGAL = 1, 0, 2
_CLASS = np.full(256, _ILLEGAL, np.uint8)
_CLASS[[ord(letter) for letter in " \t\r\n"]] = _BLANK
for _letter in b"ABCDEFGHIJKLMNOPQRSTUVWXYZ":
    _CLASS[[_letter, _letter + 32]] = _RESIDUE
_CLASS[ord("*")] = _RESIDUE  # HMMER counts it as one

_NEWLINE, _RETURN, _GREATER = ord("\n"), ord("\r"), ord(">")


class BadRecord(ValueError):  # noqa: N818 - the name says what is bad
    """A record that HMMER would not read: `record` from 0 in the stretch (-1: before the first), its header, the fault
    and its remedy."""

    def __init__(self, record: int, header: str, reason: str, remedy: str | None = None) -> None:
        super().__init__(reason)
        self.record, self.header, self.reason = record, header, reason
        self.remedy = remedy or "the file is damaged or no protein FASTA, repair it or fetch it again"


@dataclass(frozen=True)
class Skipped:
    """A record over MAX_TARGET residues, which no search sees."""

    offset: int  # bytes, within its shard
    length: int  # bytes
    n_res: int
    name: str


@dataclass(frozen=True)
class Scan:
    """Counts of a stretch of FASTA that starts at a record and ends where another may start."""

    n_seq: int  # without the skipped
    n_res: int  # without the skipped
    hash: str  # blake2b, 16 bytes, of the bytes
    skipped: tuple[Skipped, ...]


def scan(data: bytes) -> Scan:
    """Counts the records and residues of `data`. Raises BadRecord for what HMMER would not read."""
    text = np.frombuffer(data, np.uint8)
    line_ends = np.flatnonzero(text == _NEWLINE) + 1
    if not line_ends.size or line_ends[-1] != text.size:
        line_ends = np.append(line_ends, text.size)
    line_starts = np.concatenate(([0], line_ends[:-1]))
    is_header = text[line_starts] == _GREATER
    kinds = _CLASS[text]
    headers = np.flatnonzero(is_header)
    in_header = np.repeat(is_header, line_ends - line_starts)
    kinds[in_header] = _BLANK
    record_starts = line_starts[headers]
    if b"\r" in data:
        _check_line_ends(data, text, in_header, record_starts)
    illegal = kinds == _ILLEGAL
    if illegal.any():
        _raise_illegal(data, int(illegal.argmax()), record_starts)
    before = kinds[: record_starts[0]] if headers.size else kinds
    if before.any():
        _raise_illegal(data, int(before.argmax()), record_starts)
    _check_names(data, text, record_starts)
    skipped = _too_long(data, kinds, record_starts)
    return Scan(
        n_seq=len(headers) - len(skipped),
        n_res=int(np.count_nonzero(kinds)) - sum(record.n_res for record in skipped),
        hash=hashlib.blake2b(data, digest_size=16).hexdigest(),
        skipped=skipped,
    )


def _check_line_ends(data: bytes, text: np.ndarray, in_header: np.ndarray, record_starts: np.ndarray) -> None:
    """Raises BadRecord for a header with CR inside: HMMER ends the header there and reads residues after it."""
    after = np.append(text[1:], _NEWLINE)
    inside = (text == _RETURN) & in_header & (after != _NEWLINE) & (after != _RETURN)
    if inside.any():
        remedy = "convert them to LF or CRLF, such as with tr '\\r' '\\n'"
        raise _bad_record(data, int(inside.argmax()), record_starts, "lines end with CR alone", remedy)


def _raise_illegal(data: bytes, place: int, record_starts: np.ndarray) -> None:
    raise _bad_record(data, place, record_starts, f"{character_at(data, place)} is no residue")


def _bad_record(
    data: bytes, place: int, record_starts: np.ndarray, reason: str, remedy: str | None = None
) -> BadRecord:
    """The fault of the record that holds byte `place`."""
    record = int(np.searchsorted(record_starts, place, side="right")) - 1
    words: list[bytes] = []
    if record >= 0:
        words = data[int(record_starts[record]) + 1 :].splitlines()[:1]
    return BadRecord(record, b"".join(words).decode("utf-8", "replace").strip(), reason, remedy)


def _check_names(data: bytes, text: np.ndarray, record_starts: np.ndarray) -> None:
    after = text[np.minimum(record_starts + 1, text.size - 1)]
    for record in np.flatnonzero((_CLASS[after] == _BLANK) | (record_starts + 1 == text.size)):
        start = int(record_starts[record])
        end = data.find(b"\n", start)
        if not data[start + 1 : end if end >= 0 else None].strip():
            raise BadRecord(int(record), "", "the record has no name")


def _too_long(data: bytes, kinds: np.ndarray, record_starts: np.ndarray) -> tuple[Skipped, ...]:
    ends = np.append(record_starts[1:], len(data))
    found = []
    for i in np.flatnonzero(ends - record_starts > MAX_TARGET):
        start, end = int(record_starts[i]), int(ends[i])
        n_res = int(np.count_nonzero(kinds[start:end]))
        if n_res > MAX_TARGET:
            words = data[start + 1 : start + 200].split(maxsplit=1)
            found.append(Skipped(start, end - start, n_res, words[0].decode("utf-8", "replace") if words else ""))
    return tuple(found)
