# SPDX-License-Identifier: Apache-2.0
"""The tables of scripts/documents/measured.py: each is a function from the records to lines of Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

Read = Callable[[str], dict[str, Any]]
Row = dict[str, Any]


class MissingError(Exception):
    """No record of the benchmark that the message names."""


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Lines of a Markdown table."""
    cells = list(head)
    yield f"| {' | '.join(cells)} |"
    yield f"|{'---|' * len(cells)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def seconds(value: float) -> str:
    """Three digits: 133 s, 36.1 s, 0.33 s."""
    return f"{value:.0f} s" if value >= 100 else f"{value:.1f} s" if value >= 10 else f"{value:.2f} s"


def gigabytes(value: float) -> str:
    return f"{value:.1f} GB"


def small(value: float) -> str:
    """A small difference: 5e-05 as 5.0e-5, and plain from 0.01 on."""
    if value >= 0.01 or value == 0:
        return f"{value:.2f}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def faster(factor: float) -> str:
    """3.7 times faster; below 1 the other way round: 1.2 times slower."""
    return f"{factor:.1f} times faster" if factor >= 1 else f"{1 / factor:.1f} times slower"


def where(record: Row) -> str:
    """The machine of a record, in words."""
    machine = record["machine"]
    level = "AMX" if "amx_tile" in machine["isa"] else "AVX512-BF16" if "avx512_bf16" in machine["isa"] else "AVX2"
    return f"{machine['cores']} cores of an {machine['cpu']} ({level})"


def _versions(record: Row, *packages: str) -> str:
    return ", ".join(f"{name} {record['machine']['versions'][name]}" for name in packages)


def passes(read: Read) -> Iterator[str]:
    """Ours beside DeepMind's network in JAX."""
    record = read("end_to_end")
    rows = [row for row in record["rows"] if row["reference"] == "jax fp32"]
    cases: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in sorted(rows, key=lambda row: (row["model"] != "model_1_ptm", row["rows"] != "full", row["n_res"])):
        residues = (row.get("chains") or str(row["n_res"])).replace(",", " + ")
        depth = "full" if row["rows"] == "full" else f"{row['rows']} rows"
        cases.setdefault((row["model"], residues, depth), {})[row["program"]] = row
    yield f"{where(record)}; medians, with {_versions(record, 'jax', 'torch')}."
    yield ""
    ours = ("native float32", "native bf16", "Peak memory: JAX, float32, bf16")
    head = ("Model", "Residues", "MSA", "JAX float32", *ours)
    yield from table(head, (_pass_row(case, programs) for case, programs in cases.items()))


def _pass_row(case: tuple[str, ...], programs: dict[str, Row]) -> Iterator[str]:
    model, *rest = case
    three = [programs[name] for name in ("jax fp32", "native fp32", "native bf16")]
    yield f"`{model}`"
    yield from rest
    yield seconds(three[0]["median_s"])
    for row in three[1:]:
        yield f"{seconds(row['median_s'])} ({faster(row['times_faster'])})"
    yield f"{', '.join(format(row['peak_gb'], '.1f') for row in three)} GB"


def pass_differences(read: Read) -> Iterator[str]:
    """How far the timed runs in float32 are from the reference."""
    timed = ("jax fp32", "native fp32")
    rows = [row for row in read("end_to_end")["rows"] if (row["reference"], row["program"]) == timed]
    worst = max(row["atoms_rmsd_angstrom"] for row in rows)
    yield f"In float32 the atoms of these runs are within {small(worst)} Å (RMSD) of the reference's."


OURS = ("native fp32", "native bf16")
RIVALS = {
    "DeepMind": "AlphaFold 2 (DeepMind's `alphafold`)",
    "OpenFold": "OpenFold",
    "open-omics": "Intel's `open-omics-alphafold`",
}


