"""Another program beside ours on the same features and parameters, in one run.

    python benchmarks/rivals.py --name openfold --command 'python run.py {features} {params} {n_res}' [--n-res 128 256]

The command is run in a shell. It gets the file of one draw of processed features (AlphaFold 2's names and shapes, a
leading axis of 1) and a parameter file in DeepMind's format. If its last line of output is a JSON object with
`seconds`, these count (a pass without loading); else the wall time of the whole command does. Measured is its peak
resident set too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import describe, write_result
from sides import PARAMS, Case, Program, Side, features_of, parse_program, peak_gb

from af2cpu.formats.features import write_draws
from af2cpu.model.config import model_config
from af2cpu.weights import read_parameters
from af2cpu.weights.synthetic import write_parameters


def run_rival(command: str) -> dict[str, float]:
    """Runs the command: seconds, and the peak resident set of its largest process in GB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, shell=True, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = process.stdout.read().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the command ended with {process.returncode}: {command}")
    return {"seconds": _own_seconds(lines) or time.perf_counter() - start, "peak_gb": peak_gb(usage)}


def _own_seconds(lines: list[str]) -> float | None:
    try:
        found = json.loads(lines[-1]) if lines else {}
    except json.JSONDecodeError:
        return None
    return float(found["seconds"]) if isinstance(found, dict) and "seconds" in found else None


def measure(name: str, command: str, case: Case, program: Program, repeats: int, folder: Path) -> list[dict[str, Any]]:
    """Two rows: the rival, and ours."""
    features = folder / f"features_{case.n_res}.npz"
    write_draws(features, [features_of(case, padded_rows=True)])
    text = command.format(features=features, params=folder / f"params_{case.model}.npz", n_res=case.n_res)
    theirs: list[dict[str, float]] = []
    with Side(program, case) as side:
        ours = []
        for _ in range(repeats):
            theirs.append(run_rival(text))
            ours.append(side.run())
    rows = []
    for who, runs in ((name, theirs), (str(program), ours)):
        seconds = [run["seconds"] for run in runs]
        rows.append(
            {
                "program": who,
                "n_res": case.n_res,
                "median_s": statistics.median(seconds),
                "min_s": min(seconds),
                "max_s": max(seconds),
                "peak_gb": max(run["peak_gb"] for run in runs),
            }
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True, help="of the rival, in the record")
    parser.add_argument("--command", required=True, help="with {features}, {params} and {n_res}")
    parser.add_argument("--program", type=parse_program, default=Program("native", "bf16"), help="of ours")
    parser.add_argument("--model", default="model_1_ptm")
    parser.add_argument("--n-res", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    record: dict[str, Any] = {"machine": describe("torch"), "rival": args.name, "command": args.command, "rows": []}
    with tempfile.TemporaryDirectory() as name:
        folder, config = Path(name), model_config(args.model)
        write_parameters(folder / f"params_{args.model}.npz", dict(read_parameters(PARAMS, config)))
        for n_res in args.n_res:
            case = Case(args.model, n_res)
            for row in measure(args.name, args.command, case, args.program, args.repeats, folder):
                record["rows"].append(row)
                print("  ".join(f"{k} {v:.2f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()))
    write_result(f"rival_{args.name}", record)


if __name__ == "__main__":
    main()
