# SPDX-License-Identifier: Apache-2.0
"""Joining alignments: order, repeated rows, names."""

from dataclasses import replace

import numpy as np
import pytest
from feature_cases import alignment

from af2cpu.errors import InputError
from af2cpu.features.msa import msa_features, row_names, species


def letters(msa: np.ndarray) -> list[str]:
    return ["".join("ACDEFGHIKLMNPQRSTVWYX-"[code] for code in row) for row in msa]


def test_databases_are_joined_in_alphafolds_order() -> None:
    given = [alignment(name, ["AC", row]) for name, row in [("own", "WW"), ("mgnify", "MM"), ("small_bfd", "SS")]]
    features = msa_features("AC", [*given, alignment("uniref90", ["AC", "YY"])])
    assert letters(features["msa"]) == ["AC", "YY", "SS", "MM", "WW"]
    assert features["num_alignments"].tolist() == [5, 5]


def test_first_occurrence_of_a_row_stays_with_its_deletions() -> None:
    first = alignment("uniref90", ["AC", "A-", "WC", "A-"], deletions=np.array([[0, 0], [0, 1], [2, 0], [0, 9]]))
    second = alignment("mgnify", ["AC", "WC", "YY"], deletions=np.array([[0, 0], [7, 7], [0, 300]]))
    features = msa_features("AC", [second, first])
    assert letters(features["msa"]) == ["AC", "A-", "WC", "YY"]
    assert features["deletion_matrix_int"].tolist() == [[0, 0], [0, 1], [2, 0], [0, 300]]
    assert features["deletion_matrix_int"].dtype == np.uint16


def test_names_are_those_of_the_rows_that_stay() -> None:
    first = replace(alignment("uniref90", ["AC", "A-", "WC", "A-"]), names=("q", "a", "b", "c"))
    second = replace(alignment("mgnify", ["AC", "WC", "YY"]), names=("q", "d", "e"))
    assert row_names([second, first]) == ["q", "a", "b", "e"]
    assert row_names([]) == []


def test_rows_are_compared_by_letter_not_by_code() -> None:
    """U and C have one code, as B and D: AlphaFold 2 compares the letters and keeps both rows."""
    rows = alignment("uniref90", ["AC", "AU", "DC", "BC", "BC"])
    assert letters(msa_features("AC", [rows])["msa"]) == ["AC", "AC", "DC", "DC"]
    assert letters(msa_features("AC", [replace(rows, row_digests=None)])["msa"]) == ["AC", "DC"]


def test_rows_without_digests_meet_rows_with() -> None:
    plain = replace(alignment("uniref90", ["AC", "WW", "-Y"]), row_digests=None)
    assert letters(msa_features("AC", [plain, alignment("mgnify", ["AC", "-Y", "AU"])])["msa"]) == [
        "AC",
        "WW",
        "-Y",
        "AC",
    ]


def test_one_alignment_without_repeats_is_not_copied() -> None:
    rows = alignment("uniref90", ["AC", "WW"])
    assert msa_features("AC", [rows])["msa"] is rows.msa


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (alignment("mgnify", ["ACD"]), "3 columns"),
        (alignment("mgnify", ["AW"]), "position 2"),
        (replace(alignment("mgnify", ["AC"]), names=()), "names"),
        (replace(alignment("mgnify", ["AC"]), msa=np.zeros((0, 2), np.uint8)), "no row"),
    ],
)
def test_alignments_that_do_not_fit_are_refused(broken, says) -> None:
    with pytest.raises(InputError, match=says) as caught:
        msa_features("AC", [alignment("uniref90", ["AC"]), broken])
    assert "mgnify" in str(caught.value)


def test_no_alignment_is_refused() -> None:
    with pytest.raises(InputError):
        msa_features("AC", [])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tr|A0A146SKV9|A0A146SKV9_FUNHE", "FUNHE"),
        ("sp|P0C2L1|A3X1_LOXLA/1-51", "LOXLA"),
        ("tr|A0A146SKV9_1|A0A146SKV9_FUNHE_3 of a fish", "FUNHE"),
        ("UniRef90_A0A141BHY3/1-51", ""),
        ("xx|A0A146SKV9|A0A146SKV9_FUNHE", ""),
        ("tr|A0A146SKV9|A0A146SKV9_FUNHEX", ""),
        ("", ""),
    ],
)
def test_species(name: str, expected: str) -> None:
    assert species(name) == expected
