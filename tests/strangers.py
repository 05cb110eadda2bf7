"""Everything that reads a stranger's bytes, with a valid file for each: what the fuzz tests damage.

A file is given in parts where a damaged byte would only be noticed by a checksum: members of archives, text under a
checksum. The parts are damaged one by one and then put together as a program would have done it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import shutil
import socket
import struct
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import orjson
from feature_cases import random_features, random_sequence
from hh_cases import GB1, HHR
from mmcif_cases import protein, write_mmcif
from mutants import Edit, edited, random_edit, swollen
from output_cases import complex_features
from parameter_archive import NAME, tar_of, tiny_npz
from prediction_cases import prediction
from relax_cases import helix, joined, text_of
from search_cases import demo_database, queries

from af2cpu.confidence import confidence_of
from af2cpu.download import client, fetch
from af2cpu.errors import InputError
from af2cpu.features.config import SamplingConfig
from af2cpu.features.draws import Draws
from af2cpu.features.own_template import check_template, read_template
from af2cpu.features.template import TemplateSource, hit_templates
from af2cpu.formats.a3m import read_a3m
from af2cpu.formats.features import read_draws, read_features, write_draws, write_features
from af2cpu.formats.obsolete import read_obsolete
from af2cpu.formats.stockholm import read_stockholm
from af2cpu.formats.structure import read_protein
from af2cpu.formats.template_hits import read_template_hits
from af2cpu.model.config import model_config
from af2cpu.ops import isa
from af2cpu.outputs.arrays import read_result, write_result
from af2cpu.query import query_of_features, read_inputs
from af2cpu.query.alignments import read_given, read_paired
from af2cpu.query.pairs import read_pairs
from af2cpu.records import PredictionId, Query, TemplateHit
from af2cpu.run_records import Failure, SearchRecord, TargetRun, read_record
from af2cpu.run_status import RunStatus
from af2cpu.search.index import index_paths, load_index, packed_path
from af2cpu.search.indexing import build_index
from af2cpu.search.packed import open_packed, pack
from af2cpu.search.packed.reader import PackedReader
from af2cpu.search.packed.verify import verify_packed
from af2cpu.settings import load_settings
from af2cpu.weights.download import download_parameters
from af2cpu.weights.load import check_parameters, read_parameters
from af2cpu.weights.receipts import check_receipt

Parts = Mapping[str, bytes]


@dataclass(frozen=True)
class Stranger:
    """A kind of file: a valid one, and what reads it."""

    file: str  # its name
    parts: Parts
    read: Callable[[Path], object]
    join: Callable[[Parts], bytes] = lambda parts: b"".join(parts.values())
    beside: Parts = field(default_factory=dict)  # other files that are read with it

    @property
    def content(self) -> bytes:
        return self.join(self.parts)

    def damaged(self, edits: Sequence[Edit], where: int) -> bytes:
        """The file with harms in one of its parts, or in what they make together."""
        names = list(self.parts)
        if where % (len(names) + 1) == len(names) or len(names) == 1:
            return edited(self.content, edits)
        name = names[where % (len(names) + 1)]
        return self.join({**self.parts, name: edited(self.parts[name], edits)})

    def mutant(self, seed: int) -> bytes:
        """The same for the same seed."""
        rng = random.Random(seed)
        where = rng.randrange(len(self.parts) + 1)
        return self.damaged([random_edit(rng) for _ in range(rng.choice((1, 1, 2, 5)))], where)

    def swollen(self, seed: int, size: int) -> bytes:
        """One of its parts with a slice repeated until it has `size` bytes."""
        name = random.Random(seed).choice(list(self.parts))
        return self.join({**self.parts, name: swollen(self.parts[name], seed, size)})


def outcome(stranger: Stranger, folder: Path, content: bytes) -> str:
    """`read` or `refused`. Raises what is not our own error, and AssertionError for one of more than a line."""
    for name, other in stranger.beside.items():
        (folder / name).write_bytes(other)
    path = folder / stranger.file
    path.write_bytes(content)
    try:
        stranger.read(path)
    except InputError as error:
        if "\n" in str(error):
            raise AssertionError(f"more than a line: {error!r}") from error
        return "refused"
    return "read"


EXAMPLES = Path(__file__).parents[1] / "examples"
ROWS = ">q\nMKVLAWWW\n>r1 relative\nMKaaVLA-WW\n>r2\n--VLAWW-\n"
STOCKHOLM = (
    "# STOCKHOLM 1.0\n#=GF ID q\n\n#=GS r/1-8 DE a relative\n\nq            MKV.LAWWW\nr/1-8        MKVaLA-WW\n"
    "#=GC RF      xxx.xxxxx\n//\n"
)
JOINED = "#3,2\t1,1\n>101\t102\nMKVLA\n>u1\tu2\nM-VXA\n>101\nMKV--\n>own\nM----\n>102\n---LA\n>u3\nMKaVL-\n"
CSV = "id,sequence,description\na,MKVLA,one\nb,MKVLA:GGSW,two chains\n"
TOML = 'models = ["model_1_ptm"]\nnum-seeds = 2\nrelax = "all"\nmemory = "4G"\nmax_template_date = 2020-05-14\n'
QUERY = Query("q", "MKVLAWWW", "q", "test")
CHAINS = (Query("a", "MKV", "a", "test"), Query("b", "LA", "b", "test"))


def _inputs(path: Path) -> object:
    return read_inputs([path])


def _fasta(folder: Path) -> Stranger:
    return Stranger("in.fasta", {"": (EXAMPLES / "pairs.fasta").read_bytes()}, _inputs)


def _fasta_gz(folder: Path) -> Stranger:
    content = (EXAMPLES / "small_proteins.fasta").read_bytes()
    return Stranger("in.fasta.gz", {"text": content, "end": b""}, _inputs, _gzipped)


def _gzipped(parts: Parts) -> bytes:
    text, end = parts.values()
    return gzip.compress(text, 1, mtime=0) + end


def _fasta_pairs(folder: Path) -> Stranger:
    return Stranger("in.fasta", {"": (EXAMPLES / "pairs.fasta").read_bytes()}, lambda path: read_pairs([path]))


def _csv(folder: Path) -> Stranger:
    return Stranger("in.csv", {"": CSV.encode()}, _inputs)


def _a3m(folder: Path) -> Stranger:
    def read(path: Path) -> object:
        return read_a3m(path), read_given(path, QUERY), read_inputs([path])

    return Stranger("q.a3m", {"": ROWS.encode()}, read)


def _a3m_of_complex(folder: Path) -> Stranger:
    return Stranger("c.a3m", {"": JOINED.encode()}, lambda path: (read_paired(path, CHAINS), read_inputs([path])))


def _stockholm(folder: Path) -> Stranger:
    return Stranger("q.sto", {"": STOCKHOLM.encode()}, lambda path: (read_stockholm(path), read_given(path, QUERY)))


def _template_hits(folder: Path) -> Stranger:
    from plan_cases import searched

    from af2cpu.search.databases import select

    (query,) = queries("ubiquitin")
    done = searched(folder / "hits", query, select(demo_database("uniref90")[0].path.parents[1], None, []))
    source = TemplateSource(folder / "none")

    def read(path: Path) -> object:
        return hit_templates(query, read_template_hits(path, query), source)

    return Stranger("pdb_hits.sto", {"": (done.folder / "msas" / "pdb_hits.sto").read_bytes()}, read)


def _hhsearch_hits(folder: Path) -> Stranger:
    return Stranger("pdb_hits.hhr", {"": HHR.encode()}, lambda path: read_template_hits(path, GB1))


def _obsolete(folder: Path) -> Stranger:
    text = b" LIST OF OBSOLETE COORDINATE ENTRIES AND SUCCESSORS\nOBSLTE    31-JUL-94 116L     216L\n"
    return Stranger("obsolete.dat", {"": text + b"OBSLTE    29-JAN-96 125D\n"}, read_obsolete)


def _own_template(path: Path) -> object:
    return check_template(Query("q", "SAKDHRELQA", "", "test"), read_template(path))


def _pdb(folder: Path) -> Stranger:
    text = text_of(joined(helix("SAKDHRELQA", first=10), helix("MCEL", chain="B", shift=25.0)))
    return Stranger("template.pdb", {"": text.encode()}, lambda path: (_own_template(path), read_protein(path)))


def _mmcif(folder: Path) -> Stranger:
    made = write_mmcif(folder / "1abc.cif", [protein("A", "A", "SAKDHRELQA", 1)], ("2009-01-02",))
    return Stranger("template.cif", {"": made.read_bytes()}, _own_template)


def _mmcif_of_the_pdb(folder: Path) -> Stranger:
    """Damaged ones are skipped: nothing is raised at all."""
    letters = random_sequence(np.random.default_rng(0), 40)
    query = Query("q", "GGGG" + letters[:-4], "", "test")
    places = (-1,) * 4 + tuple(range(36))
    hit = TemplateHit(1, "1abc_A", 36, None, query.sequence, "----" + letters[:36], tuple(range(40)), places)
    made = write_mmcif(folder / "1abc.cif", [protein("A", "A", letters, 1)], ("2009-01-02",))
    return Stranger(
        "1abc.cif", {"": made.read_bytes()}, lambda path: hit_templates(query, [hit], TemplateSource(path.parent))
    )


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


def _parameters(folder: Path) -> Stranger:
    config = model_config("tiny")

    def read(path: Path) -> object:
        return check_parameters(read_parameters(path, config), config, str(path))

    return _npz("params_tiny.npz", tiny_npz(), read)


def _features(folder: Path) -> Stranger:
    write_features(folder / "f.npz", random_features(1, 6, 11))
    return _npz("features.npz", (folder / "f.npz").read_bytes(), _features_and_query)


def _features_of_complex(folder: Path) -> Stranger:
    write_features(folder / "f.npz", complex_features(["ACDEF", "GHIK", "ACDEF"], 2, 3))
    return _npz("features.npz", (folder / "f.npz").read_bytes(), _features_and_query)


def _features_and_query(path: Path) -> object:
    return query_of_features(read_features(path), path)


def _processed(folder: Path) -> Stranger:
    sampling = SamplingConfig(max_msa_clusters=9, max_extra_msa=7)
    write_draws(folder / "p.npz", Draws(random_features(1, 6, 11), sampling, seed=1, count=2))
    return _npz("processed.npz", (folder / "p.npz").read_bytes(), read_draws)


def _result(folder: Path) -> Stranger:
    made = prediction("AC:D:AC")
    write_result(folder / "r.npz", made, confidence_of(PredictionId(made.model, 0, 0), made))
    return _npz("result.npz", (folder / "r.npz").read_bytes(), lambda path: read_result(path, "model_1_ptm"))


DATABASE = "".join(f">s{k} description {k}\n{'MKVLAWGSTE' * (k % 7 + 1)}\n" for k in range(150)).encode()


def _database(folder: Path) -> Stranger:
    """Indexed, then its residues read as a search reads them."""

    def read(path: Path) -> object:
        for old in (*index_paths(path), packed_path(path)):
            old.unlink(missing_ok=True)
        return build_index(path, 1)

    return Stranger("db.fasta", {"": DATABASE}, read)


def _index(folder: Path) -> Stranger:
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


def _packed(folder: Path) -> Stranger:
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


def _record(name: str) -> Callable[[Path], Stranger]:
    kind, fields = RECORDS[name]
    return lambda folder: Stranger(name, {"": orjson.dumps(fields)}, lambda path: read_record(kind, path))


def _target_run(folder: Path) -> Stranger:
    """run.json of a real run."""
    from af2cpu.pipeline.run import run
    from af2cpu.plan.run import plan_run

    (folder / "in.a3m").write_text(">q\nMKTAYIAKQRQ\n>r\nMKTAVIAKQRQ\n")
    fixed = {"models": ["tiny"], "params": "synthetic:0", "recycles": 0, "relax": "none"}
    (done,) = run(plan_run([folder / "in.a3m"], folder / "out", load_settings(fixed)))
    assert done.error is None
    content = (done.folder / "run.json").read_bytes()
    return Stranger("run.json", {"": content}, lambda path: read_record(TargetRun, path))


def _run_status(folder: Path) -> Stranger:
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


def _receipt(folder: Path) -> Stranger:
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


def _toml(folder: Path) -> Stranger:
    return Stranger("af2cpu.toml", {"": TOML.encode()}, lambda path: load_settings({}, path, environ={}))


@contextmanager
def _answering(content: bytes) -> Iterator[str]:
    """A server that sends these bytes on each connection, whatever is asked, and closes it; its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.settimeout(10)
                        connection.recv(65536)
                        connection.sendall(content)
                        connection.shutdown(socket.SHUT_WR)
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
    thread.join()


