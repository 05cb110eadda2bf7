# SPDX-License-Identifier: Apache-2.0
"""Two whole models in their published size: 48 blocks, one with a full MSA.

`make parity` has all ten, with more residues.
"""

from __future__ import annotations

import pytest

from af2cpu.model.config import model_config
from af2cpu.validate.compare import compare
from af2cpu.validate.synthetic import synthetic_features


@pytest.mark.full_size
@pytest.mark.parametrize(("name", "rows"), [("model_1_ptm", {}), ("model_3", {"n_seq": 100, "n_extra": 150})])
def test_whole_model(name: str, rows: dict[str, int]) -> None:
    features = [synthetic_features(model_config(name), 24, **rows)]
    result = compare(name, "synthetic:0", features, modules=False)
    assert [row for row in result.rows if not row.passed] == []
    assert {"representations pair", "atom positions", "pLDDT"} <= {row.name for row in result.rows}