def _rivals(record: Row) -> dict[str, dict[str, Row]]:
    """Rival -> our program -> row; the slowest rival last."""
    found: dict[str, dict[str, Row]] = {}
    for row in sorted(record["rows"], key=lambda row: row["rival_median_s"]):
        found.setdefault(row["rival"], {})[row["program"]] = row
    return found


def _rival_name(rival: str) -> tuple[str, str]:
    """Name and precision from the record's `OpenFold ce0029e bf16`, whose second word is the commit."""
    program, commit, precision = rival.split()
    return f"{RIVALS[program]}, commit {commit}", precision


def rivals(read: Read) -> Iterator[str]:
    """Other programs beside ours, in one run."""
    record = read("rivals")
    found = _rivals(record)
    first = next(iter(found.values()))
    fp32, bf16 = first["native fp32"], first["native bf16"]
    yield (
        f"One pass of `{fp32['model']}`, {fp32['n_res']} residues, full MSA, on {where(record)}. Ours takes "
        f"{seconds(fp32['our_median_s'])} and {gigabytes(fp32['our_peak_gb'])} in float32, "
        f"{seconds(bf16['our_median_s'])} and {gigabytes(bf16['our_peak_gb'])} in bf16."
    )
    yield ""
    head = ("Program", "Precision", "Pass", "Peak memory", "ours in float32 is", "ours in bf16 is")
    yield from table(head, (_rival_row(name, rows) for name, rows in found.items()))


def _rival_row(rival: str, rows: dict[str, Row]) -> Iterator[str]:
    one = rows["native fp32"]
    yield from _rival_name(rival)
    yield from (seconds(one["rival_median_s"]), gigabytes(one["rival_peak_gb"]))
    yield from (faster(rows[ours]["times_faster"]) for ours in OURS)


def rival_differences(read: Read) -> Iterator[str]:
    """How far other programs' atoms are from ours."""
    head = ("Program", "Precision", "ours in float32", "ours in bf16")
    rows = (
        (
            *_rival_name(rival),
            *(f"{small(found[ours]['atoms_rmsd_angstrom'])} Å" for ours in OURS),
        )
        for rival, found in _rivals(read("rivals")).items()
    )
    yield from table(head, rows)


def memory(read: Read) -> Iterator[str]:
    """Peak memory beside the estimate."""
    rows = [row for row in read("memory")["rows"] if not row["program"].startswith(("jax", "torch"))]
    order = sorted(rows, key=lambda row: (row["one_block"], row["model"], row["program"], row["n_res"]))
    head = ("Model", "Residues", "Templates", "Precision", "Network", "Peak", "`af2cpu estimate` said")
    yield from table(
        head,
        (
            (
                f"`{row['model']}`",
                f"{row['n_res']:,}",
                str(row["templates"]),
                {"fp32": "float32", "bf16": "bf16"}[row["program"].split()[1]],
                "one block of each stack" if row["one_block"] else "whole",
                gigabytes(row["peak_gb"]),
                gigabytes(row["estimated_gb"]),
            )
            for row in order
        ),
    )


def loading(read: Read) -> Iterator[str]:
    """Loading and packing of a full-size model."""
    one = read("load")
    yield (
        f"Reading a file of {one['bytes'] / 1e9:.2f} GB takes {seconds(one['load_s'])}, packing its weights for the "
        f"kernels {seconds(one['pack_s'])}; {gigabytes(one['peak_gb'])} of memory at the peak, "
        f"{gigabytes(one['kept_gb'])} kept."
    )


def start(read: Read) -> Iterator[str]:
    """Seconds from a command to its first work."""
    what = {
        "search": "`af2cpu search` in the demo's databases, the whole command",
        "first pass": "`af2cpu predict`, until the first pass of a model in full size begins",
        "import torch": "`python -c 'import torch'`",
    }
    figures = read("start")["figures"]
    yield from table(("", "Seconds"), ((what[job], seconds(one["median_s"])) for job, one in figures.items()))


