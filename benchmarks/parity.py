# SPDX-License-Identifier: Apache-2.0
"""All fifteen published models in full size against the JAX reference: `make parity`.

    python benchmarks/parity.py [--models model_1_ptm ...] [--n-res 64] [--precisions fp32 bf16] [--no-modules]
        [--engine auto] [--resume]

Synthetic parameters, full MSA, templates where the model has them; for multimer models three chains, two of them
copies. Exit code 1 when a float32 row fails or a bf16 row
is not finite. Each model runs in a process of its own, so that memory does not add up.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from typing import Any

import orjson
from machine import describe, result_path, write_result

from af2cpu.model.config import OFFICIAL_MODELS, model_config
from af2cpu.ops.dispatch import describe as engine_in_use
from af2cpu.ops.dispatch import use_engine
from af2cpu.validate.compare import compare, format_table
from af2cpu.validate.synthetic import synthetic_features


def run(model: str, n_res: int, precisions: list[str], modules: bool, engine: str) -> tuple[str, dict[str, Any]]:
    """The tables of one model as text, and as data."""
    use_engine(engine)
    config = model_config(model)
    copy = n_res // 4 if config.input_embedder.chains.enabled else 0
    features = [synthetic_features(config, [n_res - 2 * copy, *[copy] * 2] if copy else n_res)]
    text, data, reference = [], {}, None
    for precision in precisions:
        result = compare(model, "synthetic:0", features, precision=precision, modules=modules, reference=reference)
        reference = result.reference
        data[precision] = {
            "passed": result.passed,
            "engine": engine_in_use(),
            "ours_s": result.seconds,
            "reference_s": reference.seconds,
            "rows": [asdict(row) | {"passed": row.passed} for row in result.rows],
        }
        verdict = "pass" if result.passed else "FAIL"
        times = f"ours {result.seconds:.1f} s, reference {reference.seconds:.1f} s with its compilation"
        text.append(f"{model} {precision}: {verdict}, {times}\n{format_table(result.rows)}\n")
    return "\n".join(text), data


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=OFFICIAL_MODELS)
    parser.add_argument("--n-res", type=int, default=64)
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"])
    parser.add_argument("--no-modules", action="store_true", help="only the whole networks")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--resume", action="store_true", help="keep the models that the record has already")
    args = parser.parse_args()
    work = args.n_res, args.precisions, not args.no_modules, args.engine
    record: dict[str, Any] = {
        "n_res": args.n_res,
        "params": "synthetic:0",
        "reference": "alphafold-colabfold, float32",
        "models": {},
    }
    if args.resume and result_path("parity").is_file():
        record = orjson.loads(result_path("parity").read_bytes())
    for model in [name for name in args.models if name not in record["models"]]:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            text, data = pool.submit(run, model, *work).result()
        machine = describe("torch", "jax", "dm-haiku", "alphafold-colabfold")
        record["models"][model] = {"machine": machine, "precisions": data}
        print(text, flush=True)
        write_result("parity", record)
    results = [data for one in record["models"].values() for data in one["precisions"].values()]
    return 0 if all(data["passed"] for data in results) else 1


if __name__ == "__main__":
    sys.exit(main())
