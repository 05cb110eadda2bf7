# SPDX-License-Identifier: Apache-2.0
"""HMMER's thresholds as AlphaFold 2 sets them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Thresholds:
    """HMMER's reporting (E), inclusion (incE, incdomE) and filter (F1-F3) settings, by HMMER's names."""

    E: float
    incE: float  # noqa: N815
    domE: float  # noqa: N815
    incdomE: float  # noqa: N815
    F1: float
    F2: float
    F3: float


JACKHMMER = Thresholds(E=1e-4, incE=1e-4, domE=10.0, incdomE=1e-3, F1=5e-4, F2=5e-5, F3=5e-7)
HMMSEARCH = Thresholds(E=100.0, incE=100.0, domE=100.0, incdomE=100.0, F1=0.1, F2=0.1, F3=0.1)
