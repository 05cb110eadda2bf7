# SPDX-License-Identifier: Apache-2.0
"""Files of strangers: whatever is in them, nothing but our own error comes out, and memory stays bounded."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from feature_cases import random_features
from hh_cases import GB1, HHR
from mmcif_cases import entry_of_a_hit, protein, write_mmcif
from mutants import mutant
from output_cases import complex_features
from prediction_cases import prediction
from relax_cases import helix, joined, text_of
from search_cases import demo_database, queries

from af2cpu.confidence import confidence_of
from af2cpu.errors import InputError
from af2cpu.features.own_template import check_template, read_template
from af2cpu.features.template import TemplateSource, hit_templates
from af2cpu.formats.arrays import read_arrays
from af2cpu.formats.features import read_features, write_features
from af2cpu.formats.template_hits import read_template_hits
from af2cpu.outputs.arrays import read_result, write_result
from af2cpu.query import query_of_features, read_inputs
from af2cpu.records import PredictionId, Query
from af2cpu.search.databases import select
from af2cpu.weights.npz import read_arrays as read_parameters

N_MUTANTS = 150
Read = Callable[[Path], object]


@pytest.fixture(scope="module")
def hits(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Query]:
    """The demo's template hits of ubiquitin."""
    from plan_cases import searched

    query = queries("ubiquitin")[0]
    out = tmp_path_factory.mktemp("hits")
    outcome = searched(out, query, select(demo_database("uniref90")[0].path.parents[1], None, []))
    return (outcome.folder / "msas" / "pdb_hits.sto").read_bytes(), query


def survives(path: Path, content: bytes, read: Read, n_mutants: int = N_MUTANTS) -> None:
    """All mutants are read or refused by our own error, in one line."""
    read_or_refused(path, content, read)
    for seed in range(n_mutants):
        read_or_refused(path, mutant(content, seed), read, f"seed {seed}")


def read_or_refused(path: Path, content: bytes, read: Read, what: str = "the file itself") -> None:
    path.write_bytes(content)
    try:
        read(path)
    except InputError as error:
        if "\n" in str(error):
            raise AssertionError(f"{what}: more than a line: {error!r}") from error
    except Exception as error:
        raise AssertionError(f"{what}: {error!r}") from error


@pytest.mark.fault("foreign exceptions", "one line that names the file, or read as it is")
def test_template_hits(hits: tuple[bytes, Query], tmp_path: Path) -> None:
    content, query = hits
    assert b"mol:protein" in content
    source = TemplateSource(tmp_path / "none")

    def read(path: Path) -> object:
        return hit_templates(query, read_template_hits(path, query), source)

    survives(tmp_path / "pdb_hits.sto", content, read)
    survives(tmp_path / "pdb_hits.hhr", HHR.encode(), lambda path: read_template_hits(path, GB1))


@pytest.mark.fault("foreign exceptions")
@pytest.mark.fault(21)
@pytest.mark.parametrize("ending", [".pdb", ".cif"])
def test_structures(tmp_path: Path, ending: str) -> None:
    if ending == ".pdb":
        content = text_of(joined(helix("SAKDHRELQA", first=10), helix("MCEL", chain="B", shift=25.0))).encode()
    else:
        content = write_mmcif(tmp_path / "1abc.cif", [protein("A", "A", "SAKDHRELQA", 1)], ("2009-01-02",)).read_bytes()
    query = Query("q", "SAKDHRELQA", "", "test")

    def read(path: Path) -> object:
        return check_template(query, read_template(path))

    survives(tmp_path / f"template{ending}", content, read)


@pytest.mark.fault("foreign exceptions")
@pytest.mark.fault(21)
def test_entries_of_the_pdb_are_skipped(tmp_path: Path) -> None:
    path, query, hit = entry_of_a_hit(tmp_path)
    content = path.read_bytes()
    assert hit_templates(query, [hit], TemplateSource(tmp_path)).used
    for seed in range(N_MUTANTS):
        path.write_bytes(mutant(content, seed))
        hit_templates(query, [hit], TemplateSource(tmp_path))


