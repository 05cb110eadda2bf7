# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the names of the arrays in a parameter file, in words. Needs no PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ml_collections import ConfigDict

from af2cpu.model.config import OFFICIAL_MODELS, model_config
from af2cpu.weights.names import ROOT, parameter_table

_MAX_LISTED = 12


def name_problems(names: Iterable[str], config: ConfigDict) -> list[str]:
    """The arrays that a file for a model lacks or has besides, and for which published models it is."""
    given, table = list(names), parameter_table(config)
    missing = [short_name(name) for name in table if name not in set(given)]
    surplus = [short_name(name) for name in given if name not in table]
    problems = []
    if (missing or surplus) and (others := _models_with(given)):
        problems.append(f"the file is for {' or '.join(others)}: give it with --model {others[0]}")
    problems += [f"missing: {listed(missing)}"] if missing else []
    return problems + ([f"surplus: {listed(surplus)}"] if surplus else [])


def short_name(name: str) -> str:
    """The name of an array without what all of them begin with."""
    return name.removeprefix(f"{ROOT}/")


def listed(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(names) - _MAX_LISTED
    return ", ".join(names[:_MAX_LISTED]) + (f" and {more} more" if more > 0 else "")


def _models_with(names: Iterable[str]) -> list[str]:
    """The published models whose files hold arrays of exactly these names."""
    names = set(names)
    return [model for model in OFFICIAL_MODELS if set(parameter_table(model_config(model))) == names]