def _by_commit(cases: list[dict[str, Row]], columns: Sequence[str]) -> str:
    """Which columns are of different runs: their seconds are not to be compared, since the clock moves."""
    commits = {
        column: {case[column]["commit"].partition("-")[0] for case in cases if column in case} for column in columns
    }
    if len(set.union(*commits.values())) == 1:
        return "All were measured in one run."
    said = "; ".join(f"{column}: {', '.join(sorted(of))}" for column, of in commits.items())
    return f"Runs of different commits ({said}) had different clocks: compare shares, not seconds."


def blocks(read: Read) -> Iterator[str]:
    """Seconds of one block, by engine."""
    record = read("blocks")
    found: dict[tuple[str, int], dict[str, Row]] = {}
    for row in record["rows"]:
        found.setdefault((row["stack"], row["n_res"]), {})[f"{row['engine']} {row['precision']}"] = row
    columns = ("torch bf16", "compile bf16", "native bf16", "native fp32")
    yield (
        f"Seconds of one block on {where(record)}, and its share of the machine's rate, measured beside it. "
        + _by_commit(list(found.values()), columns)
    )
    yield ""
    head = ("Stack", "Residues", *(column.replace("fp32", "float32") for column in columns))
    yield from table(
        head,
        (
            (stack, str(n_res), *(_with_share(programs[column]) for column in columns if column in programs))
            for (stack, n_res), programs in found.items()
        ),
    )


def _with_share(row: Row) -> str:
    return f"{seconds(row['median_s'])} ({100 * row['share_of_rate']:.0f} %)"


def kernels(read: Read) -> Iterator[str]:
    """Each kernel beside PyTorch, bf16."""
    record = read("kernels")
    largest = max(row["n_res"] for row in record["rows"])
    of_interest = {"precision": "bf16", "n_res": largest, "threads": record["machine"]["cores"]}
    found: dict[tuple[str, str], dict[str, Row]] = {}
    for row in record["rows"]:
        if of_interest.items() <= row.items():
            found.setdefault((row["stack"], row["what"].replace("_", " ")), {})[row["engine"]] = row
    yield f"{largest} residues, bf16, {where(record)}; in brackets the share of the machine's rate."
    yield ""
    head = ("Stack", "Layer", "PyTorch", "native", "times faster")
    yield from table(
        head,
        (
            (stack, what, _with_share(row["torch"]), _with_share(row["native"]), f"{_gain(row):.1f}")
            for (stack, what), row in sorted(found.items())
        ),
    )


def _gain(row: dict[str, Row]) -> float:
    return row["torch"]["median_s"] / row["native"]["median_s"]


def scaling(read: Read) -> Iterator[str]:
    """Threads: measured, and predicted from the parts of a pass."""
    record = read("scaling")
    predicted = [int(threads) for threads in record["rows"][0]["predicted_s"]]
    yield f"{where(record)}; bf16. Numbers of threads that were not measured are predicted, a lower bound of the time."
    yield ""
    head = ("Model", "Residues", "MSA", *(f"{threads} thread{'s' if threads > 1 else ''}" for threads in predicted))
    yield from table(head, (_scaling_row(row, predicted) for row in record["rows"]))


def _scaling_row(row: Row, threads: list[int]) -> Iterator[str]:
    yield from (f"`{row['model']}`", str(row["n_res"]), str(row["rows"]))
    for count in map(str, threads):
        measured = row["measured_s"].get(count)
        yield seconds(measured) if measured is not None else f"predicted {seconds(row['predicted_s'][count])}"


def amx(read: Read) -> Iterator[str]:
    """What the kernels for AMX do besides tile products, and what bounds them on paper."""
    record = read("amx_on_paper")
    length = max(row["n_res"] for row in record["rows"])
    yield (
        f"{length} residues, bf16, {where(record)}. Products of tiles are counted for {record['ghz']:g} GHz; the rest "
        "was timed here, in AVX-512."
    )
    yield ""
    head = ("Stack", "Layer", "AVX512-BF16 here", "AMX: products, on paper", "AMX: the rest", "Share of products")
    yield from table(head, (_amx_row(row) for row in record["rows"] if row["n_res"] == length))


