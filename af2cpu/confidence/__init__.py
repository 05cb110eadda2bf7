# SPDX-License-Identifier: Apache-2.0
"""From predictions to their ranking."""

from af2cpu.confidence.ranking import confidence_of, rank

__all__ = ["confidence_of", "rank"]
