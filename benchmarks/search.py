# SPDX-License-Identifier: Apache-2.0
"""The search beside jackhmmer, in one run, with equal results checked in the same run.

    python benchmarks/search.py [--folder FOLDER] [--quick] [--parts speed pack memory reading]

Makes its database (210 million residues, fixed seed, 0.3 % homologs of the queries) in FOLDER, by default in the user's
cache. Searches it packed, plain and without the filter, with 1 and 16 queries on 1 and 2 threads; packs it, and reads
the packed file from the page cache and from the disk. Prints a table and writes the parts that were run to
benchmarks/results/<version>/<cpu>_search.json; other parts stay there as they are.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import platformdirs

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts" / "demo")]

from machine import describe, result_path, write_result  # noqa: E402
from synthetic.evolution import homolog, random_letters, random_sequences  # noqa: E402

from af2cpu.formats.a3m import read_a3m  # noqa: E402
from af2cpu.formats.stockholm import read_stockholm  # noqa: E402
from af2cpu.ops import isa  # noqa: E402
from af2cpu.records import Query  # noqa: E402
from af2cpu.search import engine  # noqa: E402
from af2cpu.search.databases import Database, Way  # noqa: E402
from af2cpu.search.index import packed_path  # noqa: E402
from af2cpu.search.indexing import build_index, current_index  # noqa: E402
from af2cpu.search.msa import MsaResult, search_msas  # noqa: E402
from af2cpu.search.packed import PackedFile, open_packed  # noqa: E402
from af2cpu.search.packed.pack import pack  # noqa: E402
from af2cpu.search.packed.reader import PackedReader  # noqa: E402

SEED = 20261120
N_RES = 210_000_000  # residues of the database
HOMOLOGS = 0.003  # share of its sequences
QUERY_LENGTH = 300
N_QUERIES = 16
FOLDER = Path(platformdirs.user_cache_dir("af2cpu")) / "benchmarks"  # of the databases
N_HITS = 50_000
THREADS = 2
PARTS = ["pack", "speed", "memory", "reading"]
WAYS: tuple[Way, ...] = ("packed", "plain", "without screen")
FLAGS = ["--noali", "--F1", "0.0005", "--F2", "5e-05", "--F3", "5e-07", "--incE", "0.0001", "-E", "0.0001"]


def make_queries() -> list[Query]:
    """Random proteins of QUERY_LENGTH residues."""
    rng = np.random.default_rng(SEED)
    rows = [random_letters(rng, QUERY_LENGTH).tobytes().decode() for _ in range(N_QUERIES)]
    return [Query(f"q{i}", row, f"q{i} benchmark", "benchmark") for i, row in enumerate(rows)]


def make_loner() -> Query:
    """A query of which the database has no homologs: what hits cost is the difference to the others."""
    letters = random_letters(np.random.default_rng(SEED + 9), QUERY_LENGTH).tobytes().decode()
    return Query("loner", letters, "loner benchmark", "benchmark")


def make_database(path: Path, queries: list[Query], n_res: int, homologs: float) -> None:
    """Unrelated sequences with a share of homologs of the queries among them, in lines of 60."""
    rng = np.random.default_rng(SEED + 1)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        for i, unrelated in enumerate(random_sequences(rng, n_res)):
            letters = unrelated
            if rng.random() < homologs:
                query = queries[int(rng.integers(len(queries)))].sequence.encode()
                start = int(rng.integers(0, len(query) // 2))
                relative = homolog(
                    rng, query[start : start + int(rng.integers(120, 300))], float(rng.uniform(0.1, 0.6))
                )
                letters = np.concatenate([letters[: len(letters) // 2], relative])
            text = letters.tobytes()
            file.write(b">UniRef90_B%08d Benchmark protein %d n=1 Tax=None TaxID=0 RepID=B%08d_NONE\n" % (i, i, i))
            file.write(b"".join(text[k : k + 60] + b"\n" for k in range(0, len(text), 60)))
    temporary.replace(path)


def database_in(folder: Path, queries: list[Query], n_res: int, homologs: float) -> Path:
    """The database in a folder, made where it is not there from an earlier run."""
    folder.mkdir(parents=True, exist_ok=True)
    fasta = folder / f"search_{n_res}_{homologs}.fasta"
    if not fasta.exists():
        make_database(fasta, queries, n_res, homologs)
    return fasta


def timed(call: Callable[[], Any]) -> float:
    """Seconds of wall-clock time."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def jackhmmer(query: Query, fasta: Path, folder: Path, threads: int) -> Path:
    """AlphaFold's call, with as many worker threads as we have."""
    (folder / "query.fasta").write_text(f">{query.description}\n{query.sequence}\n")
    result = folder / f"{query.name}.sto"
    files = ["-o", "/dev/null", "-A", result, folder / "query.fasta", fasta]
    command = ["jackhmmer", *FLAGS, "--cpu", threads, "-N", 1, *files]
    subprocess.run([str(part) for part in command], check=True)
    return result


