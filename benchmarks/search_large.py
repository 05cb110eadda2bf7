# SPDX-License-Identifier: Apache-2.0
"""The search beside jackhmmer on 4.2 billion residues, where start-up and the alignments of hits count little.

    python benchmarks/search_large.py [--folder FOLDER] [--rounds 3] [--jobs loner one sixteen]

As benchmarks/search.py: random sequences (fixed seed), 0.03 % of them homologs of one of the 16 queries, so that a
query has some 240, or 0.002 % of the database. FOLDER takes 10 GB; what is in it from an earlier run is used. All
cores; `sixteen` (16 queries in one pass, beside 16 runs of jackhmmer) runs once. Rows join the record of this machine.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from machine import merge_rows
from search import FOLDER, THREADS, database_in, make_loner, make_queries, speed, table

from af2cpu.ops import isa
from af2cpu.search.indexing import build_index, current_index
from af2cpu.search.packed.pack import pack

N_RES, HOMOLOGS = 4_200_000_000, 0.0003


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", nargs="+", default=["loner", "one", "sixteen"])
    options = parser.parse_args()
    queries = make_queries()
    fasta = database_in(options.folder, queries, N_RES, HOMOLOGS)
    build_index(fasta, THREADS)
    pack(fasta, THREADS)
    jobs = {"loner": [make_loner()], "one": queries[:1], "sixteen": queries}
    index = current_index(fasta, THREADS)
    for job in options.jobs:
        with tempfile.TemporaryDirectory() as folder:
            rounds = 1 if job == "sixteen" else options.rounds
            found = speed(jobs[job], fasta, Path(folder), THREADS, rounds, ways=("packed", "plain"))
        print(*table([found]), sep="\n", flush=True)
        database = {"residues": index.n_res, "sequences": index.n_seq, "homologs": HOMOLOGS}
        row = {"job": job, "isa_in_use": isa.level(), "rounds": rounds, **database, **found}
        merge_rows("search_large", [row], ("job",), "pyhmmer")


if __name__ == "__main__":
    main()
