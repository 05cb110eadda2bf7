# SPDX-License-Identifier: Apache-2.0
"""Hooks of mkdocs: links of a page that leave docs/ become plain text.

The pages are read in the repository too, where such a link leads to a file; the site has no file there.
tests/test_documents.py holds that the files exist.
"""

from __future__ import annotations

import re
from typing import Any

_OUTWARD = re.compile(r"(?<!!)\[([^\]]+)\]\(\.\./[^)]*\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The text of a page, with `[kernels/README.md](../kernels/README.md)` as `kernels/README.md`."""
    return _OUTWARD.sub(r"\1", markdown)
