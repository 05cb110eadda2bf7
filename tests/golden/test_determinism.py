# SPDX-License-Identifier: Apache-2.0
"""Same input, seed, engine and threads: the same files, in any folder. What differs are times, and names of folders.

The program runs in processes of its own; tests/kill_cases.py lists what may differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from kill_cases import CHANGING, RECORDS, contents
from program_cases import PEPTIDE, Program

from af2cpu.formats.streams import HIDDEN
from af2cpu.ops import isa

TINY = ("--models", "tiny", "--params", "synthetic:0", "--db", "demo", "--recycles", 1, "--num-seeds", 2)


@pytest.fixture(scope="module")
def fasta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("in") / "two.fasta"
    path.write_text(f">alone\n{PEPTIDE}\n>pair\n{PEPTIDE}WW:GSHMKVLAAG\n")
    return path


def predicted(fasta: Path, out: Path, threads: int, engine: str = "auto") -> Path:
    command = ("predict", fasta, "-o", out, *TINY, "--workers", 1, "--threads", threads, "--engine", engine)
    Program(out.with_name(f"{out.name}_log"), *command).end()
    return out


@pytest.fixture(scope="module")
def first(fasta: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return predicted(fasta, tmp_path_factory.mktemp("first") / "out", 1)


def test_a_second_run_in_another_folder_makes_the_same_files(fasta: Path, first: Path, tmp_path: Path) -> None:
    again = predicted(fasta, tmp_path / "a folder of another name" / "results", 1)
    for target in ("alone", "pair"):
        expected, found = contents(first / target), contents(again / target)
        assert len(expected) > 15
        assert [name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)] == []


def test_what_may_differ_is_there_and_is_little(first: Path) -> None:
    """Else the list would hide files that nobody compares."""
    names = {path.name for path in (first / "alone").rglob("*") if path.is_file() and HIDDEN not in path.parts}
    assert set(CHANGING) | set(RECORDS) <= names
    assert len(names) > 3 * len(CHANGING)


def arrays(out: Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """The numbers of each prediction: coordinates, confidence, errors."""
    for path in sorted(out.glob("*/result_*.npz")):
        with np.load(path) as archive:
            yield f"{path.parent.name}/{path.name}", dict(archive)


@pytest.mark.parametrize("threads", [2, 3])
def test_native_kernels_give_the_same_numbers_with_any_threads(
    fasta: Path, first: Path, tmp_path: Path, threads: int
) -> None:
    if not isa.built():
        pytest.skip("no native kernels in this installation")
    other = predicted(fasta, tmp_path / "out", threads, "native")
    expected, found = dict(arrays(first)), dict(arrays(other))
    assert len(expected) == 4
    for name, numbers in expected.items():
        for array, values in numbers.items():
            np.testing.assert_array_equal(found[name][array], values, err_msg=f"{name} {array}")
        unrelaxed = Path(name).with_suffix(".pdb").as_posix().replace("result_", "unrelaxed_")
        assert (other / unrelaxed).read_bytes() == (first / unrelaxed).read_bytes()
