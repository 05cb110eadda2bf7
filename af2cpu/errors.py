"""The error classes that the command line turns into one line and an exit code."""

from __future__ import annotations


class InputError(ValueError):
    """Something the user gave can't be used: the message is one line that names file, place and remedy. Exit code 2.

    Line breaks and other characters that can't be printed (from headers, paths that are not UTF-8) are escaped.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__("".join(c if c.isprintable() else _escaped(c) for c in str(message)))


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class DatabaseError(InputError):
    """A sequence database is missing, broken or no longer what was indexed. Exit code 2."""


class ParameterError(InputError):
    """A parameter file can't be used for the model. Exit code 2."""


class DownloadError(InputError):
    """A file could not be fetched: the server, the line, the disk, or what came. Exit code 2."""
