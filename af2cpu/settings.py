"""The settings of a run. `RunSettings` is the only place where a setting has its name, type, range, default and help.

The command line's options (commands/options.py), the AF2CPU_* variables, the keys of a TOML file, the keywords of
`af2cpu.predict` and docs/settings.md follow from it.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, ValidationError, model_validator

from af2cpu.errors import InputError

PREFIX = "AF2CPU_"
PTM_MODELS = tuple(f"model_{k}_ptm" for k in range(1, 6))
DEMO_MODELS = ("demo",)

# Groups of settings, as the help of the commands shows them.
NETWORK, INPUT, OUTPUT, RUN = "Network", "Search and features", "Output", "Run"

# The variables that are no settings of a run, and what reads them.
OTHER_VARIABLES: Mapping[str, str] = {
    "AF2CPU_ISA": "Highest instruction set that the native kernels use: scalar, avx2, avx512, avx512bf16 or amx "
    "(amx_model: the tiles of AMX in software, for tests). Default: the best that the processor has.",
    "AF2CPU_SHARED_DATA": "Folder with large test data; read by the tests only. Default: ../shared/data.",
}


def default_models(params: str | None) -> tuple[str, ...]:
    """The models that run unless others are named: the demo parameters have one of their own."""
    return DEMO_MODELS if params == "demo" else PTM_MODELS


def parts_of(text: str) -> list[str]:
    """The elements of a list written as text: `a,b`, or a JSON list for elements that have commas in them.

    Raises ValueError for text that begins as a JSON list of texts and is none.
    """
    if text.startswith('["'):
        return [str(part) for part in json.loads(text)]
    return [part for part in (part.strip() for part in text.split(",")) if part]


def _listed(value: Any) -> Any:
    """One text or path given for a list."""
    if isinstance(value, str):
        return parts_of(value)
    return [value] if isinstance(value, os.PathLike) else value


def _preset(value: Any) -> Any:
    """AlphaFold's own words, reduced_dbs and full_dbs, for our reduced and full."""
    return value.removesuffix("_dbs") if isinstance(value, str) else value


_Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]
_Paths = Annotated[tuple[Path, ...], BeforeValidator(_listed)]


def _setting(group: str, text: str, default: Any = None, *, unset: str = "none", **limits: Any) -> Any:
    """A field. text: its help, full sentences; unset: what the run does where the default is no value."""
    return Field(default, description=text, json_schema_extra={"group": group, "unset": unset}, **limits)


