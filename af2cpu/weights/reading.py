# SPDX-License-Identifier: Apache-2.0
"""Reading a model's parameter file. Needs no PyTorch, which can be imported meanwhile."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path

import numpy as np

from af2cpu.errors import ParameterError
from af2cpu.weights.npz import read_arrays
from af2cpu.weights.receipts import check_receipt
from af2cpu.weights.source import FLOAT32, is_synthetic, parameter_file

_HEADERS = 1 << 20  # bytes that the headers of all arrays take at the most

Arrays = dict[str, np.ndarray]  # by DeepMind's names


def read_file(source: str | Path, model: str, n_parameters: int) -> Arrays:
    """The arrays of a parameter file, or of `demo`, of a model that has so many numbers.

    Raises ParameterError for a file that cannot be read, is no longer what its receipt says, or unpacks to far more,
    naming the file and what to do.
    """
    path = parameter_file(source, model)
    if not path.is_file():
        raise ParameterError(f"{path}: no such parameter file. Give a params_model_*.npz, demo, or synthetic:SEED")
    check_receipt(path)
    return dict(read_arrays(path, most_bytes(n_parameters)))


def most_bytes(n_parameters: int) -> int:
    """What the arrays of a file may take: twice the numbers in float32, so that wrong types can be told."""
    return 2 * FLOAT32 * n_parameters + _HEADERS


def read_ahead(source: str, model: str, n_parameters: int) -> Future[Arrays] | None:
    """`read_file` in a thread, which ends with the process. None for synthetic parameters, which are not read."""
    if is_synthetic(source):
        return None
    found: Future[Arrays] = Future()

    def read() -> None:
        try:
            found.set_result(read_file(source, model, n_parameters))
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=read, daemon=True, name="parameters").start()
    return found
