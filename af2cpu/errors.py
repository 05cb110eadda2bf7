"""Errors that are the user's to mend. The command line prints them as one line and exits with code 2."""

from __future__ import annotations


class InputError(ValueError):
    """Something that was given cannot be used: the message names the file, the place and the remedy."""


class ParameterError(InputError):
    """A parameter file cannot be used for the model."""