def _amx_row(row: Row) -> Iterator[str]:
    times = (row["here_s"], row["products_on_paper_s"], row["without_products_s"])
    milliseconds = (f"{1000 * time:.1f} ms" for time in times)
    yield from (row["stack"], row["what"].replace("_", " "), *milliseconds, f"{row['share_on_paper']:.0%}")


PARITY_COLUMNS = {
    "MSA": "representations msa",
    "pair": "representations pair",
    "atoms, Å": "atom positions",
    "pLDDT": "pLDDT",
    "PAE, Å": "predicted aligned error",
    "pTM": "pTM",
    "ipTM": "ipTM",
}


def parity(read: Read) -> Iterator[str]:
    """All models, both precisions."""
    record = read("parity")
    head = ("Model", "Precision", "Passed", *PARITY_COLUMNS)
    models = sorted(record["models"].items(), key=lambda one: (len(one[0]), one[0]))
    yield from table(
        head,
        (
            _parity_row(f"`{model}`", precision, found["rows"], passed=found["passed"])
            for precision in ("fp32", "bf16")
            for model, data in models
            for found in [data["precisions"][precision]]
        ),
    )


def _parity_row(model: str, precision: str, rows: list[Row], *, passed: bool) -> Iterator[str]:
    values = {row["name"]: row["value"] for row in rows}
    judged = precision == "fp32"
    yield from (model, "float32" if judged else precision, ("yes" if passed else "NO") if judged else "")
    yield from (small(values[name]) if name in values else "" for name in PARITY_COLUMNS.values())


def complexes(read: Read) -> Iterator[str]:
    """Kinds of complexes."""
    record = read("complexes")
    head = ("Model", "Chains", "Templates", "Passes", "Engine", "Precision", "Passed", *PARITY_COLUMNS)
    yield from table(head, map(_complex_row, record["rows"]))


def _complex_row(row: Row) -> Iterator[str]:
    yield from (f"`{row['model']}`", row["chains"], str(row["templates"]), str(row["passes"]), row["engine"])
    compared = [{"name": name, **found} for name, found in row["compared"].items()]
    _, *rest = _parity_row("", row["precision"], compared, passed=row["passed"])
    yield from rest


def crashes(read: Read) -> Iterator[str]:
    """Killed runs."""
    rows = read("crashes")["rows"]
    lost = sum(bool(row["lost"]) for row in rows)
    equal = sum(not row["different"] for row in rows)
    yield (
        f"`benchmarks/crashes.py` killed runs {len(rows)} times (SIGKILL), at stages and at random moments. The "
        f"repeated command ended {equal} times with the files of an undisturbed run; {lost} times it made a file again "
        "that was complete."
    )


def batch(read: Read) -> Iterator[str]:
    """Workers beside one process, and what the scheduler costs."""
    record, scheduler = read("batch"), read("scheduler")
    short = {name: min(found) for name, found in record["short"]["seconds"].items()}
    yield (
        f"A batch of short demo predictions on {where(record)}: {seconds(short['one core'])} on one core, "
        f"{seconds(short['one process'])} in one process on both, {seconds(short['workers'])} with one worker for "
        f"each core (`benchmarks/batch.py`, the fastest of the runs). The scheduler takes "
        f"{scheduler['figures']['ms_per_task']:.1f} ms for each step (`benchmarks/scheduler.py`)."
    )


NETWORK: dict[str, Callable[[Read], Iterator[str]]] = {
    "passes": passes,
    "pass_differences": pass_differences,
    "rivals": rivals,
    "rival_differences": rival_differences,
    "memory": memory,
    "loading": loading,
    "start": start,
    "blocks": blocks,
    "kernels": kernels,
    "scaling": scaling,
    "amx": amx,
    "parity": parity,
    "complexes": complexes,
    "crashes": crashes,
    "batch": batch,
}
