# SPDX-License-Identifier: Apache-2.0
"""The reference: ColabFold's fork of AlphaFold 2.3, whose data pipeline needs neither TensorFlow nor binaries."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def af2() -> SimpleNamespace:
    """The reference's modules `parsers`, `pipeline`, `templates`, `mmcif_parsing`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the reference's own dependencies
        pytest.importorskip("alphafold.data.pipeline", reason="the reference package is not installed")
        from alphafold.data import mmcif_parsing, parsers, pipeline, templates
    return SimpleNamespace(parsers=parsers, pipeline=pipeline, templates=templates, mmcif_parsing=mmcif_parsing)
