"""Peak memory of one pass beside the JAX reference on the same features, and beside what `af2cpu estimate` says.

    python benchmarks/memory.py [--model model_1_ptm] [--n-res 64 256] [--programs jax torch:bf16 torch:fp32]

Each program runs in a process of its own and reports its peak resident set (interpreter and libraries included).
"""

from __future__ import annotations

import argparse
from typing import Any

from machine import describe, write_result
from sides import REFERENCE, Case, Program, Side, parse_program

from af2cpu.model.config import model_config
from af2cpu.model.cost import full_sizes, peak_bytes


def measure(program: Program, case: Case) -> dict[str, Any]:
    """One row of the table; seconds are those of the one pass."""
    with Side(program, case) as side:
        done = side.run()
    row = {"program": str(program), "n_res": case.n_res, **side.loaded, **done}
    if program.name != REFERENCE:
        config = model_config(case.model)
        row["estimated_gb"] = peak_bytes(config, full_sizes(config, case.n_res), program.precision) / 1e9
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="model_1_ptm")
    parser.add_argument("--n-res", type=int, nargs="+", default=[64, 256])
    programs = [Program(REFERENCE), Program("torch", "fp32"), Program("torch", "bf16")]
    parser.add_argument("--programs", type=parse_program, nargs="+", default=programs)
    args = parser.parse_args()
    machine = describe("torch", "jax", "alphafold-colabfold")
    record: dict[str, Any] = {"machine": machine, "model": args.model, "rows": []}
    for n_res in args.n_res:
        for program in args.programs:
            row = measure(program, Case(args.model, n_res))
            record["rows"].append(row)
            print("  ".join(f"{k} {v:.2f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)
    write_result("memory", record)


if __name__ == "__main__":
    main()
