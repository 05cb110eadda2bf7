# SPDX-License-Identifier: Apache-2.0
"""AlphaFold 2's filters of template hits, each at its limit."""

from __future__ import annotations

import numpy as np
import pytest
from feature_cases import random_sequence

from af2cpu.features.hits import SkippedHit, check_hit, entry_and_chain, query_to_hit
from af2cpu.records import TemplateHit

QUERY = random_sequence(np.random.default_rng(1), 200)


def hit(row: str, name: str = "1abc_A", aligned: int | None = None) -> TemplateHit:
    """A hit whose row (insertions in lower case) stands in the query's first columns."""
    indices, count = [], 0
    for letter in row:
        if letter == "-":
            indices.append(-1)
        else:
            indices += [] if letter.islower() else [count]
            count += 1
    columns = sum(letter.isupper() for letter in row)
    return TemplateHit(
        1, name, columns if aligned is None else aligned, None, QUERY, row.upper(), tuple(range(200)), tuple(indices)
    )


def passes(tested: TemplateHit) -> bool:
    try:
        check_hit(tested, QUERY)
    except SkippedHit:
        return False
    return True


def test_aligned_share() -> None:
    assert not passes(hit("W" * 20))
    assert passes(hit("W" * 21))


def test_copies_of_the_query() -> None:
    assert not passes(hit(QUERY))
    assert not passes(hit(QUERY[5:-4]))  # 191 of 200: more than 95 %
    assert passes(hit(QUERY[5:-5]))  # 190
    changed = "W" if QUERY[100] != "W" else "Y"
    assert passes(hit(QUERY[:100] + changed + QUERY[101:]))


def test_short_templates() -> None:
    assert not passes(hit("W" * 9, aligned=50))
    assert passes(hit("W" * 10, aligned=50))


@pytest.mark.parametrize(
    ("name", "expected"), [("1ABC_A", ("1abc", "A")), ("2xyz_aB1", ("2xyz", "aB1")), ("3xyz_.", ("3xyz", "."))]
)
def test_names(name: str, expected: tuple[str, str]) -> None:
    assert entry_and_chain(hit("WWW", name)) == expected


@pytest.mark.parametrize("name", ["1abc", "1ab_A", "", "../etc_A", "1abc_-"])
def test_other_names_are_skipped(name: str) -> None:
    with pytest.raises(SkippedHit):
        entry_and_chain(hit("WWW", name))


def test_pairs_skip_gaps_and_insertions() -> None:
    assert query_to_hit(hit("--WYkkW-Y"), QUERY) == {2: 0, 3: 1, 4: 4, 6: 5}
