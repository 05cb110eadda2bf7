# SPDX-License-Identifier: Apache-2.0
"""Loaded first, and only, by the process that worker processes are forked from: importing it puts its hook in place.

Importing it also stops the cyclic garbage collector, until a worker process starts it again: what is imported stays,
and looking at all of it again and again took a fifth of the time of the imports.
"""

from __future__ import annotations

import gc
import sys
from types import TracebackType

_before = sys.excepthook


def _unless_the_run_has_ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """No traceback of a worker process whose run ends while it is forked.

    What it inherits from the run then breaks off (EOFError), or names a semaphore that went with the run.
    """
    if not isinstance(error, EOFError | FileNotFoundError):
        _before(kind, error, trace)


gc.disable()
sys.excepthook = _unless_the_run_has_ended
