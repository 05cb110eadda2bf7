# SPDX-License-Identifier: Apache-2.0
"""The settings as their users see them: names, ranges and defaults in words, all from the fields of RunSettings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import ByteSize

from af2cpu.settings.fields import RunSettings

PREFIX = "AF2CPU_"

# The variables that are no settings of a run, and what reads them.
OTHER_VARIABLES: Mapping[str, str] = {
    "AF2CPU_ISA": "Highest instruction set that the native kernels use: scalar, avx2, avx512, avx512bf16 or amx "
    "(amx_model: the tiles of AMX in software, for tests). Default: the best that the processor has.",
    "AF2CPU_TORCH_INDEX": "Package index with PyTorch's CPU build; read by the Makefile only. It tries the index once, "
    "else it installs PyTorch from the default index. Default: not set.",
    "AF2CPU_SHARED_DATA": "Folder with large test data; read by the tests only. Default: ../shared/data.",
}

NAMES = tuple(RunSettings.model_fields)


@dataclass(frozen=True)
class Setting:
    """One field of RunSettings as its users see it."""

    name: str
    group: str
    text: str  # full sentences, without range and default
    is_list: bool
    is_bool: bool
    metavar: str  # the kind of value in the command line's help, such as PATH or best|all|none
    expected: str  # the range, after "must be"
    default: str
    example: Any  # the default, or where that is no value another that is allowed

    @property
    def flag(self) -> str:
        """The option of the command line."""
        return flag_of(self.name)

    @property
    def variable(self) -> str:
        """The environment variable."""
        return variable_of(self.name)

    @property
    def help(self) -> str:
        """Full sentences: meaning, range of a number, default."""
        span = f"{self.expected.capitalize()}. " if self.metavar == "NUMBER" else ""
        return f"{self.text} {span}Default: {self.default}."


def flag_of(name: str) -> str:
    """The option of a setting, such as --num-seeds for num_seeds."""
    return "--" + name.replace("_", "-")


def variable_of(name: str) -> str:
    """The environment variable of a setting, such as AF2CPU_NUM_SEEDS for num_seeds."""
    return PREFIX + name.upper()


@cache
def setting(name: str) -> Setting:
    """A setting by its name. Raises KeyError for a name that is none."""
    field = RunSettings.model_fields[name]
    extra: Any = field.json_schema_extra
    bare = _bare(field.annotation)
    default = field.default
    if default in (None, ()) or name == "models":  # the one whose default depends on another setting
        shown = extra["unset"]
    else:
        shown = ("no", "yes")[default] if bare is bool else f"{default:g}" if bare is float else str(default)
    return Setting(
        name=name,
        group=extra["group"],
        text=str(field.description),
        is_list=get_origin(bare) is tuple,
        is_bool=bare is bool,
        metavar=_metavar(bare),
        expected=_expected(bare, field.metadata),
        default=shown,
        example=extra["example"],
    )


def names_in(*groups: str) -> tuple[str, ...]:
    """The settings of some groups, in order."""
    return tuple(name for name in NAMES if setting(name).group in groups)


def _bare(annotation: Any) -> Any:
    """A field's type without `| None`."""
    if get_origin(annotation) in (Union, UnionType):
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation


def _metavar(bare: Any) -> str:
    if get_origin(bare) is Literal:
        return "|".join(get_args(bare))
    if get_origin(bare) is tuple:
        return "PATH,..." if get_args(bare)[0] is Path else "TEXT,..."
    return {date: "YYYY-MM-DD", ByteSize: "SIZE", Path: "PATH", str: "TEXT", bool: ""}.get(bare, "NUMBER")


def _expected(bare: Any, limits: Iterable[Any]) -> str:
    if get_origin(bare) is Literal:
        return f"one of {', '.join(get_args(bare))}"
    if get_origin(bare) is tuple:
        return f"one or more {'paths' if get_args(bare)[0] is Path else 'words'}, separated by commas"
    words = {
        bool: "true or false",
        date: "a day such as 2020-05-14",
        ByteSize: "a size such as 16G, 1 byte or more",
        Path: "a path",
        str: "text",
    }
    if bare in words:
        return words[bare]
    least = next((limit.ge for limit in limits if hasattr(limit, "ge")), None)
    most = next((limit.le for limit in limits if hasattr(limit, "le")), None)
    span = f"{least} or more" if most is None else f"{least} to {most}"
    return f"a {'whole ' if bare is int else ''}number, {span}"
