"""Pictures of the benchmarks' records, for the README: docs/images/*.png.

python benchmarks/plot.py

Which pictures there are follows from which records there are, of this machine and this version.
"""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import orjson
from machine import ROOT, result_path

mpl.use("agg")
from matplotlib import pyplot as plt

IMAGES = ROOT / "docs" / "images"


def read(benchmark: str) -> dict[str, Any] | None:
    path = result_path(benchmark)
    return orjson.loads(path.read_bytes()) if path.is_file() else None


def end_to_end(record: dict[str, Any], axes: Any) -> None:
    """Seconds of a pass, a bar for each program, by length."""
    rows = [row for row in record["rows"] if row["rows"] == "full"]
    programs = list(dict.fromkeys(row["program"] for row in rows))
    lengths = sorted({row["n_res"] for row in rows})
    for k, program in enumerate(programs):
        seconds = {row["n_res"]: row["median_s"] for row in rows if row["program"] == program}
        places = [i + 0.8 * k / len(programs) for i, n in enumerate(lengths) if n in seconds]
        bars = axes.bar(places, list(seconds.values()), 0.8 / len(programs), label=program, align="edge")
        axes.bar_label(bars, fmt="%.0f", fontsize=8)
    axes.set_xticks([i + 0.4 for i in range(len(lengths))], [f"{n} residues" for n in lengths])
    axes.set_ylabel("seconds a pass, full MSA")
    axes.legend()


def memory(record: dict[str, Any], axes: Any) -> None:
    """Peak memory against length; dashed: what `af2cpu estimate` says."""
    for program in dict.fromkeys(row["program"] for row in record["rows"]):
        rows = sorted((r for r in record["rows"] if r["program"] == program), key=lambda row: row["n_res"])
        lengths = [row["n_res"] for row in rows]
        (line,) = axes.plot(lengths, [row["peak_gb"] for row in rows], "o-", label=program)
        if all("estimated_gb" in row for row in rows):
            axes.plot(lengths, [row["estimated_gb"] for row in rows], "--", color=line.get_color())
    axes.set_xlabel("residues")
    axes.set_ylabel("peak memory, GB")
    axes.legend()


def kernels(record: dict[str, Any], axes: Any) -> None:
    """Share of the machine's measured rate that each kernel reaches."""
    rows = [row for row in record["rows"] if row.get("precision") == "bf16"]
    names = [f"{row['kernel']} {row['shape']}" for row in rows]
    axes.barh(names, [100 * row["share_of_peak"] for row in rows])
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize=7)
    axes.set_xlabel("% of the machine's bf16 rate")


PICTURES = {"end_to_end": end_to_end, "memory": memory, "kernels": kernels}


def main() -> None:
    for name, draw in PICTURES.items():
        record = read(name)
        if record is None:
            print(f"{name}: no record of this machine")
            continue
        figure, axes = plt.subplots(figsize=(7, 6 if name == "kernels" else 4), layout="constrained")
        draw(record, axes)
        axes.set_title(f"{record['machine']['cpu']}, {record['machine']['cores']} cores", fontsize=9)
        figure.savefig(IMAGES / f"{name}.png", dpi=110)
        print(IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()
