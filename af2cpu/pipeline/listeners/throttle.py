# SPDX-License-Identifier: Apache-2.0
"""How often files that show the state of a run are written anew."""

from __future__ import annotations

_INTERVAL = 2.0  # seconds between two versions at least
_MAX_SHARE = 0.02  # of the run's time may go into writing them: with thousands of targets they are written less often


def pause_after(seconds: float) -> float:
    """Seconds until the next version of a file, after one that took so many to write."""
    return max(_INTERVAL, seconds / _MAX_SHARE)
