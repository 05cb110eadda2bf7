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

from machine import ROOT, describe, write_result

import af2cpu

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


def measure(n_res: int, repeats: int, ghz: float) -> list[dict[str, Any]]:
    """A row for each layer: seconds here, seconds without tile products, and the figures on paper."""
    import torch
    from layers import Inputs, make_block
    from torch.utils.flop_counter import FlopCounterMode

    from af2cpu.ops.dispatch import use_engine
    from af2cpu.ops.isa import kernels
    from kernels import LAYERS

    threads, rows = torch.get_num_threads(), []
    for stack, layers in LAYERS.items():
        block = make_block(stack)
        inputs = Inputs.draw(stack, n_res)
        for name, run in layers.items():
            use_engine("torch")
            with FlopCounterMode(display=False) as counter:
                run(block, inputs.to(torch.float32))
            use_engine("native")
            seconds: dict[str, float] = {}
            for level in ("avx512bf16", "amx_model"):
                kernels().use_level(level)
                packed, times = make_block(stack).to(torch.bfloat16), []  # weights are packed for a level
                for _ in range(repeats + 1):
                    given = inputs.to(torch.bfloat16)
                    start = time.perf_counter()
                    run(packed, given)
                    times.append(time.perf_counter() - start)
                seconds[level] = statistics.median(times[1:])
            tiles = counter.get_total_flops() / (FLOPS_PER_CYCLE * ghz * 1e9 * threads)
            row = {
                "stack": stack,
                "what": name,
                "n_res": n_res,
                "gflop": counter.get_total_flops() / 1e9,
                "here_s": seconds["avx512bf16"],
                "without_products_s": seconds["amx_model"],
                "products_on_paper_s": tiles,
                "share_on_paper": tiles / (tiles + seconds["amx_model"]),
                "times_faster_on_paper": seconds["avx512bf16"] / (tiles + seconds["amx_model"]),
            }
            print(
                f"{stack:10} {name:22} here {row['here_s']:7.3f} s; for AMX: products {tiles:6.3f} s, the rest"
                f" {row['without_products_s']:6.3f} s, {row['share_on_paper']:4.0%} of the tiles' rate",
                flush=True,
            )
            rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-res", type=int, nargs="+", default=[256])
    parser.add_argument("--ghz", type=float, default=2.0, help="the clock of a core at work on tiles")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    from af2cpu.ops.isa import kernels

    load(build())
    if "avx512bf16" not in kernels().levels():
        parser.error("this machine lacks AVX512-BF16: the rest of the code for AMX can't be timed here")
    import torch

    with torch.no_grad():
        rows = [row for n_res in args.n_res for row in measure(n_res, args.repeats, args.ghz)]
    write_result("amx_on_paper", {"machine": describe("torch"), "ghz": args.ghz, "rows": rows})


if __name__ == "__main__":
    main()