def _npz(tmp_path: Path, kind: str) -> tuple[Path, Read]:
    path = tmp_path / f"{kind}.npz"
    if kind == "features":
        write_features(path, random_features(1, 6, 11))
    elif kind == "complex":
        write_features(path, complex_features(["ACDEF", "GHIK", "ACDEF"], 2, 3))
    else:
        made = prediction("ACDX" if kind == "result" else "AC:D:AC")
        write_result(path, made, confidence_of(PredictionId(made.model, 0, 0), made))
        return path, lambda path: read_result(path, "model_1_ptm")
    return path, lambda path: query_of_features(read_features(path), path)


KINDS = ["features", "complex", "result", "result of a complex"]


@pytest.mark.fault("foreign exceptions")
@pytest.mark.parametrize("kind", KINDS)
def test_archives_of_arrays(tmp_path: Path, kind: str) -> None:
    path, read = _npz(tmp_path, kind)
    survives(path, path.read_bytes(), read)


@pytest.mark.fault("foreign exceptions")
def test_old_names_of_types(tmp_path: Path) -> None:
    """numpy warns of them; a user can't do anything about it."""
    path, read = _npz(tmp_path, "features")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content.replace(b"'<i4'", b"'|a4'"))
    with pytest.raises(InputError, match=r"holds \|S4, expected whole numbers"):
        read(path)


_TYPES = [np.float16, np.complex64, np.bool_, np.int8, np.uint64, "S3", "U3", "M8[s]", "V4"]


@pytest.mark.fault("foreign exceptions")
@pytest.mark.parametrize("kind", KINDS)
def test_arrays_of_other_types_and_shapes(tmp_path: Path, kind: str) -> None:
    """Each array in turn is of another type, flat, cut, empty, a single number, or negative."""
    path, read = _npz(tmp_path, kind)
    with np.load(path) as archive:
        arrays = dict(archive)
    for name, array in arrays.items():
        others = [_as(array, one) for one in _TYPES]
        others += [
            array.ravel(),
            array[..., None],
            array[:1] if array.ndim else array[None],
            array[:0] if array.ndim else array,
            np.zeros((), array.dtype),
            np.full_like(array, -3) if array.dtype.kind in "if" else array,
        ]
        for other in others:
            np.savez(path, **arrays | {name: other})
            read_or_refused(path, path.read_bytes(), read, f"{name} as {other.dtype} {other.shape}")


def _as(array: np.ndarray, dtype: Any) -> np.ndarray:
    try:
        return array.astype(dtype)
    except (TypeError, ValueError):
        return np.zeros(array.shape, dtype)


def _archive(header: bytes, **changes: int) -> bytes:
    """A zip with one array whose header is given; changes: of fields of its entry."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        length = len(header).to_bytes(2, "little")
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + length + header + bytes(64))
    content = bytearray(out.getvalue())
    entry = content.index(b"PK\x01\x02")
    for name, value in changes.items():
        place = {"version": 6, "flags": 8, "method": 10}[name]
        content[entry + place : entry + place + 2] = value.to_bytes(2, "little")
        local = {"version": 4, "flags": 6, "method": 8}[name]
        content[local : local + 2] = value.to_bytes(2, "little")
    return bytes(content)


GOOD = b"{'descr': '<f4', 'fortran_order': False, 'shape': (16,), }\n"


@pytest.mark.fault("foreign exceptions")
@pytest.mark.parametrize(
    "content",
    [
        _archive(GOOD, version=255),  # NotImplementedError
        _archive(GOOD, method=99),  # NotImplementedError
        _archive(GOOD, flags=1),  # encrypted: RuntimeError
        _archive(b"{'descr': '<f4', 'shape': (\n"),  # TokenError, SyntaxError
        _archive(b"{'descr': '<f4', 'fortran_order': False, 'shape': (17L,), }\n"),  # of Python 2
        _archive(b"{'descr': [('a', 'x9')], 'fortran_order': False, 'shape': (1,), }\n"),
        _archive(b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"),
        _archive(b"{'descr': '<f4', 'fortran_order': False, 'shape': (-1, -16), }\n"),
        _archive(b"{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }\n" % 10**25),
        _archive(b"(" * 200 + b")" * 200),
    ],
)
def test_headers_that_no_program_writes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_arrays(path, "arrays")
    assert str(path) in str(caught.value)
    read_or_refused(path, content, lambda path: list(read_parameters(path)))
    read_or_refused(path, content, read_features)


def peak_megabytes(code: str, *arguments: object) -> tuple[int, str]:
    """Runs Python in a process that may take 500 MB more than the modules that it loads; its peak and its output."""
    program = f"""
