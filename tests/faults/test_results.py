# SPDX-License-Identifier: Apache-2.0
"""Files of finished targets that are deleted, edited or damaged: nothing is believed that no record vouches for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from kill_cases import contents
from program_cases import FIXED, inputs
from typer.testing import CliRunner

from af2cpu.cli import app
from af2cpu.formats.streams import HIDDEN


def predict(source: Path, out: Path, *more: str) -> Any:
    arguments = ["predict", str(source), "-o", str(out), *FIXED, "--workers", "1", "--af2-pickles", *more]
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return inputs(tmp_path_factory.mktemp("in"), "a", "b")


@pytest.fixture(scope="module")
def finished(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    assert predict(source, out).exit_code == 0
    return out


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "out")


def of_target(folder: Path) -> list[Path]:
    """All files of a target that a user sees."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and HIDDEN not in path.parts]


def _remove(path: Path) -> None:
    path.unlink()


def _edit(path: Path) -> None:
    """Another byte in the middle, the same size. A new file: ranked files may be links to others."""
    content = bytearray(path.read_bytes())
    path.unlink()
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[: len(content) // 2])


def _any_of_these(path: Path) -> None:
    (_remove, _edit, _cut)[len(path.name) % 3](path)


@pytest.mark.fault("file without a record", "it is made again, with the same bytes")
@pytest.mark.parametrize(
    "harm", [_any_of_these, *(pytest.param(harm, marks=pytest.mark.slow) for harm in (_remove, _edit, _cut))]
)
def test_each_file_of_a_target_comes_back_as_it_was(source: Path, out: Path, harm: Callable[[Path], None]) -> None:
    expected, files = contents(out / "a"), of_target(out / "a")
    assert len(files) > 15
    for path in files:
        harm(path)
        result = predict(source, out)
        assert result.exit_code == 0, f"{path.name}: {result.output}"
        found = contents(out / "a")
        differing = [name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)]
        assert differing == [], path.name
        assert path.is_file(), path.name


def records(out: Path) -> list[Path]:
    """All JSON files that the program wrote for itself or others."""
    return sorted(path for path in out.rglob("*.json") if path.is_file())


def _without_a_field(content: Any) -> Any:
    return dict(list(content.items())[1:]) if isinstance(content, dict) else []


def _of_another_kind(content: Any) -> Any:
    return [] if isinstance(content, dict) else {}


@pytest.mark.fault("record without a field", "its artefact is made again; the batch goes on")
@pytest.mark.parametrize("harm", [_without_a_field, _of_another_kind, None])
def test_a_record_that_lacks_a_field(source: Path, out: Path, harm: Callable[[Any], Any] | None) -> None:
    """harm: None cuts the file in half."""
    expected = contents(out / "a")
    for path in records(out):
        text = path.read_bytes()
        path.unlink()
        path.write_bytes(text[: len(text) // 2] if harm is None else orjson.dumps(harm(orjson.loads(text))))
    result = predict(source, out)
    assert result.exit_code == 0, result.output
    assert "Traceback" not in result.output
    found = contents(out / "a")
    assert [name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)] == []


@pytest.mark.fault("record without a field", "af2cpu fold goes on and notes what is not known")
def test_a_search_record_that_lacks_a_field_is_named(source: Path, out: Path) -> None:
    path = out / "a" / "search.json"
    fields = orjson.loads(path.read_bytes())
    path.write_bytes(orjson.dumps({name: fields[name] for name in fields.keys() - {"msa_rows"}}))
    result = CliRunner().invoke(app, ["fold", str(out / "a"), *FIXED])
    assert result.exit_code == 0, result.output
    (note,) = orjson.loads((out / "a" / "run.json").read_bytes())["notes"]
    assert note.startswith(f"{path}: can't be read (msa_rows: Field required)")
    assert note.endswith("what was searched is not known")


@pytest.mark.fault("memory and results", "engine native keeps its predictions: its result does not depend on it")
@pytest.mark.fault(34)
def test_another_memory_limit_repeats_no_native_prediction(source: Path, finished: Path, out: Path) -> None:
    from af2cpu.ops import isa

    if not isa.built():
        pytest.skip("no native kernels in this installation")
    file = out / "a" / "result_tiny_pred_0.npz"
    before = file.stat().st_mtime_ns
    assert predict(source, out, "--memory", "9G").exit_code == 0
    assert file.stat().st_mtime_ns == before
    # Slices of 2 MB in place of 35: what is kept must be what would have been made.
    assert predict(source, out.parent / "other", "--memory", "600M").exit_code == 0
    for name in ("result_tiny_pred_0.npz", "unrelaxed_tiny_pred_0.pdb"):
        assert (out.parent / "other" / "a" / name).read_bytes() == (finished / "a" / name).read_bytes()


@pytest.mark.fault(34)
def test_another_alignment_makes_all_that_depends_on_it(source: Path, out: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(source, tmp_path / "changed")
    (changed / "a.a3m").write_text((source / "a.a3m").read_text() + ">more\nMKTAYLAKQRQA\n")
    times = {path: path.stat().st_mtime_ns for path in out.rglob("result_*.npz")}
    assert predict(changed, out).exit_code == 0
    assert [path.parent.name for path, time in times.items() if path.stat().st_mtime_ns != time] == ["a"]
