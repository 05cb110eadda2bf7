"""Two whole models in their published size: 48 blocks, full MSA. `make parity` has all ten, with more residues."""

from __future__ import annotations

import pytest

from af2cpu.model.config import model_config
from af2cpu.validate.compare import compare
from af2cpu.validate.synthetic import synthetic_features


@pytest.mark.full_size
@pytest.mark.parametrize("name", ["model_1_ptm", "model_3"])
def test_whole_model(name: str) -> None:
    features = [synthetic_features(model_config(name), 24)]
    result = compare(name, "synthetic:0", features, modules=False)
    assert [row for row in result.rows if not row.passed] == []
    assert {"representations pair", "atom positions", "pLDDT"} <= {row.name for row in result.rows}
