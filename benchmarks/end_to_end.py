# SPDX-License-Identifier: Apache-2.0
"""One pass through the whole network, ours beside the JAX reference in one run: seconds, memory, the same structure.

    python benchmarks/end_to_end.py [--compare jax] [--programs native:bf16 native:fp32] [--n-res 128 256]
        [--chains 128,128] [--rows full 50] [--model model_1_ptm] [--repeats 3]
    python benchmarks/end_to_end.py --compare native:bf16@OLD --rows 50   # beside another checkout, its kernels built

Synthetic parameters and features; `full`: as many MSA rows, extra rows and templates as the model takes. With fewer
rows the reference computes them padded to full size, as DeepMind's code does. Runs alternate; medians are compared.
The reference's compilation is not counted. What is measured joins the record of this machine as soon as it is there.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from machine import merge_rows, with_rates
from sides import Case, Program, Side, alternate, figures, parse_program

from af2cpu.model.cost import pass_flops


def flops(case: Case) -> int:
    """Of what our network computes."""
    return pass_flops(case.config(), case.sizes())


def measure(case: Case, programs: list[Program], repeats: int) -> list[dict[str, Any]]:
    """A row for each program, the first one being what the others are compared with."""
    with ExitStack() as stack:
        sides = [stack.enter_context(Side(program, case)) for program in programs]
        runs = [figures(done) for done in alternate(sides, repeats)]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        outputs = [side.save(folder / f"{k}.npz") for k, side in enumerate(sides)]
    rows = []
    for side, done, found in zip(sides, runs, outputs, strict=True):
        rows.append(
            {
                "model": case.model,
                "reference": str(programs[0]),
                "program": str(side.program),
                "n_res": case.n_res,
                "chains": ",".join(map(str, case.chains)) or None,
                "rows": case.rows or "full",
                "repeats": repeats,
                **done,
                "tflop": flops(case) / 1e12,
                "gflop_per_s": flops(case) / done["median_s"] / 1e9,
                "loaded_gb": side.loaded["loaded_gb"],
                "times_faster": runs[0]["median_s"] / done["median_s"],
                **differences(found, outputs[0]),
            }
        )
    return rows


def differences(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> dict[str, float]:
    """Atoms (RMSD, angstrom) and pLDDT: random parameters make bf16 drift; in float32 they are equal to rounding."""
    exists = ours["atom_mask"] > 0
    shift = np.square(ours["atom_positions"] - theirs["atom_positions"]).sum(-1)[exists]
    return {
        "atoms_rmsd_angstrom": float(np.sqrt(shift.mean())),
        "plddt_max_difference": float(np.abs(ours["plddt"] - theirs["plddt"]).max()),
    }


def line(row: dict[str, Any]) -> str:
    return (
        f"n_res {row['chains'] or row['n_res']:>7} {row['rows']!s:>5} rows  {row['program']:14} "
        f"{row['median_s']:8.1f} s  "
        f"{row['gflop_per_s']:6.0f} GFLOP/s  x {row['times_faster']:.2f}  peak {row['peak_gb']:.2f} GB  "
        f"atoms {row['atoms_rmsd_angstrom']:.1e} A"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--compare",
        type=parse_program,
        default=Program("jax"),
        help="jax, engine:precision, or engine:precision@FOLDER",
    )
    parser.add_argument("--programs", type=parse_program, nargs="+", default=[Program("native", "bf16")])
    parser.add_argument("--model", default="model_1_ptm")
    parser.add_argument("--n-res", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--chains", nargs="+", default=[], help="in the place of --n-res: residues of each chain")
    parser.add_argument("--rows", nargs="+", default=["full"], help="full, or a number of MSA rows")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    for rows in args.rows:
        for chains in [[int(n) for n in one.split(",")] for one in args.chains] or [[n] for n in args.n_res]:
            several = tuple(chains) if len(chains) > 1 else ()
            case = Case(args.model, sum(chains), None if rows == "full" else int(rows), chains=several)
            measured = with_rates(partial(measure, case, [args.compare, *args.programs], args.repeats))
            for row in measured:
                print(line(row), flush=True)
            by = ("model", "rows", "n_res", "chains", "reference", "program")
            packages = ("torch", "numpy", "jax", "alphafold-colabfold")
            merge_rows("end_to_end", measured, by, *packages)


if __name__ == "__main__":
    main()