def _head(body: bytes, more: str = "") -> bytes:
    return f'HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nETag: "v1"\r\n{more}\r\n'.encode()


def _without_pauses(read: Callable[[str, Path], object]) -> Callable[[Path], object]:
    """Reads what a server sends, without pauses between its tries; what it keeps is removed."""

    def reader(path: Path) -> object:
        folder = Path(tempfile.mkdtemp(dir=path.parent))
        try:
            with mock.patch("af2cpu.download.requests._PAUSE", 0.0), _answering(path.read_bytes()) as url:
                return read(url, folder)
        finally:
            shutil.rmtree(folder)

    return reader


def _download(folder: Path) -> Stranger:
    body = gzip.compress(DATABASE, 1, mtime=0)

    def read(url: str, folder: Path) -> None:
        with client() as http:
            fetch(http, f"{url}/db.fasta.gz", folder / "db.fasta")

    return Stranger("answer", {"head": _head(body), "body": body}, _without_pauses(read))


def _parameters_download(folder: Path) -> Stranger:
    body = tar_of({"LICENSE": b"Attribution 4.0\n", NAME: tiny_npz()})

    def read(url: str, folder: Path) -> None:
        download_parameters(["tiny"], folder / "params", f"{url}/params.tar")

    return Stranger("answer", {"head": _head(body), "body": body}, _without_pauses(read))


