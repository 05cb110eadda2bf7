# SPDX-License-Identifier: Apache-2.0
"""One block of each stack, native beside PyTorch, at full depth: seconds, GFLOP/s, share of the machine's rate, error.

    python benchmarks/blocks.py [--n-res 128 256] [--only evoformer] [--sides native:bf16 torch:bf16] [--repeats 3]

512 rows in the Evoformer, 5,120 in the extra MSA stack, one template; model_1's sizes, random parameters.
"""

from __future__ import annotations

from collections.abc import Iterator

from layers import Run, Work, record

BLOCKS: dict[str, Run] = {
    "evoformer": lambda block, x: block(x.m, x.z, x.msa_mask, x.pair_mask),
    "extra MSA": lambda block, x: block(x.m, x.z, x.msa_mask, x.pair_mask),
    "template": lambda block, x: block(x.z, x.pair_mask),
}


def works(n_res: int) -> Iterator[Work]:
    return (Work("block", stack, n_res, run) for stack, run in BLOCKS.items())


if __name__ == "__main__":
    record("blocks", __doc__, works)
