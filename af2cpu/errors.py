"""The error classes that the command line turns into one line and an exit code."""

from __future__ import annotations


class InputError(ValueError):
    """Something the user gave can't be used: the message is one line that names file, place and remedy. Exit code 2."""


class DatabaseError(InputError):
    """A sequence database is missing, broken or no longer what was indexed. Exit code 2."""


class ParameterError(InputError):
    """A parameter file can't be used for the model. Exit code 2."""


class DownloadError(InputError):
    """A file could not be fetched: the server, the line, the disk, or what came. Exit code 2."""
