# SPDX-License-Identifier: Apache-2.0
"""The words and tables of the report: how the run went, what it used, what to be careful with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from af2cpu.outputs.classes import BOUNDS, NAMES
from af2cpu.outputs.references import VIEW, Reference, papers
from af2cpu.outputs.report.chains import chain_rows
from af2cpu.outputs.report.content import MOST_EMBEDDED, Content
from af2cpu.runs.records import DatabaseUsed, TargetRun
from af2cpu.words import counted

SHALLOW = 30  # rows; under about as many effective ones AlphaFold 2's accuracy falls steeply (Jumper et al., figure 5a)
_MOST_NAMED = 6  # sequences of a complex whose names are in the head of the page
_OF_PAGE = "data_dir", "params", "msa", "template", "db"  # settings that the tables below tell of, with their hashes

# Beginnings of the names in timings.json and what the page calls them, in the order of the run.
_STAGES = {
    "search_": "search",
    "features": "features",
    "process_features_": "draws",
    "predict_and_compile_": "network",
    "relax_": "relaxation",
}

Rows = list[tuple[str, str]]


def plddt_class(plddt: float) -> int:
    """0 very low, 1 low, 2 confident, 3 very high."""
    return sum(plddt >= bound for bound in BOUNDS)


def duration(seconds: float) -> str:
    """Such as 0.8 s, 42 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


@dataclass(frozen=True)
class RankingRow:
    """One prediction in the table of predictions."""

    rank: int  # from 1
    name: str
    plddt: float
    level: int  # class of pLDDT
    ptm: float | None
    iptm: float | None  # of a complex
    rmsd: float | None  # to the best one, angstrom
    passes: int | None
    change: float | None  # of the last pass, angstrom
    relaxed: bool
    reason: str | None  # why it was not relaxed
    before: int | None  # residues with violations
    after: int | None
    shown: bool  # whether the page holds its structures


def ranking_rows(content: Content) -> list[RankingRow]:
    """The table of predictions, best first."""
    return [_ranking_row(content, rank) for rank in range(len(content.run.ranking))]


def _ranking_row(content: Content, rank: int) -> RankingRow:
    entry = content.run.ranking[rank]
    shown = content.shown[rank] if rank < len(content.shown) else None
    record = content.relaxation.get(entry.name)
    return RankingRow(
        rank=rank + 1,
        name=entry.name,
        plddt=entry.plddt,
        level=plddt_class(entry.plddt),
        ptm=entry.ptm,
        iptm=entry.iptm,
        rmsd=shown.rmsd if shown else None,
        passes=shown.prediction.passes if shown else None,
        change=shown.prediction.changes[-1] if shown and shown.prediction.passes > 1 else None,
        relaxed=bool(shown and "relaxed" in shown.structures) or bool(record and record.relaxed),
        reason=content.run.not_relaxed.get(entry.name),
        before=sum(record.violations_before) if record else None,
        after=record.remaining if record else None,
        shown=shown is not None,
    )


def description(content: Content) -> str:
    """The header of the sequence as the user gave it; of a complex whose chains have names of their own, these."""
    if content.features is None:
        return ""
    if any(chain.name for chain in content.chains):
        named = [f"{', '.join(chain.id for chain in one.chains)} {one.chains[0].name}" for one in content.entities]
        return " · ".join(named) if len(named) <= _MOST_NAMED else ""
    return content.features.domain_name[0].decode(errors="replace")


@dataclass(frozen=True)
class ClassShare:
    """How many residues are of one class of pLDDT."""

    name: str
    count: int
    share: float  # percent
    level: int


@dataclass(frozen=True)
class Headline:
    """The figures at the top of the page, of the best prediction."""

    plddt: float
    level: int
    ptm: float | None
    iptm: float | None  # of a complex
    n_chains: int
    n_res: int
    n_seq: int | None
    neff: float | None  # effective sequences
    n_templ: int | None
    classes: tuple[ClassShare, ...]  # best first


def headline(content: Content) -> Headline:
    """The figures at the top of the page."""
    best, plddt = content.run.best, content.shown[0].prediction.plddt
    counts = [0, 0, 0, 0]
    for value in plddt.tolist():
        counts[plddt_class(value)] += 1
    classes = [
        ClassShare(name, count, 100 * count / len(plddt), level)
        for level, (name, count) in enumerate(zip(NAMES, counts, strict=True))
    ]
    return Headline(
        plddt=best.plddt,
        level=plddt_class(best.plddt),
        ptm=best.ptm,
        iptm=best.iptm,
        n_chains=len(content.chains),
        n_res=len(plddt),
        n_seq=content.features.n_seq if content.features is not None else None,
        neff=content.effective.neff if content.effective is not None else None,
        n_templ=content.features.n_templ if content.features is not None else None,
        classes=tuple(classes[::-1]),
    )


