# SPDX-License-Identifier: Apache-2.0
"""What is measured side by side: each in a process of its own, loaded once and run when told.

The processes wait for each other, so that runs alternate (A B A B) and a busy machine slows both; the peak resident
set of a process, interpreter and libraries included, is its own.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from machine import ROOT, commit_of

PARAMS = "synthetic:0"
REFERENCE = "jax"  # the oracle: alphafold-colabfold's network in float32


@dataclass(frozen=True)
class Case:
    """One network on one synthetic protein; rows and templates None: as many as the model takes."""

    model: str
    n_res: int
    rows: int | None = None  # of the clustered MSA; then there are no extra rows
    templates: int | None = None
    one_block: bool = False  # of each stack: what memory takes is the same, but for the parameters
    chains: Sequence[int] = ()  # residues of each, of a complex

    def config(self) -> Any:
        """Of the network."""
        from af2cpu.model.config import model_config
        from af2cpu.validate.synthetic import with_one_block

        config = model_config(self.model)
        return with_one_block(config) if self.one_block else config

    def sizes(self) -> Any:
        """Of what our network sees."""
        from af2cpu.model.cost import full_sizes

        full = full_sizes(self.config(), self.n_res)
        few = {} if self.rows is None else {"n_seq": self.rows, "n_extra": 0}
        few |= {} if self.templates is None else {"n_templ": self.templates}
        return replace(full, **few)


@dataclass(frozen=True)
class Program:
    """What runs a case: the reference, or one of our engines."""

    name: str  # jax, or an engine of ours
    precision: str = "fp32"
    checkout: Path | None = None  # another version of this program, with its kernels built

    def __str__(self) -> str:
        version = f" of {commit_of(self.checkout)}" if self.checkout else ""
        return f"{self.name} {self.precision}{version}"


def parse_program(text: str) -> Program:
    """`engine:precision`, jax, or `engine:precision@FOLDER` of another checkout of this program."""
    program, _, checkout = text.partition("@")
    name, _, precision = program.partition(":")
    return Program(name, precision or "fp32", Path(checkout).resolve() if checkout else None)


class Side:
    """A program in its own process, ready to run one case again and again."""

    def __init__(self, program: Program, case: Case) -> None:
        self.program, self.case = program, case
        root = program.checkout or ROOT
        asked = {name: value for name, value in asdict(case).items() if value != ()}  # versions may not know chains
        task = json.dumps({"program": {"name": program.name, "precision": program.precision}, "case": asked})
        self._process = subprocess.Popen(
            [sys.executable, root / "benchmarks" / "sides.py", task],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(root)},
        )
        self.loaded = self._answer()

    def run(self) -> dict[str, float]:
        """One pass through the network: seconds and the peak of the process so far in GB."""
        return self._ask("run")

    def save(self, path: Path) -> dict[str, np.ndarray]:
        """What the last pass gave: atom_positions [n_res, 37, 3] in angstrom, atom_mask, plddt [n_res]."""
        self._ask(f"save {path}")
        with np.load(path) as arrays:
            return dict(arrays)

    def __enter__(self) -> Side:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.communicate()

    def _ask(self, line: str) -> dict[str, float]:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.program} ended with {self._process.wait()} on {self.case}; its message is above")
        return json.loads(line)


class Runs(Protocol):
    """What can be run again and again: seconds, and the peak of its process in GB."""

    def run(self) -> dict[str, float]: ...


def alternate(sides: Sequence[Runs], repeats: int) -> list[list[dict[str, float]]]:
    """What each of the sides found at its repeats, all having their turn before one has its next."""
    runs: list[list[dict[str, float]]] = [[] for _ in sides]
    for _ in range(repeats):
        for side, done in zip(sides, runs, strict=True):
            done.append(side.run())
    return runs


def figures(runs: list[dict[str, float]]) -> dict[str, float]:
    """Median and spread of the seconds, and the highest peak."""
    seconds = [run["seconds"] for run in runs]
    return {
        "median_s": statistics.median(seconds),
        "min_s": min(seconds),
        "max_s": max(seconds),
        "peak_gb": max(run["peak_gb"] for run in runs),
    }


def peak_gb(usage: resource.struct_rusage | None = None) -> float:
    """The peak resident set of this process so far, or of one that has ended, in GB (the system counts in KiB)."""
    usage = usage or resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_maxrss * 1024 / 1e9


def features_of(case: Case, padded_rows: bool) -> Any:
    """One draw. The reference takes every MSA padded to full size; nothing padded reaches our network."""
    from af2cpu.model.cost import full_sizes
    from af2cpu.validate.synthetic import padded, synthetic_features

    config = case.config()
    sizes, full = case.sizes(), full_sizes(config, case.n_res)
    given = {"n_seq": sizes.n_seq, "n_extra": sizes.n_extra, "n_templ": sizes.n_templ}
    drawn = synthetic_features(config, case.chains or case.n_res, **given)
    return padded(drawn, full.n_seq, full.n_extra, full.n_templ) if padded_rows else drawn


Outputs = dict[str, np.ndarray]


def ours(program: Program, case: Case) -> Callable[[], Outputs]:
    from af2cpu.ops.dispatch import use_engine
    from af2cpu.weights.network import load_network

    use_engine(program.name)
    features = [features_of(case, padded_rows=False)]
    network = load_network(case.config(), PARAMS, program.precision).prepare(release=True)

    def run() -> Outputs:
        one = network.predict(features, recycles=0)
        return {"atom_positions": one.atom_positions, "atom_mask": one.atom_mask, "plddt": one.plddt}

    return run


def reference(program: Program, case: Case) -> Callable[[], Outputs]:
    from af2cpu.validate.reference import haiku_parameters, run_passes
    from af2cpu.validate.torsions import shared_torsions
    from af2cpu.weights.load import read_parameters

    if program.precision != "fp32":
        raise ValueError("the reference is run in float32")
    config = case.config()
    features = [features_of(case, padded_rows=True)]
    parameters = haiku_parameters(read_parameters(PARAMS, config))
    torsions = [shared_torsions(features[0])[0]]

    def run() -> Outputs:
        (result,) = run_passes(config, parameters, features, torsions)
        module = result["structure_module"]
        atoms = {"atom_positions": module["final_atom_positions"], "atom_mask": module["final_atom_mask"]}
        return atoms | {"plddt": result["plddt"]}

    run()  # compiles
    return run


def main() -> None:
    task = json.loads(sys.argv[1])
    program, case = Program(**task["program"]), Case(**task["case"])
    start = time.perf_counter()
    run = (reference if program.name == REFERENCE else ours)(program, case)
    print(json.dumps({"load_s": time.perf_counter() - start, "loaded_gb": peak_gb()}), flush=True)
    outputs: Outputs = {}
    for line in sys.stdin:
        command, _, path = line.strip().partition(" ")
        start = time.perf_counter()
        if command == "run":
            outputs = run()
        else:
            np.savez(path, **outputs)  # type: ignore[arg-type]
        print(json.dumps({"seconds": time.perf_counter() - start, "peak_gb": peak_gb()}), flush=True)


if __name__ == "__main__":
    main()
