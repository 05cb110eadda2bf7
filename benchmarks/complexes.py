# SPDX-License-Identifier: Apache-2.0
"""AlphaFold-Multimer in full size against the JAX reference: kinds of complexes, templates, passes, instruction sets.

    python benchmarks/complexes.py [--models model_1_multimer_v3 ...] [--chains 17,12,12 20,20] [--templates 4 0]
        [--passes 1 3] [--isa own avx2] [--precisions fp32 bf16] [--modules]

Synthetic parameters and features, full MSA; `own` is the machine's own level of instructions. Exit code 1 when a row
fails. Each process has one level: the reference runs in the first one, and its outputs are handed on. Rows join the
record of this machine; `make parity` is for all models on one complex.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from typing import Any, NamedTuple

from machine import merge_rows

from af2cpu.model.config import model_config
from af2cpu.ops.dispatch import describe, use_engine
from af2cpu.validate.compare import ReferenceRun, compare
from af2cpu.validate.synthetic import synthetic_features

KEY = ("model", "chains", "templates", "passes", "isa", "precision")


class Case(NamedTuple):
    """A model on a complex."""

    model: str
    chains: str  # residues of each, such as 17,12,12
    templates: int
    passes: int


def run(
    case: Case, isa: str, precisions: Sequence[str], modules: bool, reference: ReferenceRun | None
) -> tuple[list[dict[str, Any]], ReferenceRun]:
    """A row of the record for each precision, and the reference's outputs."""
    if isa != "own":
        os.environ["AF2CPU_ISA"] = isa
    use_engine("native")
    lengths = [int(length) for length in case.chains.split(",")]
    config = model_config(case.model)
    draws = [synthetic_features(config, lengths, seed=k, n_templ=case.templates) for k in range(case.passes)]
    rows = []
    for precision in precisions:
        result = compare(case.model, "synthetic:0", draws, precision=precision, modules=modules, reference=reference)
        reference = result.reference
        compared = {row.name: asdict(row) | {"passed": row.passed} for row in result.rows}
        how = case._asdict() | {"isa": isa, "precision": precision, "engine": describe(), "passed": result.passed}
        rows.append(how | {"ours_s": result.seconds, "reference_s": reference.seconds, "compared": compared})
    assert reference is not None
    return rows, reference


def line(row: dict[str, Any]) -> str:
    shown = ("representations msa", "representations pair", "atom positions", "pLDDT", "predicted aligned error")
    values = "  ".join(f"{name} {row['compared'][name]['value']:.1e}" for name in (*shown, "pTM", "ipTM"))
    how = f"{row['model']} {row['chains']} templates {row['templates']} passes {row['passes']}"
    return f"{how} {row['engine']} {row['precision']}: {'pass' if row['passed'] else 'FAIL'}  {values}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["model_1_multimer_v3", "model_5_multimer_v3"])
    parser.add_argument("--chains", nargs="+", default=["17,12,12", "20,20"])
    parser.add_argument("--templates", type=int, nargs="+", default=[4, 0])
    parser.add_argument("--passes", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--isa", nargs="+", default=["own", "avx2"])
    parser.add_argument("--precisions", nargs="+", default=["fp32"])
    parser.add_argument("--modules", action="store_true", help="each module too, in the first process")
    args = parser.parse_args()
    passed = True
    cases = [(m, c, t, p) for m in args.models for c in args.chains for t in args.templates for p in args.passes]
    for case in (Case(*one) for one in cases):
        reference: ReferenceRun | None = None
        for isa in args.isa:
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                modules = args.modules and reference is None
                rows, reference = pool.submit(run, case, isa, args.precisions, modules, reference).result()
            for row in rows:
                print(line(row), flush=True)
                passed = passed and row["passed"]
            merge_rows("complexes", rows, KEY, "torch", "jax", "dm-haiku", "alphafold-colabfold")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
