"""How many cores this process may use."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Cores by the process's affinity (batch systems set it), or all of the machine where there is no such thing."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
