# SPDX-License-Identifier: Apache-2.0
"""af2cpu: AlphaFold 2 protein structure prediction on ordinary CPUs.

- `predict`: whole runs, from sequences in files to ranked structures, as `af2cpu predict`.
- `load_model`, `features_from_msa`, `read_features`: a network, and its input from an alignment in memory or from the
  features.npz of a run; `Model.predict` makes a `Prediction` of them.
- `Prediction`: arrays, scores, `to_pdb`, `to_cif`, `save`, `tm_score`, `rmsd`.

docs/python.md has examples.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from af2cpu.api.features import features_from_msa
    from af2cpu.api.model import Model, load_model
    from af2cpu.api.predict import predict
    from af2cpu.errors import InputError
    from af2cpu.formats.features import read_features
    from af2cpu.pipeline.run import Outcome
    from af2cpu.prediction import Prediction
    from af2cpu.records import Features, ProcessedFeatures
    from af2cpu.version import __version__

__all__ = [
    "Features",
    "InputError",
    "Model",
    "Outcome",
    "Prediction",
    "ProcessedFeatures",
    "__version__",
    "features_from_msa",
    "load_model",
    "predict",
    "read_features",
]

_HOMES = {
    "features_from_msa": "af2cpu.api.features",
    "load_model": "af2cpu.api.model",
    "Model": "af2cpu.api.model",
    "predict": "af2cpu.api.predict",
    "read_features": "af2cpu.formats.features",
    "InputError": "af2cpu.errors",
    "Outcome": "af2cpu.pipeline.run",
    "Prediction": "af2cpu.prediction",
    "Features": "af2cpu.records",
    "ProcessedFeatures": "af2cpu.records",
    "__version__": "af2cpu.version",
}


def __getattr__(name: str) -> Any:
    """Public names load torch only when they are used: `af2cpu --help` must not wait for it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'af2cpu' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """For completion in shells and notebooks."""
    return sorted({*globals(), *__all__})
