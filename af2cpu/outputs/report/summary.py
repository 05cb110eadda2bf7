# SPDX-License-Identifier: Apache-2.0
"""What a results folder has of each target, as records: the index page and the summary files are made from them.

summary.tsv has a line for each target, predictions.tsv one for each prediction, summary.json both.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import orjson

from af2cpu.errors import InputError
from af2cpu.outputs.arrays import read_result
from af2cpu.outputs.layout import STRUCTURES, Layout
from af2cpu.outputs.report.find import Found, prediction_id, read_run
from af2cpu.outputs.report.trace import Stroke, trace
from af2cpu.records import Interface, PredictionId, best_interface
from af2cpu.runs.failures import failure_path
from af2cpu.runs.records import PredictionScores, Remaining, TargetRun, read_record, to_json

_NOT_IN_TABLE = {"warnings", "notes", "predictions", "interfaces"}  # lists, which summary.json has


@dataclass(frozen=True)
class PredictionSummary:
    """One prediction: a line of predictions.tsv."""

    target: str
    rank: int  # from 1
    prediction: str  # such as model_1_ptm_pred_0
    plddt: float  # mean, 0-100
    ptm: float | None  # 0-1; None for models without PAE
    relaxed: bool
    violations: int | None  # residues with structural violations after relaxation; None if it was not relaxed
    not_relaxed: str | None  # why, if it should have been
    seconds: float | None  # of the network
    structure: str | None  # PDB file below the folder, or .cif if there is no PDB: relaxed if it is, else unrelaxed
    chains: int = 1
    iptm: float | None = None  # 0-1, of a complex
    interface: str | None = None  # chains of the best interface, such as A-B; its scores follow
    ipsae: float | None = None
    pdockq: float | None = None
    pdockq2: float | None = None
    lis: float | None = None
    contacts: int | None = None
    interfaces: tuple[Interface, ...] = ()  # all of them


@dataclass(frozen=True, kw_only=True)
class TargetSummary:
    """One target: a line of summary.tsv. Only name, status and error are known of a target without results."""

    target: str
    status: str  # done, failed (there may be results of an earlier run), unfinished
    error: str | None = None  # one line
    residues: int | None = None
    best: str | None = None  # name of the best prediction
    plddt: float | None = None  # of the best prediction, mean, 0-100
    ptm: float | None = None  # of the best prediction, 0-1
    relaxed: bool | None = None  # whether the best prediction is
    violations: int | None = None  # of the best prediction
    seconds: float | None = None  # of all stages
    report: str | None = None  # the page, below the folder
    structure: str | None = None  # of the best prediction
    chains: int | None = None
    iptm: float | None = None  # of the best prediction, as the rest; of a complex
    interface: str | None = None  # chains of the best interface, such as A-B; its scores follow
    ipsae: float | None = None
    pdockq: float | None = None
    pdockq2: float | None = None
    lis: float | None = None
    contacts: int | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    predictions: tuple[PredictionSummary, ...] = ()  # best first


@dataclass(frozen=True)
class Row:
    """A target on the index page."""

    summary: TargetSummary
    trace: tuple[Stroke, ...] = ()  # of the best prediction


@dataclass
class Summaries:
    """The rows of a results folder. Each target is read once, and again only when its files have changed."""

    out: Path
    _known: dict[Path, tuple[object, Row]] = field(default_factory=dict)

    def rows(self, found: Iterable[Found]) -> list[Row]:
        """In the order of `found`."""
        return [self._row(one) for one in found]

    def _row(self, found: Found) -> Row:
        paths = found.layout.document("run"), failure_path(found.work), found.layout.document("relax_metrics")
        stamp = tuple(_stamp(path) for path in paths)
        stamp_before, row = self._known.get(found.work, (None, None))
        if row is None or stamp_before != stamp:
            row = _read(found, self.out)
            self._known[found.work] = stamp, row
        return row


def summary_files(rows: Sequence[Row]) -> dict[str, bytes]:
    """The content of summary.tsv, predictions.tsv and summary.json."""
    targets = [row.summary for row in rows]
    predictions = [one for target in targets for one in target.predictions]
    content = {"targets": [to_json(target) for target in targets]}
    return {
        "summary.tsv": _table(TargetSummary, targets),
        "predictions.tsv": _table(PredictionSummary, predictions),
        "summary.json": orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE),
    }


def _table(kind: type[Any], records: Sequence[Any]) -> bytes:
    """Tab-separated, with a head; empty cells for what is not known."""
    names = [one.name for one in fields(kind) if one.name not in _NOT_IN_TABLE]
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell(getattr(record, name)) for name in names] for record in records)
    return text.getvalue().encode()


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else value


def _stamp(path: Path) -> tuple[int, int] | None:
    """Tells a file from an earlier one without reading it."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_mtime_ns, status.st_size


