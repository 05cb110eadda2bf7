# SPDX-License-Identifier: Apache-2.0
"""Relaxation in a molecular force field, AlphaFold 2's protocol (supplement 1.8.6). OpenMM loads when it is used."""

from __future__ import annotations

from af2cpu.relax.rounds import relax
from af2cpu.relax.settings import RelaxSettings, relax_settings

__all__ = ["RelaxSettings", "relax", "relax_settings"]
