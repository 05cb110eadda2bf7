# SPDX-License-Identifier: Apache-2.0
"""FASTA as a stream of records. Letters are not checked here: each reader knows which are legal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from af2cpu.errors import InputError
from af2cpu.formats.streams import BOM, MAX_LINE, Source, lines, name_of, open_bytes

_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class FastaRecord:
    """One record: its number in the file (from 1), the header without '>', the letters without line breaks."""

    number: int
    header: str
    letters: bytes  # as in the file; blanks, tabs and line breaks are removed


def read_fasta(source: Source, comments: list[bytes] | None = None) -> Iterator[FastaRecord]:
    """Records in file order. Lines before the first '>' that are blank or start with '#' or ';' are comments.

    Comments are appended to `comments`, complete when the first record is returned. A byte-order mark and any kind of
    line end are accepted; headers that are not UTF-8 get replacement characters.
    Raises InputError where the file is empty, binary, has letters before its first header, or a record of more bytes
    than a line may have.
    """
    name = name_of(source)
    header: bytes | None = None
    letters: list[bytes] = []
    number = size = 0
    with open_bytes(source) as stream:
        for line_number, raw in enumerate(lines(stream), start=1):
            line = raw.removeprefix(BOM) if line_number == 1 else raw
            if line.startswith(b"\0") and header is not None:
                line = line.lstrip(b"\0")  # MMseqs2's servers put NUL between the alignments of one file
            if line.startswith(b">"):
                if header is not None:
                    yield _record(number, header, letters)
                header, letters, number, size = line[1:], [], number + 1, 0
            elif header is not None:
                letters.append(line)
                size += len(line)
                if size > MAX_LINE:
                    raise InputError(_too_long(name, number, header))
            elif line.strip() and not line.startswith((b"#", b";")):
                raise InputError(_before_header(name, line_number, line))
            elif comments is not None:
                comments.append(line.strip())
    if header is None:
        raise InputError(f"{name}: holds no sequence; a FASTA record starts with a line '>name'")
    yield _record(number, header, letters)


def _record(number: int, header: bytes, letters: list[bytes]) -> FastaRecord:
    joined = b"".join(letters).translate(None, b" \t\r\n\v\f")
    return FastaRecord(number, header.decode("utf-8", "replace").strip(" \t\r\n\0"), joined)


def _too_long(name: str, number: int, header: bytes) -> str:
    label = header[:60].decode("utf-8", "replace").strip()
    return f"{name}, record {number} ({label}): has over {MAX_LINE >> 20} MB of letters, which no protein has"


def _before_header(name: str, line_number: int, line: bytes) -> str:
    if line_number == 1 and line.startswith(_UTF16_BOMS):
        return f"{name}: is text in UTF-16; save it as plain text or UTF-8"
    if any(byte < 9 or 13 < byte < 32 for byte in line[:4096]) or "\ufffd" in line[:4096].decode(errors="replace"):
        return f"{name}: is a binary file, not text; give FASTA, a3m, Stockholm or CSV"
    return f"{name}, line {line_number}: text before the first header; put a line '>name' before each sequence"
