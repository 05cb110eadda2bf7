# SPDX-License-Identifier: Apache-2.0
"""Artefacts on disk: stages make them, `obtain` decides whether one is current, locks keep other runs off a target."""

from af2cpu.workspace.lock import TargetLocks
from af2cpu.workspace.obtain import Obtained, look, obtain
from af2cpu.workspace.receipts import Receipt, content_hash
from af2cpu.workspace.stage import Inputs, Stage, Work, each

__all__ = ["Inputs", "Obtained", "Receipt", "Stage", "TargetLocks", "Work", "content_hash", "each", "look", "obtain"]
