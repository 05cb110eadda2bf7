# SPDX-License-Identifier: Apache-2.0
"""Loaded by the process that worker processes are forked from: imports the libraries that predictions need."""

from __future__ import annotations

import numpy.random  # noqa: F401

import af2cpu.confidence
import af2cpu.features.draws
import af2cpu.ops.dispatch
import af2cpu.outputs.report.page
import af2cpu.outputs.report.write
import af2cpu.outputs.write
import af2cpu.weights.network  # noqa: F401 - with PyTorch and the model
from af2cpu.outputs.plots import load_matplotlib

load_matplotlib()