STRANGERS: dict[str, Callable[[Path], Stranger]] = {
    "FASTA": _fasta,
    "FASTA, gzip": _fasta_gz,
    "FASTA for all pairs": _fasta_pairs,
    "CSV": _csv,
    "a3m": _a3m,
    "a3m of a complex": _a3m_of_complex,
    "Stockholm": _stockholm,
    "pdb_hits.sto": _template_hits,
    "pdb_hits.hhr": _hhsearch_hits,
    "obsolete.dat": _obsolete,
    "structure, PDB": _pdb,
    "structure, mmCIF": _mmcif,
    "mmCIF of a template hit": _mmcif_of_the_pdb,
    "parameters": _parameters,
    "features.npz": _features,
    "features.npz of a complex": _features_of_complex,
    "processed features": _processed,
    "result npz": _result,
    "FASTA database": _database,
    "database index": _index,
    "packed database": _packed,
    "run.json": _target_run,
    "search.json": _record("search.json"),
    "failure.json": _record("failure.json"),
    "status of a run": _run_status,
    "receipt of parameters": _receipt,
    "settings, TOML": _toml,
    "download": _download,
    "download of parameters": _parameters_download,
}
NATIVE = {"packed database"}  # read by the native kernels


def stranger(name: str, folder: Path) -> Stranger | None:
    """None for one that this installation can't read."""
    return None if name in NATIVE and not isa.built() else STRANGERS[name](folder)
