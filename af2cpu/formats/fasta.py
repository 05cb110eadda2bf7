"""FASTA as a stream of records. The letters are taken as they are: who reads knows what is legal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from af2cpu.errors import InputError
from af2cpu.formats.streams import Source, name_of, open_bytes

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class FastaRecord:
    """One record: its number in the file (from 1), the header without '>', the letters without line breaks."""

    number: int
    header: str
    letters: bytes  # as in the file; blanks, tabs, line breaks and NUL are removed


def read_fasta(source: Source) -> Iterator[FastaRecord]:
    """Records in file order. Lines before the first '>' that are blank or start with '#' or ';' are passed over.

    A byte-order mark and CRLF are accepted; headers that are not UTF-8 get replacement characters.
    Raises InputError where the file is empty, binary, or has letters before its first header.
    """
    name = name_of(source)
    header: bytes | None = None
    lines: list[bytes] = []
    number = 0
    with open_bytes(source) as stream:
        for line_number, raw in enumerate(stream, start=1):
            line = raw.removeprefix(_BOM) if line_number == 1 else raw
            if line.startswith(b"\0") and header is not None:
                line = line.lstrip(b"\0")  # MMseqs2's servers put NUL between the alignments of one file
            if line.startswith(b">"):
                if header is not None:
                    yield _record(number, header, lines)
                header, lines, number = line[1:], [], number + 1
            elif header is not None:
                lines.append(line)
            elif line.strip() and not line.startswith((b"#", b";")):
                raise InputError(_before_header(name, line_number, line))
    if header is None:
        raise InputError(f"{name}: holds no sequence; a FASTA record starts with a line '>name'")
    yield _record(number, header, lines)


def _record(number: int, header: bytes, lines: list[bytes]) -> FastaRecord:
    letters = b"".join(lines).translate(None, b" \t\r\n\v\f\0")
    return FastaRecord(number, header.decode("utf-8", "replace").strip(" \t\r\n\0"), letters)


def _before_header(name: str, line_number: int, line: bytes) -> str:
    if any(byte < 9 or 13 < byte < 32 for byte in line[:4096]) or "\ufffd" in line[:4096].decode(errors="replace"):
        return f"{name}: is a binary file, not text; give FASTA, a3m, Stockholm or CSV"
    return f"{name}, line {line_number}: text before the first header; put a line '>name' before each sequence"
