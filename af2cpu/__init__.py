"""af2cpu: AlphaFold 2 protein structure prediction on ordinary CPUs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from af2cpu.api import load_model, predict
    from af2cpu.pipeline.run import Outcome
    from af2cpu.records import Prediction, ProcessedFeatures
    from af2cpu.version import __version__

__all__ = ["Outcome", "Prediction", "ProcessedFeatures", "__version__", "load_model", "predict"]

_HOMES = {
    "load_model": "af2cpu.api",
    "predict": "af2cpu.api",
    "Outcome": "af2cpu.pipeline.run",
    "Prediction": "af2cpu.records",
    "ProcessedFeatures": "af2cpu.records",
    "__version__": "af2cpu.version",
}


def __getattr__(name: str) -> Any:
    """Public names load torch only when they are used: `af2cpu --help` must not wait for it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'af2cpu' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
