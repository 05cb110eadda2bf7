"""The search beside jackhmmer, in one run, with equal results checked in the same run.

    python benchmarks/search.py [--folder FOLDER] [--quick]

Makes its database (210 million residues, fixed seed, 0.3 % homologs of the queries) in FOLDER, by default in the user's
cache; prints a table and writes benchmarks/results/<version>/<cpu>_search.json.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import platformdirs

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from demo.evolution import homolog, random_letters, random_sequences  # noqa: E402
from machine import describe, write_result  # noqa: E402

from af2cpu.formats.a3m import read_a3m  # noqa: E402
from af2cpu.formats.stockholm import read_stockholm  # noqa: E402
from af2cpu.records import Query  # noqa: E402
from af2cpu.search.databases import Database  # noqa: E402
from af2cpu.search.indexing import build_index, current_index  # noqa: E402
from af2cpu.search.msa import search_msas  # noqa: E402

SEED = 20261120
N_RES = 210_000_000  # residues of the database
HOMOLOGS = 0.003  # share of its sequences
QUERY_LENGTH = 300
N_QUERIES = 16
N_HITS = 50_000
THREADS = 2
FLAGS = ["--noali", "--F1", "0.0005", "--F2", "5e-05", "--F3", "5e-07", "--incE", "0.0001", "-E", "0.0001"]


def make_queries() -> list[Query]:
    """Random proteins of QUERY_LENGTH residues."""
    rng = np.random.default_rng(SEED)
    rows = [random_letters(rng, QUERY_LENGTH).tobytes().decode() for _ in range(N_QUERIES)]
    return [Query(f"q{i}", row, f"q{i} benchmark", "benchmark") for i, row in enumerate(rows)]


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


def timed(call: Callable[[], Any]) -> float:
    """Seconds of wall-clock time."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def jackhmmer(query: Query, fasta: Path, folder: Path) -> Path:
    """AlphaFold's call, with as many worker threads as we have cores."""
    (folder / "query.fasta").write_text(f">{query.description}\n{query.sequence}\n")
    result = folder / "jackhmmer.sto"
    files = ["-o", "/dev/null", "-A", result, folder / "query.fasta", fasta]
    command = ["jackhmmer", *FLAGS, "--cpu", THREADS, "-N", 1, *files]
    subprocess.run([str(part) for part in command], check=True)
    return result


def ours(queries: list[Query], fasta: Path, folder: Path) -> list[Path]:
    """The same through the package, its Stockholm files written."""
    index = current_index(fasta, THREADS)
    folders = [folder / query.name for query in queries]
    for path in folders:
        path.mkdir(exist_ok=True)
    return [result.path for result in search_msas(queries, folders, [(Database("uniref90", fasta), index)], THREADS)]


def command_line(query: Query, fasta: Path, folder: Path) -> None:
    """The same as a new process: start-up and imports count."""
    child([sys.executable, __file__, "--child", "search", str(fasta), query.name, str(folder)])


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


def one_query(queries: list[Query], fasta: Path, folder: Path, rounds: int) -> dict[str, Any]:
    """jackhmmer, ours, ours from a new process, in turns."""
    times: dict[str, list[float]] = {"jackhmmer": [], "ours": [], "ours_new_process": []}
    query, same = queries[0], True
    ours(queries[:1], fasta, folder)  # the file is in the page cache for all
    for _ in range(rounds):
        times["jackhmmer"].append(timed(lambda: jackhmmer(query, fasta, folder)))
        times["ours"].append(timed(lambda: ours([query], fasta, folder)))
        times["ours_new_process"].append(timed(lambda: command_line(query, fasta, folder)))
        same = same and equal(folder / "jackhmmer.sto", folder / query.name / "uniref90_hits.sto")
    result: dict[str, Any] = {name: summary(values) for name, values in times.items()}
    result["byte_equal_but_for_author"] = same
    result["speed_against_jackhmmer"] = result["jackhmmer"]["median_s"] / result["ours"]["median_s"]
    return result


def many_queries(queries: list[Query], fasta: Path, folder: Path, rounds: int) -> dict[str, Any]:
    """All queries in one pass and in a pass each, in turns."""
    one: list[float] = []
    each: list[float] = []
    for _ in range(rounds):
        one.append(timed(lambda: ours(queries, fasta, folder)))
        texts = [(folder / query.name / "uniref90_hits.sto").read_bytes() for query in queries]
        each.append(timed(lambda: [ours([query], fasta, folder) for query in queries]))
        assert texts == [(folder / query.name / "uniref90_hits.sto").read_bytes() for query in queries]
    result: dict[str, Any] = {"queries": len(queries), "one_pass": summary(one), "a_pass_each": summary(each)}
    result["speed_of_one_pass"] = result["a_pass_each"]["median_s"] / result["one_pass"]["median_s"]
    return result


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
    hits = child([*run, "search", str(family), "q0", str(folder)])
    return {
        "imports_bytes": start,
        "large_database_bytes": large["peak_bytes"],
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
    if arguments[0] == "search":
        fasta, name, folder = Path(arguments[1]), arguments[2], Path(arguments[3])
        query = next(query for query in make_queries() if query.name == name)
        (folder / name).mkdir(exist_ok=True)
        index = current_index(fasta, THREADS)
        (result,) = search_msas([query], [folder / name], [(Database("uniref90", fasta), index)], THREADS)
        found = {"hits": result.hits, "file_bytes": result.path.stat().st_size}
    elif arguments[0] == "read":
        path = Path(arguments[1])
        found["seconds"] = timed(lambda: (read_a3m if path.suffix == ".a3m" else read_stockholm)(path))
    found["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(orjson.dumps(found).decode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(platformdirs.user_cache_dir("af2cpu")) / "benchmarks")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a database of 5 million residues, nothing is recorded")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        run_child(options.child)
        return
    n_res = 5_000_000 if options.quick else N_RES
    options.folder.mkdir(parents=True, exist_ok=True)
    fasta, queries = options.folder / f"search_{n_res}.fasta", make_queries()
    if not fasta.exists():
        make_database(fasta, queries, n_res, HOMOLOGS)
    index_seconds = timed(lambda: build_index(fasta, THREADS))
    index = current_index(fasta, THREADS)
    record: dict[str, Any] = {"machine": describe("pyhmmer"), "threads": THREADS}
    record["database"] = {"sequences": index.n_seq, "residues": index.n_res, "bytes": index.size, "hash": index.hash}
    record["database"] |= {"seed": SEED, "homologs": HOMOLOGS, "index_seconds": index_seconds}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if shutil.which("jackhmmer"):
            record["one_query"] = one_query(queries, fasta, folder, options.rounds)
        record["many_queries"] = many_queries(queries, fasta, folder, max(1, options.rounds // 3))
        record["memory"] = memory(fasta, queries, folder)
        record["reading"] = reading(folder)
    record["load_after"] = os.getloadavg()
    print(orjson.dumps(record, option=orjson.OPT_INDENT_2).decode())
    if not options.quick:
        write_result("search", record)


if __name__ == "__main__":
    main()
