# SPDX-License-Identifier: Apache-2.0
"""Receipts: a file that was downloaded is trusted, read again, or refused; the user's own file needs none."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from parameter_archive import NAME, tiny_npz

from af2cpu.errors import ParameterError
from af2cpu.model.config import model_config
from af2cpu.weights import receipts
from af2cpu.weights.load import read_parameters
from af2cpu.weights.receipts import Receipt, check_receipt, read_receipt, receipt_path, sha256_of, write_receipt


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A parameter file with its receipt."""
    path = tmp_path / NAME
    path.write_bytes(tiny_npz())
    status = path.stat()
    known = Receipt(
        "tiny", sha256_of(path), status.st_size, status.st_mtime_ns, 338, "http://x", "", "CC BY 4.0", "now"
    )
    write_receipt(path, known)
    return path


def load(path: Path) -> dict[str, np.ndarray]:
    return read_parameters(path, model_config("tiny"))


def refuse_to_read(path: Path) -> str:
    raise AssertionError(f"{path} is read")


def test_an_untouched_file_is_not_read_twice(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "sha256_of", refuse_to_read)
    assert len(load(path)) == 338
    os.utime(path, (1, 1))
    with pytest.raises(AssertionError, match="is read"):
        load(path)


def test_a_copy_loads_by_its_content(path: Path) -> None:
    os.utime(path, (1, 1))
    before = receipt_path(path).read_bytes()
    assert len(load(path)) == 338
    assert receipt_path(path).read_bytes() == before  # a load writes nothing


def test_another_file_in_its_place_is_refused(path: Path) -> None:
    path.write_bytes(tiny_npz(seed=1))  # whole, of the same size, with right checksums of its own
    os.utime(path, (1, 1))
    with pytest.raises(
        ParameterError, match=r"has other bytes \(SHA-256\) .*af2cpu params download --models tiny"
    ) as e:
        load(path)
    assert "\n" not in str(e.value)


def test_a_cut_off_file_is_refused_by_its_size(path: Path) -> None:
    path.write_bytes(tiny_npz()[:-1000])
    with pytest.raises(ParameterError, match=r"has 823,428 bytes and had 824,428 when it was downloaded"):
        load(path)


def test_thoroughly_means_that_all_bytes_are_read(path: Path) -> None:
    status = path.stat()
    content = bytearray(tiny_npz())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert check_receipt(path) == read_receipt(path)  # what size and time of change can't tell
    with pytest.raises(ParameterError, match="other bytes"):
        check_receipt(path, thoroughly=True)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 9}', "\x00"])
def test_a_damaged_receipt_is_named(path: Path, text: str) -> None:
    receipt_path(path).write_text(text)
    with pytest.raises(ParameterError, match=r"params_tiny\.npz\.receipt\.json: the receipt can't be read .*remove it"):
        load(path)


def test_without_a_receipt_a_file_is_the_users_own(path: Path) -> None:
    receipt_path(path).unlink()
    path.write_bytes(tiny_npz(seed=1))
    assert len(load(path)) == 338
