# SPDX-License-Identifier: Apache-2.0
"""Loaded first by the process that worker processes are forked from: importing it puts its hook in place."""

from __future__ import annotations

import sys
from types import TracebackType

_before = sys.excepthook


def _unless_the_run_has_ended(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """No traceback of a worker process whose run ends while it is forked.

    What it inherits from the run then breaks off (EOFError), or names a semaphore that went with the run.
    """
    if not isinstance(error, EOFError | FileNotFoundError):
        _before(kind, error, trace)


sys.excepthook = _unless_the_run_has_ended
