# SPDX-License-Identifier: Apache-2.0
"""Text of users in files of ours."""

from __future__ import annotations

import re

LONGEST = 500  # characters of a description; headers of databases run to thousands


def plain(text: str | None) -> str:
    """`text` on one line of printable ASCII, as mmCIF and PDB allow; what is outside becomes '?'. Long text is cut."""
    one_line = " ".join((text or "").split())
    ascii_only = re.sub(r"[^ -~]", "?", one_line)
    return ascii_only if len(ascii_only) <= LONGEST else ascii_only[: LONGEST - 3] + "..."
