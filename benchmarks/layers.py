# SPDX-License-Identifier: Apache-2.0
"""Blocks and layers of the network on random parameters and representations, run on one engine and the other in turn.

Each figure comes with the machine's own rate, measured right before it: products of blocks that stay in registers and
the L1 cache (`_kernels.rate`). Shares of that rate are given by the clock and by the processor's time; the latter is
what other processes on the machine do not touch.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from machine import merge_rows
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from af2cpu.model.config import model_config
from af2cpu.model.evoformer import EvoformerBlock
from af2cpu.model.layers import pack_layers
from af2cpu.model.template import TemplatePairBlock
from af2cpu.ops.dispatch import use_engine
from af2cpu.ops.isa import kernels

TYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
SIDES = (("native", "bf16"), ("native", "fp32"), ("torch", "bf16"), ("torch", "fp32"))


def make_block(stack: str) -> nn.Module:
    """One block of model_1's stack, drawn at random at a scale that keeps activations near 1."""
    config = model_config("model_1")
    block = {
        "evoformer": lambda: EvoformerBlock(config.c_m, config.c_z, config.evoformer),
        "extra MSA": lambda: EvoformerBlock(config.extra_msa_stack.c_e, config.c_z, config.extra_msa_stack),
        "template": lambda: TemplatePairBlock(config.template_embedder.c_t, config.template_embedder),
    }[stack]()
    generator = torch.Generator().manual_seed(0)
    for parameter in block.parameters():
        scale = 1 / parameter.shape[-1] ** 0.5 if parameter.ndim > 1 else 1.0
        parameter.data = torch.randn(parameter.shape, generator=generator) * scale
    return block.requires_grad_(False)


@dataclass(frozen=True)
class Inputs:
    """Representations and masks of one protein, float32."""

    m: Tensor  # [n_seq, n_res, c_m]
    z: Tensor  # [n_res, n_res, c_z]
    msa_mask: Tensor
    pair_mask: Tensor

    @classmethod
    def draw(cls, stack: str, n_res: int) -> Inputs:
        n_seq, c_m, c_z = {"evoformer": (512, 256, 128), "extra MSA": (5120, 64, 128), "template": (0, 0, 64)}[stack]
        generator = torch.Generator().manual_seed(1)
        m = torch.randn(n_seq, n_res, c_m, generator=generator)
        z = torch.randn(n_res, n_res, c_z, generator=generator)
        return cls(m, z, torch.ones(n_seq, n_res), torch.ones(n_res, n_res))

    def to(self, dtype: torch.dtype) -> Inputs:
        """A copy, in any type: operations work in place."""
        return Inputs(*(x.to(dtype, copy=True) for x in vars(self).values()))


Run = Callable[[nn.Module, Inputs], Any]  # of a block or a layer; it returns what it has updated


@dataclass(frozen=True)
class Work:
    """One row of a benchmark."""

    name: str
    stack: str
    n_res: int
    run: Run


def _largest(result: Any) -> Tensor:
    """What a layer has made, as one vector."""
    tensors = result if isinstance(result, tuple) else (result,)
    return torch.cat([x.float().flatten() for x in tensors])


def _rate(precision: str) -> tuple[float, float]:
    """The machine's own rate now, flops per second by the clock and by the processor's time."""
    repeats, name = 2000 * torch.get_num_threads(), {"bf16": "bfloat16", "fp32": "float32"}[precision]
    kernels().rate(repeats // 10, name)
    (flops, wall, cpu) = _timed(lambda: kernels().rate(repeats, name))
    return flops / wall, flops / cpu


def _timed(run: Callable[[], Any]) -> tuple[Any, float, float]:
    """What it returns, seconds by the clock, and processor seconds of all threads divided by their number."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    return result, time.perf_counter() - wall, (time.process_time() - cpu) / torch.get_num_threads()


def measure(work: Work, sides: list[tuple[str, str]], repeats: int) -> Iterator[dict[str, Any]]:
    """A row for each side; they alternate. Errors are the root mean square, relative to the update in float32."""
    block, inputs = make_block(work.stack), Inputs.draw(work.stack, work.n_res)
    blocks = {name: copy.deepcopy(block).to(dtype) for name, dtype in TYPES.items()}
    use_engine("torch")
    with FlopCounterMode(display=False) as counter:
        reference = _largest(work.run(block, inputs.to(torch.float32)))
    before = _largest(work.run(_Nothing(), inputs))
    flops, size = counter.get_total_flops(), (reference - before).norm()
    errors, runs = {}, {side: [] for side in sides}
    for k in range(repeats + 1):
        for side in sides:
            engine, precision = side
            use_engine(engine)
            if engine == "native" and k == 0:  # as in a prediction: once
                pack_layers(blocks[precision], release=False)
            given = inputs.to(TYPES[precision])
            rate, cpu_rate = _rate(precision)
            result, wall, cpu = _timed(lambda p=precision, g=given: work.run(blocks[p], g))
            if k == 0:  # warms up
                errors[side] = float((_largest(result) - reference).norm() / size)
            else:
                runs[side].append((wall, flops / wall / rate, flops / cpu / cpu_rate))
    for side, done in runs.items():
        wall, share, cpu_share = (statistics.median(values) for values in zip(*done, strict=True))
        yield {
            "what": work.name,
            "stack": work.stack,
            "n_res": work.n_res,
            "engine": side[0],
            "precision": side[1],
            "median_s": wall,
            "min_s": min(run[0] for run in done),
            "max_s": max(run[0] for run in done),
            "gflop": flops / 1e9,
            "gflop_per_s": flops / wall / 1e9,
            "share_of_rate": share,
            "share_of_rate_cpu_time": cpu_share,
            "error": errors[side],
        }


class _Nothing(nn.Module):
    """Stands for a block whose layers change nothing."""

    def forward(self, *tensors: Tensor) -> Any:
        return tensors[:2] if len(tensors) == 4 else tensors[0]

    def __getattr__(self, name: str) -> Any:
        return lambda *tensors: tensors[2] if name == "outer_product_mean" else tensors[0]


def show(row: dict[str, Any]) -> str:
    """One line for the terminal."""
    what = f"{row['stack']:10} {row['what']:22} {row['n_res']:5d} {row['engine']:7} {row['precision']}"
    return (
        f"{what}: {row['median_s']:8.3f} s {row['gflop_per_s']:7.0f} GFLOP/s, {row['share_of_rate']:4.0%} of the rate"
        f" ({row['share_of_rate_cpu_time']:4.0%} by processor time), error {row['error']:.1e}"
    )


def record(benchmark: str, usage: str | None, works: Callable[[int], Iterator[Work]]) -> None:
    """What blocks.py and kernels.py do: measure the works of each length; rows join the record."""
    parser = argparse.ArgumentParser(description=usage, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-res", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--only", default="", help="those with this in their name")
    parser.add_argument("--sides", nargs="+", default=[":".join(side) for side in SIDES], help="engine:precision")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    sides = [tuple(side.split(":")) for side in args.sides]
    state, rows = {"threads": args.threads, "level": kernels().level()}, []
    with torch.no_grad():
        for work in (work for n_res in args.n_res for work in works(n_res) if args.only in f"{work.stack} {work.name}"):
            for row in measure(work, sides, args.repeats):
                print(show(row), flush=True)
                rows.append(row | state)
    if not rows:
        parser.error(f"no layer has {args.only!r} in its name")
    merge_rows(benchmark, rows, ("stack", "what", "n_res", "engine", "precision", "level", "threads"), "torch")