def ours(queries: list[Query], fasta: Path, folder: Path, threads: int) -> list[MsaResult]:
    """The same through the package, all queries in one pass, their Stockholm files written."""
    index = current_index(fasta, threads)
    folders = [folder / query.name for query in queries]
    for path in folders:
        path.mkdir(exist_ok=True)
    return list(search_msas(queries, folders, [(Database("uniref90", fasta), index)], threads))


@contextmanager
def searched_by(way: Way, fasta: Path) -> Iterator[None]:
    """Hides what another way needs: the packed file, or the filter."""
    packed, aside = packed_path(fasta), fasta.with_name("aside")
    fast = engine.is_fast
    try:
        if way != "packed":
            packed.rename(aside)
        if way == "without screen":
            engine.is_fast = lambda: False
        yield
    finally:
        engine.is_fast = fast
        if aside.exists():
            aside.rename(packed)


def child(command: list[str]) -> dict[str, Any]:
    """Runs a part of this script as a process of its own; what it prints."""
    return orjson.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def summary(seconds: list[float]) -> dict[str, Any]:
    """Median and all values."""
    return {"median_s": statistics.median(seconds), "all_s": seconds}


def equal(first: Path, second: Path) -> bool:
    """Whether two Stockholm files agree in all but the author's line."""
    texts = [[line for line in p.read_bytes().splitlines() if not line.startswith(b"#=GF AU")] for p in (first, second)]
    return texts[0] == texts[1]


def speed(
    queries: list[Query], fasta: Path, folder: Path, threads: int, rounds: int, ways: Sequence[Way] = WAYS
) -> dict[str, Any]:
    """jackhmmer (a run for each query) and our ways (one pass for all), in turns; `search_s` leaves out the start."""
    ours(queries, fasta, folder, threads)  # the files are in the page cache for all
    times: dict[str, list[float]] = {"jackhmmer": [], **{way: [] for way in ways}}
    passes: dict[str, list[float]] = {way: [] for way in ways}
    passed, same = {}, True
    for _ in range(rounds):
        if shutil.which("jackhmmer"):
            times["jackhmmer"].append(timed(lambda: [jackhmmer(q, fasta, folder, threads) for q in queries]))
        for way in ways:
            with searched_by(way, fasta):
                began = time.perf_counter()
                results = ours(queries, fasta, folder, threads)
                times[way].append(time.perf_counter() - began)
            assert {result.way for result in results} == {way}
            passes[way].append(sum(result.seconds for result in results))
            passed[way] = sum(result.passed for result in results)
            same = same and all(equal(folder / f"{result.query.name}.sto", result.path) for result in results)
    cells = sum(query.n_res for query in queries) * current_index(fasta, threads).n_res
    found: dict[str, Any] = {"queries": len(queries), "threads": threads, "byte_equal_but_for_author": same}
    found["hits"] = sum(result.hits for result in results)
    for name, seconds in times.items():
        if seconds:
            found[name] = summary(seconds) | {"gcells_per_s": cells / statistics.median(seconds) / 1e9}
        if seconds and name in passed:
            found[name] |= {"search_s": statistics.median(passes[name]), "passed": passed[name]}
            if times["jackhmmer"]:
                found[name]["against_jackhmmer"] = found["jackhmmer"]["median_s"] / found[name]["median_s"]
                found[name]["search_against_jackhmmer"] = found["jackhmmer"]["median_s"] / found[name]["search_s"]
    return found


