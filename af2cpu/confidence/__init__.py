"""From predictions to their ranking."""

from af2cpu.confidence.categories import categories
from af2cpu.confidence.ranking import confidence_of, rank

__all__ = ["categories", "confidence_of", "rank"]
