# SPDX-License-Identifier: Apache-2.0
"""The settings: where their values may come from, and what is said of a wrong one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from af2cpu.errors import InputError
from af2cpu.model.config import OFFICIAL_MODELS, model_config
from af2cpu.plan.models import recycling_of
from af2cpu.settings import NAMES, OTHER_VARIABLES, PREFIX, RunSettings, load_settings, parts_of, setting


def load(given: Mapping[str, Any] | None = None, toml: Path | None = None, **environ: str) -> RunSettings:
    """With these variables and no others."""
    return load_settings(given or {}, toml, environ=environ)


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / "run.toml"


@pytest.mark.parametrize("name", NAMES)
def test_each_setting_explains_itself(name: str) -> None:
    one = setting(name)
    assert one.text[0].isupper()
    assert one.text.endswith(".")
    assert one.help.endswith(f"Default: {one.default}.")
    assert "None" not in one.help
    assert one.expected


def test_the_nearest_to_the_user_wins(toml: Path) -> None:
    toml.write_text('recycles = 4\nensembles = 2\nnum-seeds = 3\nmodel_date = 2024-01-31\nmemory = "2G"\n')
    settings = load({"seed": "8", "recycles": "6"}, toml, AF2CPU_RECYCLES="5", AF2CPU_ENSEMBLES="7", AF2CPU_SEED="")
    assert (settings.recycles, settings.ensembles, settings.num_seeds, settings.seed) == (6, 7, 3, 8)
    assert settings.model_date == date(2024, 1, 31)
    assert settings.memory == 2_000_000_000
    assert load({"seed": None}, AF2CPU_SEED="9").seed == 9
    assert load(AF2CPU_SEED="").seed == 0


def test_lists(toml: Path) -> None:
    assert load(AF2CPU_MSA="a.a3m, b.a3m,").msa == (Path("a.a3m"), Path("b.a3m"))
    assert load(AF2CPU_DB='["x=a,b.fasta", "demo"]').db == ("x=a,b.fasta", "demo")
    assert load({"models": "model_1,model_2"}).models == ("model_1", "model_2")
    assert load({"template": Path("a,b.cif")}).template == (Path("a,b.cif"),)
    toml.write_text('db = ["x=a,b.fasta"]\n')
    assert load(None, toml).db == ("x=a,b.fasta",)
    assert parts_of("[a,b]") == ["[a", "b]"]


@pytest.mark.parametrize(("text", "value"), [("true", True), ("yes", True), ("1", True), ("0", False), ("no", False)])
def test_truth_values_of_variables(text: str, value: bool) -> None:
    assert load(AF2CPU_SAVE_ALL=text).save_all is value


def test_words_of_alphafold() -> None:
    assert load({"preset": "reduced_dbs"}).preset == "reduced"
    assert load({"preset": "full_dbs"}).preset == "full"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("recycles", "21", "a whole number, 0 to 20"),
        ("recycles", "many", "a whole number, 0 to 20"),
        ("recycle_tolerance", "-0.1", "a number, 0 or more"),
        ("recycle_tolerance", "nan", "a number, 0 or more"),
        ("threads", "0", "a whole number, 1 or more"),
        ("relax", "some", "one of best, all, none"),
        ("max_template_date", "14.5.2020", "a day such as 2020-05-14"),
        ("memory", "much", "a size such as 16G, 1 byte or more"),
        ("memory", "-1", "a size such as 16G, 1 byte or more"),
        ("save_all", "perhaps", "true or false"),
        ("models", ",", "one or more words, separated by commas"),
        ("db", '["a', "one or more words, separated by commas"),
    ],
)
def test_a_wrong_value_is_named_with_its_source(toml: Path, name: str, value: str, expected: str) -> None:
    flag, variable = setting(name).flag, setting(name).variable
    assert _message({name: value}) == f"{flag} {value}: must be {expected}"
    assert _message({name: value}, keywords=True) == f"{name}={value}: must be {expected}"
    assert _message({}, environ={variable: value}) == f"{variable}={value}: must be {expected}"
    toml.write_text(f"{name} = '{value}'\n")
    assert _message({}, toml) == f"{toml}: {name} = {value}: must be {expected}"


def test_an_unknown_name_suggests_the_near_one(toml: Path) -> None:
    suffix = "there is no such setting; did you mean"
    assert _message({"recicles": 1}, keywords=True) == f"recicles=1: {suffix} recycles?"
    assert _message({}, environ={"AF2CPU_RECICLES": "1"}) == f"AF2CPU_RECICLES=1: {suffix} AF2CPU_RECYCLES?"
    toml.write_text("[network]\nrecycles = 3\n")
    assert "network = {'recycles': 3}: there is no such setting; af2cpu config lists all settings" in _message({}, toml)
    assert load(**dict.fromkeys(OTHER_VARIABLES, "x"), PATH="x") == load()


def test_a_file_that_is_no_toml(toml: Path) -> None:
    assert "run.toml: the settings can't be read: No such file" in _message({}, toml)
    toml.write_text("recycles: 3\n")
    assert "run.toml: not a TOML file: " in _message({}, toml)
    toml.write_bytes(b'params = "\xe9"\n')
    assert "run.toml: not a TOML file: " in _message({}, toml)


def _message(*arguments: Any, environ: Mapping[str, str] | None = None, keywords: bool = False) -> str:
    with pytest.raises(InputError) as raised:
        load_settings(*arguments, environ=environ or {}, keywords=keywords)
    return str(raised.value)


def test_the_models_own_defaults() -> None:
    """None is the model's own, which the help names."""
    for name in (*OFFICIAL_MODELS, "demo"):
        config = model_config(name)
        own = (20, 0.5) if "multimer" in name else (3, 0.0)
        assert recycling_of(config, load()) == (config.recycles, config.recycle_tolerance) == own
        assert recycling_of(config, load({"recycles": 0, "recycle_tolerance": 0.5})) == (0, 0.5)
    assert setting("recycles").default == "the model's own (3; multimer models 20)"
    assert setting("recycle_tolerance").default.startswith("the model's own (0:")


def test_every_variable_of_the_code_is_documented() -> None:
    """Names such as AF2CPU_ISA in Python, C++ and make, but for the macros of the kernels."""
    import re

    root = Path(__file__).parents[3]
    files = [path for folder in ("af2cpu", "scripts", "benchmarks") for path in (root / folder).rglob("*.py")]
    used = {name for path in files for name in re.findall(rf'["\']({PREFIX}[A-Z0-9_]+)["\']', path.read_text())}
    files = [*(root / "kernels").rglob("*.cpp"), *(root / "kernels").rglob("*.h"), *(root / "tests").rglob("*.py")]
    read = re.compile(rf'(?:getenv\(|environ(?:\.get\(|\[))"({PREFIX}[A-Z0-9_]+)"')
    used |= {name for path in files for name in read.findall(path.read_text())}
    used |= set(re.findall(rf"\$\(({PREFIX}[A-Z0-9_]+)\)", (root / "Makefile").read_text()))
    assert used >= set(OTHER_VARIABLES)
    assert used <= {*OTHER_VARIABLES, *(setting(name).variable for name in NAMES)}
