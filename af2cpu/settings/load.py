# SPDX-License-Identifier: Apache-2.0
"""Reads the settings of a run from all that may give them."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from af2cpu.errors import InputError
from af2cpu.settings.describe import NAMES, OTHER_VARIABLES, PREFIX, flag_of, setting, variable_of
from af2cpu.settings.fields import RunSettings


@dataclass(frozen=True)
class _Source:
    """Values that were given in one way, and how an error message writes one of them."""

    values: Mapping[str, Any]
    spelled: Callable[[str], str]  # a setting's name as it is written there
    sign: str  # between name and value
    place: str = ""

    def said(self, name: str, value: Any) -> str:
        text = ",".join(str(part) for part in value) if isinstance(value, list | tuple) else str(value)
        return f"{self.place}{self.spelled(name)}{self.sign}{text or repr(text)}"


def load_settings(
    given: Mapping[str, Any],
    config: Path | None = None,
    *,
    keywords: bool = False,
    environ: Mapping[str, str] | None = None,
) -> RunSettings:
    """The settings of a run: what is given wins over the AF2CPU_* variables, and these win over the TOML file.

    Args:
      given: by name; None is a value that was not given.
      config: TOML file.
      keywords: messages name the values of `given` as Python's keywords, not as flags.
      environ: in place of os.environ.

    Raises InputError that names the setting, where its value comes from and what it may be.
    """
    sources = (
        _Source(
            {name: value for name, value in given.items() if value is not None},
            *((str, "=") if keywords else (flag_of, " ")),
        ),
        _Source(_variables(os.environ if environ is None else environ), variable_of, "="),
        _Source(_read_toml(config) if config else {}, str, " = ", f"{config}: "),
    )
    chosen: dict[str, tuple[Any, _Source]] = {}
    for source in sources:
        for name, value in source.values.items():
            if name not in NAMES:
                raise InputError(f"{source.said(name, value)}: there is no such setting; {_near(name, source)}")
            if value == "":
                raise InputError(f"{source.said(name, value)}: must be {setting(name).expected}")
            chosen.setdefault(name, (value, source))
    try:
        return RunSettings(**{name: value for name, (value, _) in chosen.items()})
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        value, source = chosen[name]
        raise InputError(f"{source.said(name, value)}: must be {setting(name).expected}") from error


def _near(name: str, source: _Source) -> str:
    near = difflib.get_close_matches(name, NAMES, n=1)
    return f"did you mean {source.spelled(near[0])}?" if near else "af2cpu config lists all settings"


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings among the variables. Those that are empty count as not given."""
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX) and name not in OTHER_VARIABLES}
    return {name.removeprefix(PREFIX).lower(): value for name, value in ours.items() if value}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: the settings can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file: {error}") from error
    return {name.replace("-", "_"): value for name, value in content.items()}
