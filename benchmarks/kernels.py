"""Each kernel beside PyTorch at the sizes of the network: GFLOP/s, share of the machine's own rate, error.

    python benchmarks/kernels.py [--n-res 128 256] [--only attention] [--sides native:bf16 torch:bf16] [--repeats 3]

512 rows in the Evoformer, 5,120 in the extra MSA stack, one template; model_1's sizes, random parameters.
"""

from __future__ import annotations

import argparse

import torch
from layers import SIDES, Run, Work, measure, show
from machine import describe, write_result

from af2cpu.ops.native import kernels

MSA: dict[str, Run] = {
    "msa_row_attention": lambda b, x: b.msa_row_attention(x.m, x.z, x.msa_mask),
    "msa_column_attention": lambda b, x: b.msa_column_attention(x.m, x.msa_mask),
    "msa_transition": lambda b, x: b.msa_transition(x.m),
    "outer_product_mean": lambda b, x: b.outer_product_mean(x.m, x.msa_mask, x.z),
}
PAIR: dict[str, Run] = {
    "triangle outgoing": lambda b, x: b.triangle_multiplication_outgoing(x.z, x.pair_mask),
    "triangle incoming": lambda b, x: b.triangle_multiplication_incoming(x.z, x.pair_mask),
    "triangle starting": lambda b, x: b.triangle_attention_starting(x.z, x.pair_mask),
    "triangle ending": lambda b, x: b.triangle_attention_ending(x.z, x.pair_mask),
    "pair_transition": lambda b, x: b.pair_transition(x.z),
}
# The pair layers of the extra MSA stack are those of the Evoformer.
LAYERS = {"evoformer": MSA | PAIR, "extra MSA": MSA, "template": PAIR}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-res", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--only", default="", help="Layers with this in their name.")
    parser.add_argument("--sides", nargs="+", default=[":".join(side) for side in SIDES], help="engine:precision")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    sides = [tuple(side.split(":")) for side in args.sides]
    rows = []
    for n_res in args.n_res:
        for stack, layers in LAYERS.items():
            for name, run in layers.items():
                if args.only in f"{stack} {name}":
                    for row in measure(Work(name, stack, n_res, run), sides, args.repeats):
                        print(show(row), flush=True)
                        rows.append(row)
    result = {"machine": describe("torch"), "threads": args.threads, "level": kernels().level(), "rows": rows}
    write_result("kernels", result)


if __name__ == "__main__":
    with torch.no_grad():
        main()
