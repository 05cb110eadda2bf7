# SPDX-License-Identifier: Apache-2.0
"""Pauses Python's cyclic garbage collector while many objects are made that stay: it walks them again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Within this block objects are freed by their reference counts only."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
