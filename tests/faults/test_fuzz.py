# SPDX-License-Identifier: Apache-2.0
"""Fuzzing: whatever a stranger's file holds, it is read or refused by our own error, in one line."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutants import KINDS, LENGTHS, WORDS, Edit, edited
from stranger import Stranger, outcome
from strangers import STRANGERS, stranger

SHARES = st.floats(0, 1, exclude_max=True, allow_subnormal=False)
EDITS = st.lists(
    st.builds(
        Edit,
        kind=st.integers(0, KINDS - 1),
        place=SHARES,
        other=SHARES,
        length=st.sampled_from(LENGTHS),
        word=st.sampled_from(WORDS) | st.binary(max_size=12),
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module", params=STRANGERS)
def kind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stranger:
    found = stranger(request.param, tmp_path_factory.mktemp("made"))
    if found is None:
        pytest.skip("no native kernels in this installation")
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.mark.fault("foreign exceptions")
def test_a_valid_file_is_read(kind: Stranger, folder: Path) -> None:
    """Else its mutants would be refused for another reason."""
    assert outcome(kind, folder, kind.content) == "read"


@pytest.mark.fault("foreign exceptions")
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(edits=EDITS, where=st.integers(0, 1000))
def test_a_damaged_file_is_read_or_refused(kind: Stranger, folder: Path, edits: list[Edit], where: int) -> None:
    outcome(kind, folder, kind.damaged(edits, where))


@pytest.mark.fault("foreign exceptions")
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(content=st.binary(max_size=2000))
@pytest.mark.parametrize("name", ["FASTA", "a3m", "Stockholm", "CSV", "structure, mmCIF", "settings, TOML"])
def test_any_bytes_are_read_or_refused(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        found = stranger(name, Path(place))
        assert found is not None
        outcome(found, Path(place), content)


def test_an_edit_is_seen() -> None:
    """Each kind of harm changes a file."""
    text = b"one two, three:four\nfive six\n"
    for kind in range(KINDS):
        assert edited(text, [Edit(kind, 0.4, 0.7, 2, b"XX")]) != text, kind
