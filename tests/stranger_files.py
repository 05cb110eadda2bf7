# SPDX-License-Identifier: Apache-2.0
"""Arrays, databases, records and settings, for the fuzz tests."""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from feature_cases import random_features
from output_cases import complex_features
from parameter_archive import NAME, tiny_npz
from prediction_cases import prediction
from stranger import Parts, Stranger

from af2cpu.confidence import confidence_of
from af2cpu.features.config import SamplingConfig
from af2cpu.features.draws import Draws
from af2cpu.formats.features import read_draws, read_features, write_draws, write_features
from af2cpu.model.config import model_config
from af2cpu.outputs.arrays import read_result, write_result
from af2cpu.query import query_of_features
from af2cpu.records import PredictionId
from af2cpu.runs.records import Failure, SearchRecord, TargetRun, read_record
from af2cpu.runs.status import RunStatus
from af2cpu.search.index import index_paths, load_index, packed_path
from af2cpu.search.indexing import build_index
from af2cpu.search.packed import open_packed, pack
from af2cpu.search.packed.reader import PackedReader
from af2cpu.search.packed.verify import verify_packed
from af2cpu.settings import load_settings
from af2cpu.weights.load import check_parameters, read_parameters
from af2cpu.weights.receipts import check_receipt


def _members(content: bytes) -> Parts:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zipped(parts: Parts) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def _npz(file: str, content: bytes, read: Callable[[Path], object]) -> Stranger:
    return Stranger(file, _members(content), read, _zipped)


def parameters(folder: Path) -> Stranger:
    config = model_config("tiny")

    def read(path: Path) -> object:
        return check_parameters(read_parameters(path, config), config, str(path))

    return _npz("params_tiny.npz", tiny_npz(), read)


def features(folder: Path) -> Stranger:
    write_features(folder / "f.npz", random_features(1, 6, 11))
    return _npz("features.npz", (folder / "f.npz").read_bytes(), _features_and_query)


def features_of_complex(folder: Path) -> Stranger:
    write_features(folder / "f.npz", complex_features(["ACDEF", "GHIK", "ACDEF"], 2, 3))
    return _npz("features.npz", (folder / "f.npz").read_bytes(), _features_and_query)


def _features_and_query(path: Path) -> object:
    return query_of_features(read_features(path), path)


def processed(folder: Path) -> Stranger:
    sampling = SamplingConfig(max_msa_clusters=9, max_extra_msa=7)
    write_draws(folder / "p.npz", Draws(random_features(1, 6, 11), sampling, seed=1, count=2))
    return _npz("processed.npz", (folder / "p.npz").read_bytes(), read_draws)


def result(folder: Path) -> Stranger:
    made = prediction("AC:D:AC")
    write_result(folder / "r.npz", made, confidence_of(PredictionId(made.model, 0, 0), made))
    return _npz("result.npz", (folder / "r.npz").read_bytes(), lambda path: read_result(path, "model_1_ptm"))


TOML = 'models = ["model_1_ptm"]\nnum-seeds = 2\nrelax = "all"\nmemory = "4G"\nmax_template_date = 2020-05-14\n'
DATABASE = "".join(f">s{k} description {k}\n{'MKVLAWGSTE' * (k % 7 + 1)}\n" for k in range(150)).encode()


def database(folder: Path) -> Stranger:
    """Indexed, then its residues read as a search reads them."""

    def read(path: Path) -> object:
        for old in (*index_paths(path), packed_path(path)):
            old.unlink(missing_ok=True)
        return build_index(path, 1)

    return Stranger("db.fasta", {"": DATABASE}, read)


def index(folder: Path) -> Stranger:
    path = folder / "db.fasta"
    path.write_bytes(DATABASE)
    build_index(path, 1)
    place = index_paths(path)[0]
    fields = orjson.loads(place.read_bytes())
    del fields["check"]  # an index of an older version: its numbers themselves are checked
    file = place.name

    def read(path: Path) -> object:
        return load_index(path.with_name("db.fasta"))

    return Stranger(file, {"": orjson.dumps(fields)}, read, beside={"db.fasta": DATABASE})


_FOOTER = struct.Struct("<8sIIQQ")  # as in af2cpu/search/packed/layout.py