import resource, sys
from pathlib import Path
{code}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    run(*sys.argv[1:])
    print("read")
except Exception as error:
    print(type(error).__name__, error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=os.environ)
    *said, peak = done.stdout.splitlines()
    return int(peak), " ".join(said)


READERS = {
    "a3m": "from af2cpu.formats.a3m import read_a3m as read",
    "sto": "from af2cpu.formats.stockholm import read_stockholm as read",
    "fasta": "from af2cpu.query import read_inputs\nread = lambda path: read_inputs([Path(path)])",
}


def _rows(kind: str, letters: bytes) -> bytes:
    if kind == "sto":
        return b"# STOCKHOLM 1.0\n\nq  MKV\nr  %b\n//\n" % letters
    return b">q\nMKV\n>r\n%b\n" % letters


@pytest.mark.fault("bombs")
@pytest.mark.parametrize(
    ("kind", "letter", "wrapped"),
    [
        (kind, letter, letter == b"-")
        for kind in READERS
        for letter in (b"a", b"A", b"-")
        if (kind, letter) != ("sto", b"-")  # a row of Stockholm is one line
    ],
)
def test_one_row_of_a_hundred_megabytes(tmp_path: Path, kind: str, letter: bytes, wrapped: bool) -> None:
    """In 100 kB of gzip."""
    path = tmp_path / f"bomb.{kind}.gz"
    row = (letter * 99 + b"\n") * 10**6 if wrapped else letter * 10**8
    path.write_bytes(gzip.compress(_rows(kind, row), 1))
    code = f"{READERS[kind]}\ndef run(path): read(path)"
    peak, said = peak_megabytes(code, path)
    assert said.startswith("InputError"), said
    assert str(path) in said
    assert "MB" in said
    assert peak < 500, said


@pytest.mark.fault("bombs")
@pytest.mark.parametrize(
    "line", [f"#3,2\t{10**20},1", f"#3,2\t1,{'9' * 5000}", f"#{10**9},2\t{10**9},1", "#3,2\t33333,1"]
)
def test_an_alignment_of_more_chains_than_any_complex_has(tmp_path: Path, line: str) -> None:
    """Found by fuzzing: it would ask for as many sequences as its first line says."""
    path = tmp_path / "complex.a3m"
    path.write_text(f"{line}\n>101\t102\nMKVLA\n")
    with pytest.raises(InputError, match=r"complex\.a3m, line 1: says that the complex has more than 100,000 residues"):
        read_inputs([path])


@pytest.mark.fault("bombs")
@pytest.mark.parametrize(("name", "shape"), [("msa", (10**6, 4000)), ("sequence", (10**9,)), ("aatype", (10**8, 21))])
def test_features_that_unpack_to_gigabytes(tmp_path: Path, name: str, shape: tuple[int, ...]) -> None:
    """The headers tell: shapes that don't fit each other, more than is free. Nothing of it is unpacked."""
    path = tmp_path / "features.npz"
    write_features(path, random_features(1, 6, 11))
    with np.load(path) as archive:
        arrays = dict(archive)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one, array in arrays.items():
            with archive.open(f"{one}.npy", "w", force_zip64=True) as stream:
                if one != name:
                    np.lib.format.write_array(stream, array)
                    continue
                header = {"descr": array.dtype.str, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, header)
                for _ in range(20):
                    stream.write(bytes(1 << 20))
    code = "from af2cpu.formats.features import read_features\ndef run(path): read_features(path)"
    peak, said = peak_megabytes(code, path)
    assert said.startswith("InputError"), said
    assert peak < 60, said
