# SPDX-License-Identifier: Apache-2.0
"""Each kernel beside PyTorch at the sizes of the network: GFLOP/s, share of the machine's own rate, error.

    python benchmarks/kernels.py [--n-res 128 256] [--only attention] [--sides native:bf16 torch:bf16] [--repeats 3]

512 rows in the Evoformer, 5,120 in the extra MSA stack, one template; model_1's sizes, random parameters.
"""

from __future__ import annotations

from collections.abc import Iterator

from layers import Run, Work, record

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


def works(n_res: int) -> Iterator[Work]:
    for stack, layers in LAYERS.items():
        yield from (Work(name, stack, n_res, run) for name, run in layers.items())


if __name__ == "__main__":
    record("kernels", __doc__, works)