def packing(fasta: Path) -> dict[str, Any]:
    """Rate of packing by threads, size, peak memory; rates of reading it from the page cache and from the disk."""
    found: dict[str, Any] = {"fasta_bytes": fasta.stat().st_size}
    for threads in (1, THREADS):
        packed_path(fasta).unlink(missing_ok=True)
        made = child([sys.executable, __file__, "--child", "pack", str(fasta), str(threads)])
        rate = found["fasta_bytes"] / made["seconds"] / 1e6
        found[f"threads_{threads}"] = made | {"mb_of_fasta_per_s": rate}
    packed = open_packed(fasta)
    assert packed is not None
    found["packed_bytes"] = packed.path.stat().st_size
    found["scanned_bytes"] = sum(piece.n_bytes for piece in packed.pieces)
    found["bytes_per_residue"] = found["scanned_bytes"] / packed.origin.n_res
    for place in ("page_cache", "disk"):
        seconds = []
        for _ in range(3):
            if place == "disk":
                _forget(packed.path)
            seconds.append(timed(lambda: _read_all(packed)))
        rates = {"gres_per_s": packed.origin.n_res / 1e9, "gb_per_s": found["scanned_bytes"] / 1e9}
        best = statistics.median(seconds)
        found[place] = {"one_thread_s": best, **{name: amount / best for name, amount in rates.items()}}
    return found


def _read_all(packed: PackedFile) -> None:
    with PackedReader(packed, ahead=4) as reader:
        for number in range(len(packed.pieces)):
            reader.read(number)


