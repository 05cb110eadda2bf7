"""One block of each stack, native beside PyTorch, at full depth: seconds, GFLOP/s, share of the machine's rate, error.

    python benchmarks/blocks.py [--n-res 128 256] [--stacks evoformer] [--sides native:bf16 torch:bf16] [--repeats 3]

512 rows in the Evoformer, 5,120 in the extra MSA stack, one template; model_1's sizes, random parameters.
"""

from __future__ import annotations

import argparse

import torch
from layers import SIDES, STACKS, Work, measure, show
from machine import describe, write_result

from af2cpu.ops.native import kernels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-res", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--stacks", nargs="+", choices=STACKS, default=list(STACKS))
    parser.add_argument("--sides", nargs="+", default=[":".join(side) for side in SIDES], help="engine:precision")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    sides = [tuple(side.split(":")) for side in args.sides]
    runs = {
        "evoformer": lambda block, x: block(x.m, x.z, x.msa_mask, x.pair_mask),
        "extra MSA": lambda block, x: block(x.m, x.z, x.msa_mask, x.pair_mask),
        "template": lambda block, x: block(x.z, x.pair_mask),
    }
    rows = []
    for n_res in args.n_res:
        for stack in args.stacks:
            for row in measure(Work("block", stack, n_res, runs[stack]), sides, args.repeats):
                print(show(row), flush=True)
                rows.append(row)
    result = {"machine": describe("torch"), "threads": args.threads, "level": kernels().level(), "rows": rows}
    write_result("blocks", result)


if __name__ == "__main__":
    with torch.no_grad():
        main()
