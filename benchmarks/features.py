# SPDX-License-Identifier: Apache-2.0
"""Peak memory of the features of a large complex: the stage itself, from alignments on disk to features.npz.

    python benchmarks/features.py [--chains 10] [--residues 500] [--rows 10000] [--pairing-rows 10000 50000]

Chains differ. Each has an alignment of its own and one to pair by species, of random letters, in Stockholm files;
AlphaFold's cap of UniProt's is 50,000 rows. The stage runs in a process of its own, and so does one draw of the input
of model_1_multimer_v3 from its result. Rows join the record of this machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from machine import merge_rows
from sides import peak_gb

from af2cpu.features.config import SamplingConfig
from af2cpu.features.sample import Sampler
from af2cpu.formats.features import read_features
from af2cpu.model.config import model_config
from af2cpu.pipeline.stages.entities import entity_input
from af2cpu.pipeline.stages.features import FEATURES, ChainTask, FeaturesTask
from af2cpu.records import Query
from af2cpu.records.chain_ids import chain_id
from af2cpu.workspace import Receipt, Work

KEY = ("chains", "residues", "rows", "pairing_rows")
MODEL = "model_1_multimer_v3"
LETTERS = np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY-", np.uint8)
N_SPECIES = 3000


def sequences(n_chains: int, n_res: int) -> list[bytes]:
    rng = np.random.default_rng(0)
    return [LETTERS[rng.integers(0, 20, n_res)].tobytes() for _ in range(n_chains)]


def write_alignment(path: Path, query: bytes, n_rows: int, seed: int) -> None:
    """Rows that keep half of the query's letters, named by species as UniProt's."""
    rng = np.random.default_rng(seed)
    with path.open("wb") as file:
        file.write(b"# STOCKHOLM 1.0\n\n" + f"{'query':34}".encode() + query + b"\n")
        for row in range(1, n_rows):
            other = LETTERS[rng.integers(0, 21, len(query))]
            letters = np.where(rng.random(len(query)) < 0.5, np.frombuffer(query, np.uint8), other).tobytes()
            species = f"S{rng.integers(0, N_SPECIES):04d}"
            file.write(f"{f'tr|A{row:07d}|X{row:07d}_{species}':34}".encode() + letters + b"\n")
        file.write(b"//\n")


def work(folder: Path, queries: list[bytes]) -> Work[FeaturesTask]:
    """The stage's work on the files of a folder."""
    chains = [
        ChainTask(Query(chain_id(k), one.decode(), chain_id(k), "benchmark"), (chain_id(k),))
        for k, one in enumerate(queries)
    ]
    inputs = {
        entity_input(chain.entity, kind): (Receipt(folder / chain.entity / file, "", file, None),)
        for chain in chains
        for kind, file in (("alignments", "uniref90_hits.sto"), ("pairing", "uniprot_hits.sto"))
    }
    query = Query("complex", ":".join(chain.query.sequence for chain in chains), "complex", "benchmark")
    task = FeaturesTask(query, tuple(chains), None, None, None)
    return Work(task, {"complex": folder / "features.npz"}, inputs)


def stage(folder: Path, n_chains: int, n_res: int) -> dict[str, float]:
    """In a process of its own: the stage on the files of a folder."""
    start, loaded = time.perf_counter(), peak_gb()
    ((_, made),) = FEATURES.make([work(folder, sequences(n_chains, n_res))], 1)
    size = (folder / "features.npz").stat().st_size / 1e9
    seconds = time.perf_counter() - start
    return {"n_seq": made.n_seq, "file_gb": size, "loaded_gb": loaded, "peak_gb": peak_gb(), "seconds": seconds}


def draw(folder: Path, *_: int) -> dict[str, float]:
    """In a process of its own: one draw from the stage's result."""
    start, data = time.perf_counter(), model_config(MODEL).data
    features = read_features(folder / "features.npz")
    read = peak_gb()
    config = SamplingConfig(data.max_msa_clusters, data.max_extra_msa, data.max_templates, draw=data.draw)
    Sampler(features, config).draw(np.random.default_rng(0))
    return {"read_gb": read, "draw_peak_gb": peak_gb(), "draw_seconds": time.perf_counter() - start}


CHILDREN: dict[str, Callable[..., dict[str, float]]] = {"stage": stage, "draw": draw}


def child(name: str, folder: Path, n_chains: int, n_res: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", name, str(folder), str(n_chains), str(n_res)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure(n_chains: int, n_res: int, n_rows: int, pairing_rows: int) -> dict[str, Any]:
    """A row of the record."""
    row: dict[str, Any] = {"chains": n_chains, "residues": n_res, "rows": n_rows, "pairing_rows": pairing_rows}
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        for k, query in enumerate(sequences(n_chains, n_res)):
            (folder / chain_id(k)).mkdir()
            write_alignment(folder / chain_id(k) / "uniref90_hits.sto", query, n_rows, 2 * k)
            write_alignment(folder / chain_id(k) / "uniprot_hits.sto", query, pairing_rows, 2 * k + 1)
        for name in CHILDREN:
            row |= child(name, folder, n_chains, n_res)
    return row


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        name, folder, *sizes = sys.argv[2:]
        print(json.dumps(CHILDREN[name](Path(folder), *map(int, sizes))))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chains", type=int, default=10)
    parser.add_argument("--residues", type=int, default=500)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--pairing-rows", type=int, nargs="+", default=[10_000, 50_000])
    args = parser.parse_args()
    for pairing_rows in args.pairing_rows:
        row = measure(args.chains, args.residues, args.rows, pairing_rows)
        print("  ".join(f"{k} {v:.2f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)
        merge_rows("features", [row], KEY, "numpy")


if __name__ == "__main__":
    main()