def _forget(path: Path) -> None:
    """Drops a file from the page cache; what a virtual machine's host has cached stays there."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def memory(fasta: Path, queries: list[Query], folder: Path) -> dict[str, Any]:
    """Peak memory of processes that search: the large database, and one where a query has N_HITS hits."""
    family = folder / "family.fasta"
    rng = np.random.default_rng(SEED + 2)
    with family.open("wb") as file:
        for i in range(N_HITS):
            letters = homolog(rng, queries[0].sequence.encode(), float(rng.uniform(0.1, 0.5))).tobytes()
            file.write(b">family_%06d relative\n%s\n" % (i, letters))
    build_index(family, THREADS)
    run = [sys.executable, __file__, "--child"]
    start = child([*run, "nothing"])["peak_bytes"]
    large = child([*run, "search", str(fasta), "q0", str(folder)])
    with searched_by("plain", fasta):
        plain = child([*run, "search", str(fasta), "q0", str(folder)])
    hits = child([*run, "search", str(family), "q0", str(folder)])
    return {
        "imports_bytes": start,
        "packed_bytes": large["peak_bytes"],
        "plain_bytes": plain["peak_bytes"],
        "large_database_hits": large["hits"],
        "many_hits_bytes": hits["peak_bytes"],
        "many_hits": hits["hits"],
        "bytes_per_hit": (hits["peak_bytes"] - start) / hits["hits"],
        "stockholm_bytes": hits["file_bytes"],
    }


def reading(folder: Path) -> dict[str, Any]:
    """Peak memory of processes that read large alignments, per kept cell."""
    n_seq, n_res = 400_000, 500
    rng = np.random.default_rng(SEED + 3)
    rows = [random_letters(rng, n_res).tobytes() for _ in range(1000)]
    a3m, sto = folder / "large.a3m", folder / "large.sto"
    with a3m.open("wb") as file:
        file.writelines(b">row%d\n%s\n" % (i, rows[i % 1000]) for i in range(n_seq))
    with sto.open("wb") as file:
        file.write(b"# STOCKHOLM 1.0\n\n")
        for start in range(0, n_res, 200):
            file.writelines(b"row%-8d %s\n" % (i, rows[i % 1000][start : start + 200]) for i in range(n_seq))
            file.write(b"\n")
        file.write(b"//\n")
    start = child([sys.executable, __file__, "--child", "nothing"])["peak_bytes"]
    found: dict[str, Any] = {"rows": n_seq, "columns": n_res}
    for path in (a3m, sto):
        measured = child([sys.executable, __file__, "--child", "read", str(path)])
        found[path.suffix[1:]] = {
            "bytes_per_cell": (measured["peak_bytes"] - start) / (n_seq * n_res),
            "seconds": measured["seconds"],
            "file_bytes": path.stat().st_size,
        }
    return found


def run_child(arguments: list[str]) -> None:
    """What the processes of this script do; prints a JSON object."""
    found: dict[str, Any] = {}
    began = time.perf_counter()
    if arguments[0] == "search":
        fasta, name, folder = Path(arguments[1]), arguments[2], Path(arguments[3])
        query = next(query for query in make_queries() if query.name == name)
        (result,) = ours([query], fasta, folder, THREADS)
        found = {"hits": result.hits, "file_bytes": result.path.stat().st_size}
    elif arguments[0] == "pack":
        pack(Path(arguments[1]), int(arguments[2]))
        found["seconds"] = time.perf_counter() - began
    elif arguments[0] == "read":
        path = Path(arguments[1])
        found["seconds"] = timed(lambda: (read_a3m if path.suffix == ".a3m" else read_stockholm)(path))
    found["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(orjson.dumps(found).decode())


def table(speeds: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The speeds as lines for people."""
    yield f"queries  hits threads {'':15} {'seconds':>8} {'search':>8} {'Gcells/s':>9} {'jackhmmer =':>12}"
    for found in speeds:
        for name in ("jackhmmer", *WAYS):
            if name in found:
                row = found[name]
                search, ratio = row.get("search_s", row["median_s"]), row.get("against_jackhmmer", 1.0)
                yield (
                    f"{found['queries']:7} {found['hits']:5} {found['threads']:7} {name:15} "
                    f"{row['median_s']:8.3f} {search:8.3f} "
                    f"{row['gcells_per_s']:9.1f} {ratio:12.2f}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a database of 5 million residues, nothing is recorded")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run_child(options.child)
        return
    n_res = 5_000_000 if options.quick else N_RES
    queries = make_queries()
    fasta = database_in(options.folder, queries, n_res, HOMOLOGS)
    record = measured(options.parts, fasta, queries, options.rounds)
    print(orjson.dumps(record, option=orjson.OPT_INDENT_2).decode())
    print(*table(record.get("speed", [])), sep="\n")
    if not options.quick:
        write_result("search", earlier() | record)


def earlier() -> dict[str, Any]:
    """The parts of the last record, which a run of other parts leaves as they are."""
    path = result_path("search")
    known = orjson.loads(path.read_bytes()) if path.exists() else {}
    return {name: known[name] for name in ("packing", "speed", "memory", "reading") if name in known}


def measured(parts: list[str], fasta: Path, queries: list[Query], rounds: int) -> dict[str, Any]:
    """The parts that were asked for, with the machine and the database."""
    index_seconds = timed(lambda: build_index(fasta, THREADS))
    index = current_index(fasta, THREADS)
    record: dict[str, Any] = {"machine": describe("pyhmmer") | {"isa_in_use": isa.level()}}
    record["database"] = {"sequences": index.n_seq, "residues": index.n_res, "bytes": index.size, "hash": index.hash}
    record["database"] |= {"seed": SEED, "homologs": HOMOLOGS, "index_seconds": index_seconds}
    if "pack" in parts:
        record["packing"] = packing(fasta)
    pack(fasta, THREADS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "speed" in parts:
            record["speed"] = [
                speed(some, fasta, folder, threads, rounds if len(some) == 1 else 1)
                for some in ([make_loner()], queries[:1], queries)
                for threads in (1, THREADS)
            ]
        if "memory" in parts:
            record["memory"] = memory(fasta, queries, folder)
        if "reading" in parts:
            record["reading"] = reading(folder)
    record["load_after"] = os.getloadavg()
    return record


if __name__ == "__main__":
    main()
