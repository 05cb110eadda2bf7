# SPDX-License-Identifier: Apache-2.0
"""Pictures of the benchmarks' records, for the README: docs/images/*.png.

python benchmarks/plot.py

Which pictures there are follows from which records there are, of this machine and this version.
"""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import orjson
from machine import ROOT, result_path
from memory import estimated_gb
from sides import Case, Program

from af2cpu.ops.isa import level

mpl.use("agg")
from matplotlib import pyplot as plt

IMAGES = ROOT / "docs" / "images"


def read(benchmark: str) -> dict[str, Any] | None:
    path = result_path(benchmark)
    return orjson.loads(path.read_bytes()) if path.is_file() else None


def end_to_end(record: dict[str, Any], axes: Any) -> None:
    """Seconds of a pass, a bar for each program, by length and MSA."""
    rows = [r for r in record["rows"] if r["model"] == "model_1_ptm" and r["reference"].startswith("jax")]
    programs = sorted({row["program"] for row in rows})
    cases = sorted({(row["n_res"], str(row["rows"])) for row in rows}, key=lambda case: (case[1] != "full", case[0]))
    for k, program in enumerate(programs):
        seconds = {(r["n_res"], str(r["rows"])): r["median_s"] for r in rows if r["program"] == program}
        places = [i + 0.8 * k / len(programs) for i, case in enumerate(cases) if case in seconds]
        heights = [seconds[case] for case in cases if case in seconds]
        bars = axes.bar(places, heights, 0.8 / len(programs), label=program, align="edge")
        axes.bar_label(bars, fmt="%.0f", fontsize=8)
    named = [f"{n} residues,\n{'full MSA' if depth == 'full' else f'{depth} rows'}" for n, depth in cases]
    axes.set_xticks([i + 0.4 for i in range(len(cases))], named)
    axes.set_ylabel("seconds a pass")
    axes.legend()


def memory(record: dict[str, Any], axes: Any) -> None:
    """Peak memory against length; dashed: what `af2cpu estimate` says. One block of each stack takes what all take."""
    rows = [r for r in record["rows"] if r["model"] == "model_1_ptm" and r["one_block"] and r["templates"]]
    for program in sorted({row["program"] for row in rows}):
        mine = sorted((row for row in rows if row["program"] == program), key=lambda row: row["n_res"])
        lengths = [row["n_res"] for row in mine]
        (line,) = axes.plot(lengths, [row["peak_gb"] for row in mine], "o-", label=program)
        if not program.startswith("jax"):
            said = [estimated_gb(Program(*program.split()), Case(r["model"], r["n_res"], one_block=True)) for r in mine]
            axes.plot(lengths, said, "--", color=line.get_color())
    axes.set_xlabel("residues")
    axes.set_ylabel("peak memory, GB (one block of each stack)")
    axes.legend()


def kernels(record: dict[str, Any], axes: Any) -> None:
    """Share of the machine's measured rate that each kernel reaches, beside PyTorch."""
    of_interest = {"precision": "bf16", "n_res": 256, "threads": record["machine"]["cores"], "level": level()}
    rows = [row for row in record["rows"] if of_interest.items() <= row.items()]
    layers = list(dict.fromkeys((row["stack"], row["what"]) for row in rows))
    for k, engine in enumerate(("native", "torch")):
        shares = {(row["stack"], row["what"]): row["share_of_rate"] for row in rows if row["engine"] == engine}
        places = [i + 0.4 * k for i, layer in enumerate(layers) if layer in shares]
        axes.barh(places, [100 * shares[layer] for layer in layers if layer in shares], 0.4, label=engine)
    names = [f"{stack}: {what.replace('_', ' ')}" for stack, what in layers]
    axes.set_yticks([i + 0.2 for i in range(len(names))], names, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("% of the machine's bf16 rate, 256 residues")
    axes.legend()


PICTURES = {"end_to_end": end_to_end, "memory": memory, "kernels": kernels, "blocks": kernels}


def main() -> None:
    for name, draw in PICTURES.items():
        record = read(name)
        if record is None:
            print(f"{name}: no record of this machine")
            continue
        figure, axes = plt.subplots(figsize=(7, {"kernels": 5, "blocks": 2}.get(name, 3.5)), layout="constrained")
        draw(record, axes)
        axes.set_title(f"{record['machine']['cpu']}, {record['machine']['cores']} cores", fontsize=9)
        figure.savefig(IMAGES / f"{name}.png", dpi=110)
        print(IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
