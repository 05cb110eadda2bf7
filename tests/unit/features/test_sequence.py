# SPDX-License-Identifier: Apache-2.0
"""Features of the sequence alone."""

import numpy as np
import pytest

from af2cpu.errors import InputError
from af2cpu.features.sequence import sequence_features


def test_every_array_by_hand() -> None:
    features = sequence_features("AVXU", "a protein")
    assert features["aatype"].argmax(1).tolist() == [0, 19, 20, 20]
    assert (features["aatype"].sum(1) == 1).all()
    assert features["residue_index"].tolist() == [0, 1, 2, 3]
    assert features["seq_length"].tolist() == [4] * 4
    assert features["between_segment_residues"].tolist() == [0] * 4
    assert features["sequence"].tolist() == [b"AVXU"]
    assert features["domain_name"].tolist() == [b"a protein"]


@pytest.mark.parametrize("sequence", ["", "ACa", "AC-", "A C", "AÄ"])
def test_other_letters_are_refused(sequence: str) -> None:
    with pytest.raises(InputError):
        sequence_features(sequence, "")


def test_arrays_need_no_pickle() -> None:
    assert all(array.dtype != np.object_ for array in sequence_features("ACD", "ü").values())
