# SPDX-License-Identifier: Apache-2.0
"""Other programs beside ours on the same features and parameters, in one run.

    python benchmarks/rivals.py --rival openfold 'python run.py {features} {params} {output}'
        [--rival NAME COMMAND ...] [--programs native:bf16 native:fp32] [--n-res 128 256] [--repeats 3]

A command is run in a shell. It gets the file of one draw of processed features (AlphaFold 2's names and shapes, a
leading axis of 1), a parameter file in DeepMind's format, and where to leave plddt [n_res] and atom_positions
[n_res, 37, 3] as npz, which is compared with ours. If its last line of output is a JSON object with `seconds`, these
count (a pass without loading and compiling); else the wall time of the whole command does. Measured is its peak
resident set too. Runs alternate; the record names a rival as it was named here (its version is of use there).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from end_to_end import differences
from machine import merge_rows, with_rates
from sides import PARAMS, Case, Program, Side, alternate, features_of, figures, parse_program, peak_gb

from af2cpu.formats.features import write_draws
from af2cpu.model.config import model_config
from af2cpu.weights.load import read_parameters
from af2cpu.weights.synthetic import write_parameters

KEY = ("model", "n_res", "rival", "program")


class Rival(NamedTuple):
    """Another program: its name in the record, and its command with the paths filled in."""

    name: str
    command: str
    output: Path

    def run(self) -> dict[str, float]:
        """Seconds, and the peak resident set of its largest process in GB."""
        start = time.perf_counter()
        process = subprocess.Popen(self.command, shell=True, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        lines = process.stdout.read().splitlines()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{self.name}'s command ended with {process.returncode}: {self.command}")
        return {"seconds": _own_seconds(lines) or time.perf_counter() - start, "peak_gb": peak_gb(usage)}

    def outputs(self) -> dict[str, np.ndarray]:
        with np.load(self.output) as arrays:
            return dict(arrays)


def _own_seconds(lines: list[str]) -> float | None:
    try:
        found = json.loads(lines[-1]) if lines else {}
    except json.JSONDecodeError:
        return None
    return float(found["seconds"]) if isinstance(found, dict) and "seconds" in found else None


def prepare(rivals: list[tuple[str, str]], case: Case, params: Path, folder: Path) -> list[Rival]:
    """Writes the features that the commands read."""
    features = folder / "features.npz"
    write_draws(features, [features_of(case, padded_rows=True)])
    outputs = [folder / f"output_{k}.npz" for k in range(len(rivals))]
    return [
        Rival(name, command.format(features=features, params=params, output=output), output)
        for (name, command), output in zip(rivals, outputs, strict=True)
    ]


def measure(
    rivals: list[tuple[str, str]], case: Case, params: Path, programs: list[Program], repeats: int
) -> list[dict[str, Any]]:
    """A row for each program of ours beside each rival."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        others = prepare(rivals, case, params, folder)
        sides = [stack.enter_context(Side(program, case)) for program in programs]
        runs = [figures(done) for done in alternate([*others, *sides], repeats)]
        theirs, ours = runs[: len(others)], runs[len(others) :]
        saved = [side.save(folder / f"ours_{k}.npz") for k, side in enumerate(sides)]
        found = [other.outputs() for other in others]
    rows = []
    for other, their_figures, their_outputs in zip(others, theirs, found, strict=True):
        for program, our_figures, our_outputs in zip(programs, ours, saved, strict=True):
            row: dict[str, Any] = {
                "model": case.model,
                "n_res": case.n_res,
                "rival": other.name,
                "program": str(program),
            }
            row |= {f"rival_{name}": value for name, value in their_figures.items()}
            row |= {f"our_{name}": value for name, value in our_figures.items()}
            row["times_faster"] = row["rival_median_s"] / row["our_median_s"]
            rows.append(row | differences(our_outputs, their_outputs))
    return rows


def line(row: dict[str, Any]) -> str:
    return (
        f"n_res {row['n_res']:5}  {row['rival']:24} {row['rival_median_s']:8.1f} s {row['rival_peak_gb']:6.2f} GB  "
        f"{row['program']:12} {row['our_median_s']:8.1f} s {row['our_peak_gb']:6.2f} GB  x {row['times_faster']:.2f}  "
        f"atoms {row['atoms_rmsd_angstrom']:.1e} A"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rival", nargs=2, action="append", required=True, metavar=("NAME", "COMMAND"))
    parser.add_argument("--programs", type=parse_program, nargs="+", default=[Program("native", "bf16")], help="ours")
    parser.add_argument("--model", default="model_1_ptm")
    parser.add_argument("--n-res", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        params = Path(folder) / "params.npz"
        write_parameters(params, dict(read_parameters(PARAMS, model_config(args.model))))
        for n_res in args.n_res:
            case = Case(args.model, n_res)
            rows = with_rates(partial(measure, args.rival, case, params, args.programs, args.repeats))
            for row in rows:
                print(line(row), flush=True)
            merge_rows("rivals", rows, KEY, "torch", "numpy")


if __name__ == "__main__":
    main()
