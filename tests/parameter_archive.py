# SPDX-License-Identifier: Apache-2.0
"""A tar in the manner of DeepMind's, with the parameters of the `tiny` network among others."""

from __future__ import annotations

import io
import tarfile
from functools import cache

import numpy as np

from af2cpu.model.config import model_config
from af2cpu.weights.synthetic import synthetic_parameters

NAME = "params_tiny.npz"
LICENCE = b"Attribution 4.0 International\n" * 600
OTHER = bytes(range(256)) * 8000  # a model that nobody asks for


@cache
def tiny_npz(seed: int = 0) -> bytes:
    """A parameter file of the `tiny` network."""
    return npz(synthetic_parameters(model_config("tiny"), seed))


def npz(arrays: dict[str, np.ndarray]) -> bytes:
    """A flat npz, not compressed."""
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def tar_of(members: dict[str, bytes], **changes: object) -> bytes:
    """A tar; `changes` are set in the header of params_tiny.npz."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            if name.endswith(NAME):
                for field, value in changes.items():
                    setattr(info, field, value)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def archive(content: bytes | None = None) -> bytes:
    """The usual one: another model, ours, one more, the licence."""
    ours = tiny_npz() if content is None else content
    return tar_of({"params_model_1.npz": OTHER, NAME: ours, "params_model_2.npz": OTHER, "LICENSE": LICENCE})
