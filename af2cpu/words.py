# SPDX-License-Identifier: Apache-2.0
"""Numbers in words, for people, and text of strangers made fit to be shown."""

from __future__ import annotations

import re

# Control characters but for tabs and line breaks, and signs that turn the direction of writing.
_UNSHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_UNITS = ((86_400, "days"), (3600, "h"), (60, "min"), (1, "s"))


def counted(number: int, one: str, more: str | None = None) -> str:
    """Such as 1 residue, 2,000 residues; more: the plural, if it is not `one` with an s."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def duration(seconds: float) -> str:
    """An estimate, such as 12 s, 3 min, 2 days; at least two of a unit."""
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= 2 * size), _UNITS[-1])
    return f"{seconds / size:,.0f} {unit}"


def shown(text: str) -> str:
    """Text with control characters as escapes, such as \\x1b: a terminal or a page must not obey a header."""
    return _UNSHOWN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
