"""All ten published models in full size against the JAX reference: `make parity`.

    python benchmarks/parity.py [--models model_1_ptm ...] [--n-res 64] [--precisions fp32 bf16]

Synthetic parameters, full MSA, templates where the model has them. Exit code 1 when a float32 row fails or a bf16 row
is not finite. Each model runs in a process of its own, so that memory does not add up.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from typing import Any

from machine import describe, write_result

from af2cpu.model.config import OFFICIAL_MODELS, model_config
from af2cpu.validate.compare import compare, format_table
from af2cpu.validate.synthetic import synthetic_features


def run(model: str, n_res: int, precision: str) -> tuple[str, dict[str, Any]]:
    """The table of one model as text, and as data."""
    result = compare(model, "synthetic:0", [synthetic_features(model_config(model), n_res)], precision=precision)
    rows = [asdict(row) | {"passed": row.passed} for row in result.rows]
    return format_table(result.rows), {"passed": result.passed, "seconds": result.seconds, "rows": rows}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=OFFICIAL_MODELS)
    parser.add_argument("--n-res", type=int, default=64)
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"])
    args = parser.parse_args()
    record: dict[str, Any] = {
        "machine": describe("torch", "jax", "dm-haiku", "alphafold-colabfold"),
        "n_res": args.n_res,
        "params": "synthetic:0",
        "reference": "alphafold-colabfold, float32",
        "models": {},
    }
    for model in args.models:
        for precision in args.precisions:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                table, data = pool.submit(run, model, args.n_res, precision).result()
            record["models"].setdefault(model, {})[precision] = data
            print(
                f"{model} {precision}: {'pass' if data['passed'] else 'FAIL'} {data['seconds']}\n{table}\n", flush=True
            )
            write_result("parity", record)
    return 0 if all(data["passed"] for one in record["models"].values() for data in one.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