def _read(found: Found, out: Path) -> Row:
    """A damaged target has a row that says so; the others are shown all the same."""
    if not found.done:
        status = "failed" if found.failed else "unfinished"
        return Row(TargetSummary(target=found.name, status=status, error=found.error))
    try:
        run = read_run(found.layout)
        best = prediction_id(run.best.name, run.settings["seed"])
        prediction = read_result(found.layout.of("result", best, ".npz"), best.model, extras=False)
        return Row(_summary(found, run, out), trace(prediction))
    except InputError as error:
        return Row(TargetSummary(target=found.name, status="failed", error=str(error)))


def _summary(found: Found, run: TargetRun, out: Path) -> TargetSummary:
    layout = found.layout
    metrics = layout.document("relax_metrics")
    left = read_record(dict[str, Remaining], metrics) if metrics.is_file() else {}
    predictions = tuple(
        _prediction(found, run, rank, entry, left.get(entry.name), out)
        for rank, entry in enumerate(run.ranking, start=1)
    )
    best = predictions[0]
    return TargetSummary(
        target=found.name,
        status="failed" if found.failed else "done",
        error=found.error,
        residues=run.n_res,
        best=best.prediction,
        plddt=best.plddt,
        ptm=best.ptm,
        relaxed=best.relaxed,
        violations=best.violations,
        seconds=_all_seconds(run),
        report=layout.page().relative_to(out).as_posix(),
        structure=best.structure,
        chains=best.chains,
        iptm=best.iptm,
        **_of_interface(run.best),
        warnings=run.warnings,
        notes=(*run.notes, *(f"{name}: not relaxed: {reason}" for name, reason in run.not_relaxed.items())),
        predictions=predictions,
    )


def _prediction(
    found: Found, run: TargetRun, rank: int, entry: PredictionScores, left: Remaining | None, out: Path
) -> PredictionSummary:
    relaxed = left is not None and entry.name not in run.not_relaxed
    seconds = run.timings.get(f"predict_and_compile_{entry.name}")
    return PredictionSummary(
        target=found.name,
        rank=rank,
        prediction=entry.name,
        plddt=round(entry.plddt, 2),
        ptm=_score(entry.ptm),
        relaxed=relaxed,
        violations=round(left.remaining_violations_count) if left is not None and relaxed else None,
        not_relaxed=run.not_relaxed.get(entry.name),
        seconds=None if seconds is None else round(seconds, 1),
        structure=_structure(found.layout, prediction_id(entry.name, run.settings["seed"]), relaxed, out),
        chains=run.n_chains,
        iptm=_score(entry.iptm),
        interfaces=entry.interfaces,
        **_of_interface(entry),
    )


def _of_interface(entry: PredictionScores) -> dict[str, Any]:
    """The fields of the best interface; none for a single chain."""
    best = best_interface(entry.interfaces)
    if best is None:
        return {}
    scores = {name: _score(getattr(best, name)) for name in ("ipsae", "pdockq", "pdockq2", "lis")}
    return {"interface": f"{best.a}-{best.b}", "contacts": best.contacts, **scores}


def _score(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _structure(layout: Layout, who: PredictionId, relaxed: bool, out: Path) -> str | None:
    found = (layout.find("relaxed" if relaxed else "unrelaxed", who, ending) for ending in STRUCTURES)
    path = next(filter(None, found), None)
    return path.relative_to(out).as_posix() if path else None


def _all_seconds(run: TargetRun) -> float | None:
    """`features` in timings.json holds the searches."""
    stages = [seconds for name, seconds in run.timings.items() if not name.startswith("search_")]
    return round(sum(stages), 1) if stages else None