def notes(content: Content) -> list[str]:
    """What the reader should know of this run, the notes of the run among it; each once."""
    skipped = content.run.template_choice.skipped  # the table of templates has the reasons
    in_table = {f"chain {one.chain}: {one.note}" if one.chain else one.note for one in skipped}
    said = [*_sampling(content.run), *(note for note in content.run.notes if note not in in_table)]
    said += [f"{name}: not relaxed: {reason}" for name, reason in content.run.not_relaxed.items()]
    said += [
        f"{one.who.name}: structural violations remain after relaxation in {counted(len(one.violations), 'residue')}"
        for one in content.shown
        if one.violations
    ]
    for row in chain_rows(content.chains, content.features, content.effective):
        if row.n_seq is not None and row.n_seq < SHALLOW and not row.copy_of:
            of_chain = f" of chain {row.id}" if len(content.chains) > 1 else ""
            said.append(
                f"The alignment{of_chain} has {counted(row.n_seq, 'sequence')}, the query among them; "
                f"with fewer than about {SHALLOW} AlphaFold 2 is much less accurate."
            )
    if content.shown[0].pae is None:
        said.append("These models predict no PAE and no pTM; the ptm models (model_1_ptm ... model_5_ptm) do.")
    if len(content.run.ranking) > MOST_EMBEDDED:
        said.append(f"The page holds the best {MOST_EMBEDDED} of {len(content.run.ranking)} predictions.")
    if content.features is None:
        said.append("features.npz is not in the folder: no picture of the alignment.")
    return list(dict.fromkeys(said))


def _sampling(run: TargetRun) -> Iterator[str]:
    """How the network ran where that is not its usual way."""
    if run.settings.get("dropout"):
        yield "The network ran with dropout (--dropout): predictions of different seeds differ more than without it."
    if run.settings.get("initial_guess"):
        yield f"The first pass began with a structure (--initial-guess {run.settings['initial_guess']})."


def citations(content: Content) -> list[Reference]:
    """The papers behind what was used."""
    models = [entry.name for entry in content.run.ranking]
    return [*papers(content.run.databases, models, relaxed=bool(content.relaxation)), VIEW]


def settings_rows(run: TargetRun) -> Rows:
    """The settings that were set, under the names of the command's options."""
    rows = [("engine", run.engine), ("precision", run.precision), ("threads", run.threads)]
    rows += [(name, value) for name, value in run.settings.items() if name not in {*_OF_PAGE, *(k for k, _ in rows)}]
    return [(name.replace("_", "-"), _word(value)) for name, value in rows if value not in (None, [], "")]


def parameter_rows(run: TargetRun) -> Rows:
    """Model and file -> fingerprint of its parameters."""
    return [(f"{model}, {Path(used.source).name}", used.fingerprint) for model, used in run.parameters.items()]


@dataclass(frozen=True)
class DatabaseRow:
    """One database that was searched, as far as its numbers are known."""

    name: str
    chains: str  # of a complex, whose sequence was searched
    sequences: str
    hits: str
    hash: str


def database_rows(run: TargetRun) -> list[DatabaseRow]:
    """What was searched."""
    return [
        DatabaseRow(
            name=_database_name(database),
            chains=", ".join(database.chains),
            sequences=""
            if database.server
            else f"{database.sequences:,}{' profiles' * (database.program is not None)}",
            hits=f"{database.hits:,}",
            hash=f"ticket {database.server.ticket}" if database.server and database.server.ticket else database.hash,
        )
        for database in run.databases
    ]


def _database_name(database: DatabaseUsed) -> str:
    """With the program or the server that searched it."""
    if database.server is None:
        return f"{database.name}, {database.program}" if database.program else database.name
    files = f" ({', '.join(database.server.rows)})" if database.server.rows else ""
    return f"{database.name}{files}, {database.server.url}"


@dataclass(frozen=True)
class TimeRow:
    """One stage and its time."""

    name: str
    time: str
    share: str | None  # of the longest stage, percent


def time_rows(run: TargetRun) -> list[TimeRow]:
    """Stages and their times, from AlphaFold 2's names in timings.json."""
    timings = dict(run.timings)
    if "features" in timings:  # holds the searches too
        timings["features"] -= sum(value for key, value in timings.items() if key.startswith("search_"))
    stages = [
        (f"{word} {key.removeprefix(prefix)}".strip(), value)
        for prefix, word in _STAGES.items()
        for key, value in timings.items()
        if key.startswith(prefix)
    ]
    longest = max((seconds for _, seconds in stages), default=0.0)
    rows = [
        TimeRow(name, duration(seconds), f"{100 * seconds / longest if longest else 0:.1f}%")
        for name, seconds in stages
    ]
    return [*rows, TimeRow("all together", duration(sum(s for _, s in stages)), None)] * bool(rows)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@dataclass(frozen=True)
class SimilarityRow:
    """A line of the matrix of predictions."""

    rank: int
    name: str
    cells: tuple[str, ...]  # right of the diagonal TM-score, left of it RMSD in angstrom


def similarity_rows(content: Content) -> list[SimilarityRow]:
    """How alike the predictions that the page holds are; none for a single one."""
    tm, rmsd = content.tm, content.rmsd
    count = len(content.shown) if len(content.shown) > 1 else 0
    return [
        SimilarityRow(
            rank=i + 1,
            name=content.shown[i].who.name,
            cells=tuple(f"{tm[i, j]:.3f}" if j > i else f"{rmsd[i, j]:.2f}" if j < i else "–" for j in range(count)),
        )
        for i in range(count)
    ]
