# SPDX-License-Identifier: Apache-2.0
"""The error classes that the command line turns into one line and an exit code."""

from __future__ import annotations

import os


class InputError(ValueError):
    """Something the user gave can't be used: the message is one line that names file, place and remedy. Exit code 2.

    Line breaks and other characters that can't be printed (from headers, paths that are not UTF-8) are escaped.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__("".join(c if c.isprintable() else _escaped(c) for c in str(message)))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def is_foreseen(error: BaseException) -> bool:
    """Whether an exception tells of the user's files or of the machine, and not of a fault of the program."""
    return isinstance(error, InputError | OSError) or is_lack_of_memory(error)


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether memory did not suffice; PyTorch has no exception class for that."""
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))


def in_words(error: BaseException) -> str:
    """An exception as one line: an error of the system with its paths, an unexpected one with its class."""
    if isinstance(error, OSError) and error.strerror is not None:
        paths = " to ".join(
            os.fsdecode(path) for path in (error.filename, error.filename2) if isinstance(path, str | bytes)
        )
        return f"{paths}: {error.strerror}" if paths else error.strerror
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else ""
    if is_lack_of_memory(error):
        return f"not enough memory{f': {text}' if text else ''}; lower --max-msa, or cut the sequence"
    if isinstance(error, InputError | OSError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class DatabaseError(InputError):
    """A sequence database is missing, broken or no longer what was indexed. Exit code 2."""


class ProgramError(InputError):
    """An optional program is missing, died, or left no result. Exit code 2."""


class ParameterError(InputError):
    """A parameter file can't be used for the model. Exit code 2."""


class SharedError(InputError):
    """What concerns all artefacts that are made together: they are not tried again one by one. Exit code 2."""


class ServerError(SharedError):
    """An MSA server can't be reached, refuses, or answers what is no answer. Exit code 2."""


class DownloadError(InputError):
    """A file could not be fetched: the server, the connection, the disk, or damaged data. Exit code 2."""
