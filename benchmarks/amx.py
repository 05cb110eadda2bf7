# SPDX-License-Identifier: Apache-2.0
"""The kernels for AMX on paper: what they do besides tile products, timed without AMX, and what bounds them.

    python benchmarks/amx.py [--n-res 256] [--ghz 2.0] [--repeats 3]

Builds the kernels once more with tile instructions that do nothing: the rest of the code for AMX (norms, softmax,
gates, packing, residuals, the loads and stores around each block of tiles) then runs in this machine's AVX-512, which
must have BF16. Its results mean nothing. Tile products are counted: 1,024 flops a cycle and core (Intel's optimisation
manual: a TDPBF16PS of 16 x 16 x 32 every 16 cycles), at the clock that --ghz gives. The share of the tile units' rate
on paper is products / (products + rest): no overlap of the two is assumed.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from layers import Inputs, Work, make_block
from machine import ROOT, describe, write_result
from torch.utils.flop_counter import FlopCounterMode

import af2cpu
from af2cpu.model.layers import pack_layers
from af2cpu.ops import isa
from af2cpu.ops.dispatch import use_engine
from kernels import works

FLOPS_PER_CYCLE = 1024  # of a core's tile unit
BUILD = ROOT / "build" / "amx"


def build() -> Path:
    """The module with tile instructions that do nothing, built where it is older than the sources."""
    configure = ["cmake", "-S", str(ROOT / "kernels"), "-B", str(BUILD), "-DAF2CPU_TILE_NOTHING=ON"]
    places = [f"-DPython_EXECUTABLE={sys.executable}", f"-DCMAKE_LIBRARY_OUTPUT_DIRECTORY={BUILD / 'module'}"]
    subprocess.run([*configure, *places], check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run(["cmake", "--build", str(BUILD), "--parallel"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the build of the kernels failed:\n{done.stdout}{done.stderr}")
    (module,) = (BUILD / "module").glob("_kernels*.so")
    return module


def load(path: Path) -> Any:
    """In the place of the installed kernels, before these are loaded."""
    spec = importlib.util.spec_from_file_location("af2cpu._kernels", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules["af2cpu._kernels"] = module
    vars(af2cpu)["_kernels"] = module
    return module


def flops_of(layer: Work) -> int:
    """Of its definition in PyTorch."""
    use_engine("torch")
    with FlopCounterMode(display=False) as counter:
        layer.run(make_block(layer.stack), Inputs.draw(layer.stack, layer.n_res))
    return counter.get_total_flops()


def seconds_of(layer: Work, level: str, repeats: int) -> float:
    """In bf16, with the kernels of a level; the median of the calls after the first one."""
    use_engine("native")
    isa.kernels().use_level(level)
    block, inputs, seconds = make_block(layer.stack).to(torch.bfloat16), Inputs.draw(layer.stack, layer.n_res), []
    pack_layers(block, release=False)
    for _ in range(repeats + 1):
        given = inputs.to(torch.bfloat16)
        start = time.perf_counter()
        layer.run(block, given)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def measure(layer: Work, repeats: int, ghz: float) -> dict[str, Any]:
    """The record's row of a layer."""
    flops = flops_of(layer)
    here, rest = (seconds_of(layer, level, repeats) for level in ("avx512bf16", "amx_model"))
    products = flops / (FLOPS_PER_CYCLE * ghz * 1e9 * torch.get_num_threads())
    return {
        "stack": layer.stack,
        "what": layer.name,
        "n_res": layer.n_res,
        "gflop": flops / 1e9,
        "here_s": here,
        "without_products_s": rest,
        "products_on_paper_s": products,
        "share_on_paper": products / (products + rest),
        "times_faster_on_paper": here / (products + rest),
    }


def show(row: dict[str, Any]) -> str:
    return (
        f"{row['stack']:10} {row['what']:22} {row['n_res']:5} here {row['here_s']:7.3f} s; for AMX: products"
        f" {row['products_on_paper_s']:6.3f} s, the rest {row['without_products_s']:6.3f} s,"
        f" {row['share_on_paper']:4.0%} of the tiles' rate"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-res", type=int, nargs="+", default=[256])
    parser.add_argument("--ghz", type=float, default=2.0, help="the clock of a core at work on tiles")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    load(build())
    if "avx512bf16" not in isa.levels():
        parser.error("this machine lacks AVX512-BF16: the rest of the code for AMX can't be timed here")
    rows = []
    with torch.no_grad():
        for layer in (layer for n_res in args.n_res for layer in works(n_res)):
            rows.append(measure(layer, args.repeats, args.ghz))
            print(show(rows[-1]), flush=True)
    write_result("amx_on_paper", {"machine": describe("torch"), "ghz": args.ghz, "rows": rows})


if __name__ == "__main__":
    main()