class RunSettings(BaseModel):
    """All that a run depends on besides its inputs and the output folder. Lengths in angstrom, memory in bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    models: _Texts = _setting(
        NETWORK,
        "Models to run: model_1 to model_5, or model_1_ptm to model_5_ptm, which also predict aligned errors.",
        PTM_MODELS,
        unset="the five ptm models; with --params demo its own model",
        min_length=1,
    )
    params: str | None = _setting(
        NETWORK,
        "Parameters of the network: a folder with params_model_*.npz, one such file, demo (comes with the program), "
        "or synthetic:SEED (random numbers, for tests).",
        unset="the folder params in the data folder",
    )
    data_dir: Path | None = _setting(
        INPUT, "Folder with databases and parameters, in the layout that AlphaFold's scripts make."
    )
    preset: Annotated[str | None, BeforeValidator(_preset)] = _setting(
        INPUT, "Set of databases to search in the data folder: reduced is AlphaFold's reduced_dbs.", unset="reduced"
    )
    db: _Texts = _setting(
        INPUT,
        "Databases to search besides those of the data folder: name=path for a FASTA file, or demo for the small "
        "made-up ones that come with the program.",
        (),
    )
    msa: _Paths = _setting(
        INPUT, "Alignment files, or AlphaFold's msas folder, to use in place of the search (one sequence only).", ()
    )
    msa_cache: Path | None = _setting(
        INPUT, "Folder that keeps alignments by sequence and database, so that later runs reuse them."
    )
    template: _Paths = _setting(
        INPUT, "Structure files (mmCIF or PDB) to use as templates in place of the template search.", ()
    )
    max_template_date: date | None = _setting(
        INPUT, "Only templates that were released up to this day are used, for example 2020-05-14.", unset="all"
    )
    mmcif: Literal["local", "on-demand"] = _setting(
        INPUT,
        "Source of the template hits' structures: local takes those of the data folder, on-demand also fetches the "
        "missing ones from files.wwpdb.org.",
        "local",
    )
    recycles: int | None = _setting(
        NETWORK,
        "Number of times that the network's output is fed back to it as input.",
        unset="the model's own (3)",
        ge=0,
        le=20,
    )
    recycle_tolerance: float | None = _setting(
        NETWORK,
        "Recycling stops early once the structure changes by less than this distance, in angstrom.",
        unset="the model's own (0: it never stops early)",
        ge=0,
        allow_inf_nan=False,
    )
    ensembles: int = _setting(
        NETWORK, "Number of random draws of the MSA that each pass averages over.", 1, ge=1, le=32
    )
    max_msa: str | None = _setting(
        NETWORK,
        "Limit of the MSA's size, CLUSTERS:EXTRA rows, for example 256:512; smaller is faster and needs less memory.",
        unset="the model's own",
    )
    seed: int = _setting(NETWORK, "Random seed. The same seed gives the same result.", 0, ge=0)
    num_seeds: int = _setting(
        NETWORK, "Number of predictions of each model, each with a random seed of its own.", 1, ge=1
    )
    precision: Literal["auto", "bf16", "fp32"] = _setting(
        NETWORK,
        "Number format of the network's large products: auto takes bf16 where the processor multiplies it in hardware.",
        "auto",
    )
    engine: Literal["auto", "native", "torch", "compile", "ipex"] = _setting(
        NETWORK,
        "Implementation that the network runs on: auto takes the native kernels where they were built, else PyTorch.",
        "auto",
    )
    relax: Literal["best", "all", "none"] = _setting(
        OUTPUT, "Predictions to relax with the Amber force field: the best one, all, or none.", "best"
    )
    relax_threads: int = _setting(
        OUTPUT,
        "Threads of the relaxation. With one thread the result is the same to the last bit each time; more are faster.",
        1,
        ge=1,
    )
    layout: Literal["af2", "colabfold"] = _setting(
        OUTPUT, "Names of the output files: those of AlphaFold 2, or those of ColabFold.", "af2"
    )
    model_date: date | None = _setting(
        OUTPUT, "Date of the model that is written into the structure files, for example 2024-01-31.", unset="left out"
    )
    save_all: bool = _setting(OUTPUT, "Also save the network's logits and representations, which are large.", False)
    af2_pickles: bool = _setting(OUTPUT, "Also write the .pkl files of AlphaFold 2.", False)
    threads: int | None = _setting(
        RUN, "Number of threads for the search and the network.", unset="all cores that the process may use", ge=1
    )
    numa_node: int | None = _setting(
        RUN, "NUMA node of the machine whose cores and memory the run keeps to.", unset="all nodes", ge=0
    )
    memory: ByteSize | None = _setting(
        RUN, "Memory limit for the run, for example 16G.", unset="the memory that is free"
    )

    @model_validator(mode="before")
    @classmethod
    def _models_of_params(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {"models": default_models(values.get("params"))} | values


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
        shown = ("no", "yes")[default] if bare is bool else str(default)
    return Setting(
        name=name,
        group=extra["group"],
        text=str(field.description),
        is_list=get_origin(bare) is tuple,
        is_bool=bare is bool,
        metavar=_metavar(bare),
        expected=_expected(bare, field.metadata),
        default=shown,
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
        ByteSize: "a size such as 16G",
        Path: "a path",
        str: "text",
    }
    if bare in words:
        return words[bare]
    least = next((limit.ge for limit in limits if hasattr(limit, "ge")), None)
    most = next((limit.le for limit in limits if hasattr(limit, "le")), None)
    span = f"{least} or more" if most is None else f"{least} to {most}"
    return f"a {'whole ' if bare is int else ''}number, {span}"


@dataclass(frozen=True)
class _Source:
    """Values that were given in one way, and how an error message writes one of them."""

    values: Mapping[str, Any]
    spelled: Callable[[str], str]  # a setting's name as it is written there
    sign: str  # between name and value
    place: str = ""

    def said(self, name: str, value: Any) -> str:
        text = ",".join(str(part) for part in value) if isinstance(value, list | tuple) else str(value)
        return f"{self.place}{self.spelled(name)}{self.sign}{text}"


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
