# SPDX-License-Identifier: Apache-2.0
"""Templates of chains, which share the rows of a complex's features."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from output_cases import complex_features, features

from af2cpu.formats.chain_templates import joined_names, templates_of_chains
from af2cpu.formats.features import read_features, write_features
from af2cpu.records import Features, NetworkTemplate


def _with(f: Features, names: list[bytes], texts: list[bytes]) -> Features:
    n = len(names)
    return replace(
        f,
        template_aatype=np.zeros((n, f.n_res, 22), np.float32),
        template_all_atom_positions=np.zeros((n, f.n_res, 37, 3), np.float32),
        template_all_atom_masks=np.zeros((n, f.n_res, 37), np.float32),
        template_domain_names=np.array(names),
        template_sequence=np.array(texts),
        template_sum_probs=np.zeros((n, 1), np.float32),
    )


def test_templates_go_back_to_their_chains(tmp_path: Path) -> None:
    """Also through a file; B has none in the second row, and commas are no borders."""
    rows = [[b"2q2k_A", b"my,file_B", b"2q2k_A"], [b"1abc_C", b"", b"1abc_C"]]
    f = _with(
        complex_features(["MKV", "GA", "MKV"], 1, 1), [joined_names(row) for row in rows], [b"MK--AMK-", b"-KV---KV"]
    )
    write_features(tmp_path / "features.npz", f)
    again = read_features(tmp_path / "features.npz")
    assert templates_of_chains(again) == (
        NetworkTemplate("2q2k_A", "MK-", "A"),
        NetworkTemplate("1abc_C", "-KV", "A"),
        NetworkTemplate("my,file_B", "-A", "B"),
        NetworkTemplate("2q2k_A", "MK-", "C"),
        NetworkTemplate("1abc_C", "-KV", "C"),
    )
    assert [one.name for one in templates_of_chains(f, 1)] == ["2q2k_A", "my,file_B", "2q2k_A"]


def test_templates_of_a_protein() -> None:
    f = _with(features("MKV", 2), [b"2q2k_A", b"1abc_C"], [b"M-V", b"---"])
    assert templates_of_chains(f) == (NetworkTemplate("2q2k_A", "M-V", "A"),)
    assert templates_of_chains(features("MKV", 2)) == ()


def test_rows_of_other_chains_are_refused() -> None:
    f = _with(complex_features(["MKV", "GA"], 1, 1), [b"2q2k_A"], [b"MK--A"])
    with pytest.raises(ValueError, match="not those of 2 chains"):
        templates_of_chains(f)
