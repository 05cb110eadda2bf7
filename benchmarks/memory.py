"""Peak memory and time of one pass, full MSA, beside the JAX reference on the same features.

    python benchmarks/memory.py [--model model_1_ptm] [--n-res 64 256] [--precisions fp32 bf16]

Each side runs in a process of its own and reports its peak resident set (interpreter and libraries included). The
reference's time includes its compilation, about 10 s.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

from machine import describe, write_result

PARAMS = "synthetic:0"


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def run_ours(model: str, n_res: int, precision: str) -> dict[str, float]:
    import af2cpu
    from af2cpu.model.config import model_config
    from af2cpu.validate.synthetic import synthetic_features

    features = [synthetic_features(model_config(model), n_res)]
    network = af2cpu.load_model(model, PARAMS, precision=precision)
    loaded, start = peak_gb(), time.perf_counter()
    network.predict(features, recycles=0)
    return {"loaded_gb": loaded, "peak_gb": peak_gb(), "pass_s": time.perf_counter() - start}


def run_reference(model: str, n_res: int, precision: str) -> dict[str, float]:
    from af2cpu.model.config import model_config
    from af2cpu.validate.reference import haiku_parameters, run_passes
    from af2cpu.validate.synthetic import synthetic_features
    from af2cpu.validate.torsions import shared_torsions
    from af2cpu.weights import read_parameters

    if precision != "fp32":
        raise ValueError("the reference is run in float32")
    config = model_config(model)
    features = [synthetic_features(config, n_res)]
    parameters = haiku_parameters(read_parameters(PARAMS, config))
    torsions = [shared_torsions(features[0])[0]]
    loaded, start = peak_gb(), time.perf_counter()
    list(run_passes(config, parameters, features, torsions))
    return {"loaded_gb": loaded, "peak_gb": peak_gb(), "pass_s": time.perf_counter() - start}


SIDES = {"ours": run_ours, "reference": run_reference}


def in_own_process(side: str, model: str, n_res: int, precision: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--side", side, "--model", model, "--n-res", str(n_res)]
    done = subprocess.run([*command, "--precisions", precision], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="model_1_ptm")
    parser.add_argument("--n-res", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--precisions", nargs="+", default=["fp32", "bf16"])
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.side:
        print(json.dumps(SIDES[args.side](args.model, args.n_res[0], args.precisions[0])))
        return
    machine = describe("torch", "jax", "alphafold-colabfold")
    record: dict[str, Any] = {"machine": machine, "model": args.model, "rows": []}
    for n_res in args.n_res:
        for side, precision in [("reference", "fp32"), *(("ours", precision) for precision in args.precisions)]:
            row = {"side": side, "precision": precision, "n_res": n_res}
            row |= in_own_process(side, args.model, n_res, precision)
            record["rows"].append(row)
            print("  ".join(f"{k} {v:.2f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)
    write_result("memory", record)


if __name__ == "__main__":
    main()
