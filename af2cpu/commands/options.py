# SPDX-License-Identifier: Apache-2.0
"""The options of the commands that run on settings: generated from the fields of RunSettings."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any

import typer

from af2cpu.commands.errors import one_line
from af2cpu.commands.paths import path as as_path
from af2cpu.cores import keep_to_node
from af2cpu.errors import InputError
from af2cpu.settings import BATCH, RUN, RunSettings, load_settings, parts_of, setting

Inputs = Annotated[
    list[Path],
    typer.Argument(
        metavar="INPUTS",
        parser=as_path,
        help="Sequences or alignments: FASTA, a3m, Stockholm or CSV files, plain or .gz, or folders of them.",
    ),
]
Pairs = Annotated[
    bool,
    typer.Option(
        "--pairs",
        help="Predict complexes of two: every two sequences of one file, or each of the first file with each of the "
        "second (baits, preys). Each sequence is searched once; pairs.csv ranks the pairs by their interfaces.",
        rich_help_panel=BATCH,
    ),
]
Out = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        parser=as_path,
        metavar="FOLDER",
        help="Folder for the results; each target gets a folder in it.",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Check everything and print the steps that would run, without running them.",
        rich_help_panel=RUN,
    ),
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Also show notes and what is up to date.", rich_help_panel=RUN)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.", rich_help_panel=RUN)]
Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Do part I of N of the targets only, for example 3/16 in a job array. Each of the N commands gets the "
        "same inputs, settings and --out; the parts cost about the same, and equal sequences stay together.",
        rich_help_panel=BATCH,
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed",
        help="Do only the targets that failed in their last run. Without it the run does everything that is missing: "
        "what failed, what was interrupted and what is new.",
        rich_help_panel=BATCH,
    ),
]
LogJson = Annotated[
    str | None,
    typer.Option(
        "--log-json",
        metavar="FILE",
        help="Append every event to this file as a line of JSON (docs/batches.md lists the fields); - writes them to "
        "standard error in place of the lines for people.",
        rich_help_panel=RUN,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print the result as JSON; times are seconds, sizes bytes.", rich_help_panel=RUN),
]
_Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        parser=as_path,
        metavar="PATH",
        help="TOML file with settings; af2cpu config prints a template. Flags and AF2CPU_* variables win over it.",
        rich_help_panel=RUN,
    ),
]


def with_settings(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorates the body of a command, which takes its own arguments and `settings: RunSettings`.

    The command gets an option for each setting in `names`, and --config. Whatever is wrong with a value ends as one
    line. Settings without an option come from the variables and the file all the same.
    """

    def decorate(body: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(body)
        def command(config: Path | None, **values: Any) -> None:
            given = {name: values.pop(name) for name in names}
            with one_line(_folder_of(values)):
                body(**values, settings=_settings_from(given, config))

        parameters = _parameters(body, names)
        # typer reads these two, not the body's own, to which functools.wraps points.
        vars(command)["__signature__"] = inspect.Signature(parameters)
        command.__annotations__ = {one.name: one.annotation for one in parameters}
        del vars(command)["__wrapped__"]
        return command

    return decorate


def _folder_of(values: dict[str, Any]) -> Path | None:
    """The folder that a command writes into, for the traceback of an error: its --out, or the first of its folders."""
    folders = values.get("folders") or [values.get("out")]
    return next(iter(folders))


def _parameters(body: Callable[..., None], names: tuple[str, ...]) -> list[Parameter]:
    """The command's parameters: the body's own, those that are required first, and one for each setting."""
    own = [one for one in inspect.signature(body, eval_str=True).parameters.values() if one.name != "settings"]
    options = [_keyword(name, _option(name)) for name in names] + [_keyword("config", _Config)]
    required = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in own if one.default is Parameter.empty]
    optional = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in own if one.default is not Parameter.empty]
    return required + options + optional


def _keyword(name: str, annotation: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _option(name: str) -> Any:
    """A setting as typer wants an option. Values stay text: RunSettings reads them, as it reads the variables."""
    one = setting(name)
    if one.is_bool:
        off = one.flag.replace("--", "--no-", 1)
        return Annotated[bool | None, typer.Option(f"{one.flag}/{off}", help=one.help, rich_help_panel=one.group)]
    kind: Any = list[str] | None if one.is_list else str | None
    return Annotated[kind, typer.Option(one.flag, help=one.help, metavar=one.metavar, rich_help_panel=one.group)]


def _settings_from(given: dict[str, Any], config: Path | None) -> RunSettings:
    """The settings of a command; the process keeps to their NUMA node from here on. Raises InputError."""
    given = {name: _elements(name, value) if isinstance(value, list) else value for name, value in given.items()}
    settings = load_settings(given, config)
    if settings.numa_node is not None:
        keep_to_node(settings.numa_node)  # now: the threads that torch starts take it over
    return settings


def _elements(name: str, texts: list[str]) -> list[str] | None:
    """The elements of a list from the texts of a repeated flag; None if it was not given. Raises InputError."""
    try:
        if "" in texts:
            raise ValueError("nothing between the quotes")
        return [part for text in texts for part in parts_of(text)] if texts else None
    except ValueError as error:
        one = setting(name)
        raise InputError(f"{one.flag} {','.join(texts)}: must be {one.expected}") from error
