"""The settings of a run: from the command line, AF2CPU_* variables or a TOML file; what is nearer to the user wins."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ByteSize, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from af2cpu.errors import InputError

PTM_MODELS = tuple(f"model_{k}_ptm" for k in range(1, 6))
DEMO_MODELS = ("demo",)


def default_models(params: str | None) -> tuple[str, ...]:
    """The models that run unless others are named: the demo parameters have one of their own."""
    return DEMO_MODELS if params == "demo" else PTM_MODELS


class RunSettings(BaseSettings):
    """What `af2cpu predict` does, but for the inputs and the output folder. Lengths in angstrom."""

    model_config = SettingsConfigDict(env_prefix="AF2CPU_", env_ignore_empty=True, extra="forbid", frozen=True)

    models: tuple[str, ...] = PTM_MODELS
    params: str | None = None  # file, folder, demo or synthetic:SEED; None: <data_dir>/params
    data_dir: Path | None = None
    preset: str | None = None
    db: tuple[str, ...] = ()  # name=path, or demo
    msa: tuple[Path, ...] = ()
    template: tuple[Path, ...] = ()
    max_template_date: date | None = None
    mmcif: Literal["local", "on-demand"] = "local"  # on-demand: fetch the structures of template hits that are missing
    recycles: Annotated[int, Field(ge=0, le=20)] = 3
    recycle_tolerance: Annotated[float, Field(ge=0)] = 0.0
    ensembles: Annotated[int, Field(ge=1, le=32)] = 1
    max_msa: str | None = None  # clusters:extra rows
    seed: Annotated[int, Field(ge=0)] = 0
    num_seeds: Annotated[int, Field(ge=1)] = 1
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    engine: Literal["auto", "native", "torch", "compile", "ipex"] = "auto"
    relax: Literal["best", "all", "none"] = "best"
    relax_threads: Annotated[int, Field(ge=1)] = 1  # more are faster, but no two runs are then the same to the last bit
    layout: Literal["af2", "colabfold"] = "af2"
    model_date: date | None = None  # of the model in the structure files; None: left out, so that reruns are equal
    save_all: bool = False
    af2_pickles: bool = False
    threads: Annotated[int, Field(ge=1)] | None = None
    numa_node: Annotated[int, Field(ge=0)] | None = None  # keep to its cores and memory
    memory: ByteSize | None = None  # that a run may take, such as 16G; None: what is free

    @model_validator(mode="before")
    @classmethod
    def _models_of_params(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {"models": default_models(values.get("params"))} | values

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then variables; the TOML file comes in through `load_settings`."""
        return init_settings, env_settings, _FileSource(settings_cls)


class _FileSource(PydanticBaseSettingsSource):
    """The values of the TOML file that `load_settings` has read."""

    values: dict[str, Any] = {}  # noqa: RUF012 - set for the time of one construction

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        return self.values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return dict(self.values)


def load_settings(flags: dict[str, Any], config: Path | None = None) -> RunSettings:
    """Settings of a run; flags that are None were not given.

    Raises InputError that names the setting, where it stands and what it may be.
    """
    _FileSource.values = _read_toml(config) if config else {}
    try:
        return RunSettings(**{name: value for name, value in flags.items() if value is not None})
    except SettingsError as error:
        raise InputError(f'an AF2CPU_* variable: {error}; a list is given as JSON, such as ["a", "b"]') from error
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        where = f" in {config}" if config and name.split(".")[0] in _FileSource.values else ""
        raise InputError(
            f"--{name.replace('_', '-')}{where}: {first['msg']} (given: {first.get('input')!r})"
        ) from error
    finally:
        _FileSource.values = {}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise InputError(f"{path}: the settings can't be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a TOML file: {error}") from error
    return {name.replace("-", "_"): value for name, value in content.items()}
