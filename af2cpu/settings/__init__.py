# SPDX-License-Identifier: Apache-2.0
"""The settings of a run: the fields, and how they are read from flags, AF2CPU_* variables and a TOML file.

The command line's options (commands/options.py), the variables, the keys of the file, the keywords of `af2cpu.predict`
and docs/settings.md all follow from the fields of RunSettings.
"""

from af2cpu.settings.describe import NAMES, OTHER_VARIABLES, PREFIX, Setting, flag_of, names_in, setting, variable_of
from af2cpu.settings.fields import (
    BATCH,
    DEMO_MODELS,
    GROUPS,
    INPUT,
    MAX_RECYCLES,
    MULTIMER_MODELS,
    NETWORK,
    OUTPUT,
    PTM_MODELS,
    RUN,
    RunSettings,
    default_models,
    parts_of,
)
from af2cpu.settings.load import load_settings

__all__ = [
    "BATCH",
    "DEMO_MODELS",
    "GROUPS",
    "INPUT",
    "MAX_RECYCLES",
    "MULTIMER_MODELS",
    "NAMES",
    "NETWORK",
    "OTHER_VARIABLES",
    "OUTPUT",
    "PREFIX",
    "PTM_MODELS",
    "RUN",
    "RunSettings",
    "Setting",
    "default_models",
    "flag_of",
    "load_settings",
    "names_in",
    "parts_of",
    "setting",
    "variable_of",
]
