# SPDX-License-Identifier: Apache-2.0
"""Features as npz files: round trips, no pickles, nothing half written."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from feature_cases import random_features

import af2cpu.formats.features as module
from af2cpu.errors import InputError
from af2cpu.features.config import SamplingConfig
from af2cpu.features.draws import Draws
from af2cpu.formats.features import read_draws, read_features, write_draws, write_features
from af2cpu.records import Features, ProcessedFeatures


def assert_same(a, b) -> None:
    for f in fields(type(a)):
        mine, theirs = getattr(a, f.name), getattr(b, f.name)
        assert mine.dtype == theirs.dtype, f.name
        assert np.array_equal(mine, theirs), f.name


@pytest.fixture
def features() -> Features:
    return random_features(1, 30, 11)


def test_features_come_back(tmp_path: Path, features) -> None:
    write_features(tmp_path / "features.npz", features)
    assert_same(read_features(tmp_path / "features.npz"), features)
    assert [path.name for path in tmp_path.iterdir()] == ["features.npz"]


def test_draws_come_back(tmp_path: Path, features) -> None:
    draws = Draws(features, SamplingConfig(max_msa_clusters=9, max_extra_msa=7), seed=1, count=3)
    write_draws(tmp_path / "processed.npz", draws)
    again = read_draws(tmp_path / "processed.npz")
    assert len(again) == 3
    for k in range(3):
        assert_same(again[k], draws[k])
    with np.load(tmp_path / "processed.npz") as archive:
        assert archive["msa_feat"].shape == (3, 5, 11, 49)


def test_draws_without_templates_are_read(tmp_path: Path, features) -> None:
    one = Draws(features, SamplingConfig(), seed=1)[0]
    arrays = {f.name: getattr(one, f.name)[None] for f in fields(ProcessedFeatures) if "template" not in f.name}
    np.savez(tmp_path / "processed.npz", **arrays, seq_length=np.array([11]))
    assert read_draws(tmp_path / "processed.npz")[0].template_mask.shape == (0,)


@pytest.mark.fault(25)
def test_objects_are_never_loaded_or_written(tmp_path: Path, features) -> None:
    write_features(tmp_path / "a.npz", features)
    arrays = dict(np.load(tmp_path / "a.npz")) | {"sequence": np.array([b"AC"], object)}
    np.savez(tmp_path / "b.npz", **arrays)
    with pytest.raises(InputError, match=r"b\.npz"):
        read_features(tmp_path / "b.npz")
    with pytest.raises(ValueError, match="sequence"):
        write_features(tmp_path / "c.npz", Features(**arrays))
    assert not (tmp_path / "c.npz").exists()


def broken_files(path: Path, features: Features) -> dict[str, bytes]:
    write_features(path, features)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 3] ^= 0xFF
    return {"cut": whole[: len(whole) // 2], "damaged": bytes(damaged), "empty": b"", "text": b"not an archive"}


@pytest.mark.parametrize("kind", ["cut", "damaged", "empty", "text"])
@pytest.mark.parametrize("read", [read_features, read_draws])
def test_broken_files_are_refused(tmp_path: Path, features, kind: str, read) -> None:
    path = tmp_path / "features.npz"
    path.write_bytes(broken_files(path, features)[kind])
    with pytest.raises(InputError, match=r"features\.npz"):
        read(path)


@pytest.mark.parametrize("read", [read_features, read_draws])
def test_a_missing_file_is_refused(tmp_path: Path, read) -> None:
    with pytest.raises(InputError, match=r"none\.npz"):
        read(tmp_path / "none.npz")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"msa": None}, "missing msa"),
        ({"more": np.zeros(1)}, "surplus more"),
        ({"msa": np.zeros((30, 12), np.uint8)}, "shape"),
        ({"aatype": np.array(1.0)}, "shape"),
        ({"msa": np.full((30, 11), 22, np.uint8)}, "over 21"),
    ],
)
def test_foreign_arrays_are_named(tmp_path: Path, features, changes, says: str) -> None:
    write_features(tmp_path / "a.npz", features)
    arrays = {name: array for name, array in (dict(np.load(tmp_path / "a.npz")) | changes).items() if array is not None}
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=says):
        read_features(tmp_path / "a.npz")


def test_draws_that_lack_arrays_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", aatype=np.zeros((2, 5)), msa_mask=np.zeros((2, 3, 5)))
    with pytest.raises(InputError, match="msa_feat"):
        read_draws(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", aatype=np.zeros((2, 5)), msa_mask=np.zeros((3, 3, 5)))
    with pytest.raises(InputError, match="number of draws"):
        read_draws(tmp_path / "a.npz")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, features, monkeypatch) -> None:
    path = tmp_path / "features.npz"
    write_features(path, features)
    before = path.read_bytes()

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.np, "savez_compressed", full_disk)
    with pytest.raises(OSError, match="space"):
        write_features(path, features)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["features.npz"]
