# SPDX-License-Identifier: Apache-2.0
"""Peak memory of one pass beside the JAX reference on the same features, and beside what `af2cpu estimate` says.

    python benchmarks/memory.py [--model model_1_ptm] [--n-res 64 256] [--programs jax native:bf16]
        [--one-block] [--templates 0]

Each program runs in a process of its own and reports its peak resident set (interpreter and libraries included).
`--one-block`: every stack has one block, whose memory the next one would take again; so that long chains take minutes.
Rows join the record of this machine.
"""

from __future__ import annotations

import argparse
from typing import Any

from machine import merge_rows
from sides import REFERENCE, Case, Program, Side, parse_program

from af2cpu.model.count import n_parameters
from af2cpu.model.memory import peak_bytes

KEY = ("model", "one_block", "templates", "program", "n_res")


def estimated_gb(program: Program, case: Case) -> float:
    """What the program says today."""
    config = case.config()
    return peak_bytes(config, case.sizes(), program.precision, program.name, n_parameters(config)) / 1e9


def measure(program: Program, case: Case) -> dict[str, Any]:
    """One row of the table; seconds are those of the one pass."""
    with Side(program, case) as side:
        done = side.run()
    row: dict[str, Any] = {"model": case.model, "one_block": case.one_block, "templates": case.sizes().n_templ}
    row |= {"program": str(program), "n_res": case.n_res} | side.loaded | done
    if program.name != REFERENCE:
        row["estimated_gb"] = estimated_gb(program, case)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="model_1_ptm")
    parser.add_argument("--n-res", type=int, nargs="+", default=[64, 256])
    programs = [Program(REFERENCE), Program("native", "bf16"), Program("native", "fp32")]
    parser.add_argument("--programs", type=parse_program, nargs="+", default=programs)
    parser.add_argument("--one-block", action="store_true")
    parser.add_argument("--templates", type=int, help="by default as many as the model takes")
    args = parser.parse_args()
    for n_res in args.n_res:
        for program in args.programs:
            row = measure(program, Case(args.model, n_res, templates=args.templates, one_block=args.one_block))
            print("  ".join(f"{k} {v:.2f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)
            merge_rows("memory", [row], KEY, "torch", "jax", "alphafold-colabfold")


if __name__ == "__main__":
    main()