def packed(folder: Path) -> Stranger:
    path = folder / "db.fasta"
    path.write_bytes(DATABASE)
    made, _, _ = pack.pack(path, 1)
    content = packed_path(made).read_bytes()
    magic, version, _, offset, length = _FOOTER.unpack(content[-_FOOTER.size :])
    parts = {"chunks": content[:offset], "directory": content[offset : offset + length], "end": b""}

    def join(parts: Parts) -> bytes:
        chunks, directory, end = parts.values()
        footer = _FOOTER.pack(magic, version, zlib.crc32(directory), len(chunks), len(directory))
        return chunks + directory + footer + end

    return Stranger("db.fasta.af2cpu-packed", parts, _read_packed, join, beside={"db.fasta": DATABASE})


def _read_packed(path: Path) -> object:
    found = open_packed(path.with_name("db.fasta"))
    assert found is not None
    verify_packed(found, 1)
    with PackedReader(found, ahead=1) as reader:
        parts = (reader.read(number) for number in range(len(found.pieces)))
        return [part.fasta(np.flatnonzero(part.lengths.reshape(-1))) for part in parts]


RECORDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "failure.json": (Failure, {"stage": "msa", "message": "no luck"}),
    "search.json": (
        SearchRecord,
        {
            "name": "q",
            "source": "in.fasta",
            "sequence": "MKV",
            "databases": [
                {
                    "name": "uniref90",
                    "path": "/db/uniref90.fasta",
                    "hash": "ab",
                    "sequences": 5,
                    "residues": 700,
                    "too_long_skipped": 0,
                    "hits": 3,
                    "seconds": 0.5,
                    "rows": 4,
                    "chains": ["A"],
                }
            ],
            "alignments": ["msas/uniref90_hits.sto"],
            "own_templates": [],
            "max_template_date": "2020-05-14",
            "msa_rows": 4,
            "templates": 0,
            "notes": ["a note"],
        },
    ),
}


def record(name: str) -> Callable[[Path], Stranger]:
    kind, fields = RECORDS[name]
    return lambda folder: Stranger(name, {"": orjson.dumps(fields)}, lambda path: read_record(kind, path))


def target_run(folder: Path) -> Stranger:
    """run.json of a real run."""
    from af2cpu.pipeline.run import run
    from af2cpu.plan.plan import plan_run

    (folder / "in.a3m").write_text(">q\nMKTAYIAKQRQ\n>r\nMKTAVIAKQRQ\n")
    fixed = {"models": ["tiny"], "params": "synthetic:0", "recycles": 0, "relax": "none"}
    (done,) = run(plan_run([folder / "in.a3m"], folder / "out", load_settings(fixed)))
    assert done.error is None
    content = (done.folder / "run.json").read_bytes()
    return Stranger("run.json", {"": content}, lambda path: read_record(TargetRun, path))


def run_status(folder: Path) -> Stranger:
    """The file of a run that `af2cpu status` reads."""
    time = "2026-01-02T03:04:05+00:00"
    fields = {
        "id": "20260102T030405-00000000",
        "command": "af2cpu predict in.fasta",
        "host": "elsewhere",
        "pid": 1,
        "locked": True,
        "state": "running",
        "started": time,
        "updated": time,
        "done": ["a"],
        "running": [{"target": "b", "stage": "msa", "since": time}],
        "failed": [{"target": "c", "stage": "msa", "reason": "no luck"}],
        "waiting": ["d"],
    }
    return Stranger("status.json", {"": orjson.dumps(fields)}, lambda path: read_record(RunStatus, path))


def receipt(folder: Path) -> Stranger:
    """Of a parameter file, which is compared with it."""
    file = b"parameters"
    known = {"sha256": hashlib.sha256(file).hexdigest(), "size": len(file), "mtime_ns": 4, "arrays": 338}
    told = {"url": "http://x", "validator": "", "licence": "CC BY 4.0", "fetched": "2026-01-02"}
    return Stranger(
        f"{NAME}.receipt.json",
        {"": orjson.dumps({"format": 1, "model": "tiny"} | known | told)},
        lambda path: check_receipt(path.with_name(NAME), thoroughly=True),
        beside={NAME: file},
    )


def toml(folder: Path) -> Stranger:
    return Stranger("af2cpu.toml", {"": TOML.encode()}, lambda path: load_settings({}, path, environ={}))
