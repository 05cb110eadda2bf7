"""The words and tables of the report: how the run went, what it used, what to be careful with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from af2cpu.outputs.citation import CITATION
from af2cpu.outputs.classes import BOUNDS, NAMES
from af2cpu.outputs.report.content import MOST_EMBEDDED, Content

SHALLOW = 30  # rows; under about as many effective ones AlphaFold 2's accuracy falls steeply (Jumper et al., figure 5a)
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

_CITATIONS = {
    "network": (
        "The network and its parameters",
        f"Jumper, J. et al. {CITATION['title']}. {CITATION['journal_full']} {CITATION['journal_volume']}, "
        f"{CITATION['page_first']}–{CITATION['page_last']} ({CITATION['year']}).",
        str(CITATION["pdbx_database_id_DOI"]),
    ),
    "relaxation": (
        "Relaxation",
        "Eastman, P. et al. OpenMM 8: molecular dynamics simulation with machine learning potentials. "
        "J. Phys. Chem. B 128, 109–116 (2024).",
        "10.1021/acs.jpcb.3c06662",
    ),
    "search": (
        "Search",
        "Larralde, M. & Zeller, G. PyHMMER: a Python library binding to HMMER for efficient sequence analysis. "
        "Bioinformatics 39, btad214 (2023).",
        "10.1093/bioinformatics/btad214",
    ),
    "view": (
        "3D view",
        "Rego, N. & Koes, D. 3Dmol.js: molecular visualization with WebGL. Bioinformatics 31, 1322–1324 (2015).",
        "10.1093/bioinformatics/btu829",
    ),
}


def plddt_class(plddt: float) -> int:
    """0 very low, 1 low, 2 confident, 3 very high."""
    return sum(plddt >= bound for bound in BOUNDS)


def duration(seconds: float) -> str:
    """Such as 0.8 s, 42 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def ranking_rows(content: Content) -> list[dict[str, Any]]:
    """The table of predictions, best first."""
    rows = []
    for rank, entry in enumerate(content.ranking):
        name, shown = entry["name"], content.shown[rank] if rank < len(content.shown) else None
        record = content.relaxation.get(name)
        rows.append(
            {
                "rank": rank + 1,
                "name": name,
                "plddt": entry["plddt"],
                "class": plddt_class(entry["plddt"]),
                "ptm": entry["ptm"],
                "rmsd": shown.rmsd if shown else None,
                "passes": shown.prediction.passes if shown else None,
                "change": shown.prediction.changes[-1] if shown and shown.prediction.passes > 1 else None,
                "relaxed": bool(shown and "relaxed" in shown.structures) or bool(record and record["relaxed"]),
                "reason": content.run["not_relaxed"].get(name),
                "before": sum(record["violations_before"]) if record else None,
                "after": sum(record["violations_after"]) if record else None,
                "shown": shown is not None,
            }
        )
    return rows


def description(content: Content) -> str:
    """The header of the sequence as the user gave it."""
    return content.features.domain_name[0].decode(errors="replace") if content.features is not None else ""


def headline(content: Content) -> dict[str, Any]:
    """The figures at the top of the page; of the best prediction."""
    best = content.ranking[0]
    plddt = content.shown[0].prediction.plddt
    counts = [0, 0, 0, 0]
    for value in plddt.tolist():
        counts[plddt_class(value)] += 1
    classes = [
        {"name": name, "count": count, "share": 100 * count / len(plddt), "class": k}
        for k, (name, count) in enumerate(zip(NAMES, counts, strict=True))
    ]
    return {
        "plddt": best["plddt"],
        "class": plddt_class(best["plddt"]),
        "ptm": best["ptm"],
        "n_res": len(plddt),
        "n_seq": content.features.n_seq if content.features is not None else None,
        "n_templ": content.features.n_templ if content.features is not None else None,
        "classes": classes[::-1],
    }


def notes(content: Content) -> list[str]:
    """What the reader should know of this run, the notes of the run among it; each once."""
    said = [str(note) for note in content.run.get("notes", [])]
    said += [f"{name}: not relaxed: {reason}" for name, reason in content.run["not_relaxed"].items()]
    said += [
        f"{one.who.name}: structural violations remain after relaxation in {_count(len(one.violations), 'residue')}"
        for one in content.shown
        if one.violations
    ]
    if content.features is not None and content.features.n_seq < SHALLOW:
        said.append(
            f"The alignment has {_count(content.features.n_seq, 'sequence')}, the query among them; "
            f"with fewer than about {SHALLOW} AlphaFold 2 is much less accurate."
        )
    if content.shown[0].pae is None:
        said.append("These models predict no PAE and no pTM; the ptm models (model_1_ptm ... model_5_ptm) do.")
    if len(content.ranking) > MOST_EMBEDDED:
        said.append(f"The page holds the best {MOST_EMBEDDED} of {len(content.ranking)} predictions.")
    if content.features is None:
        said.append("features.npz is not in the folder: no picture of the alignment.")
    return list(dict.fromkeys(said))


def citations(content: Content) -> list[tuple[str, str, str]]:
    """What was used, paper, DOI."""
    used = {"network": True, "relaxation": content.relaxation, "search": content.run.get("databases"), "view": True}
    return [citation for what, citation in _CITATIONS.items() if used[what]]


def settings_rows(run: dict[str, Any]) -> Rows:
    """The settings that were set, under the names of the command's options."""
    rows = [("engine", run.get("engine")), ("precision", run.get("precision")), ("threads", run.get("threads"))]
    rows += [(name, value) for name, value in run["settings"].items() if name not in {*_OF_PAGE, *(k for k, _ in rows)}]
    return [(name.replace("_", "-"), _word(value)) for name, value in rows if value not in (None, [], "")]


def parameter_rows(run: dict[str, Any]) -> Rows:
    """Model and file -> fingerprint of its parameters."""
    return [
        (f"{model}, {Path(entry['source']).name}", str(entry["fingerprint"]))
        for model, entry in run.get("parameters", {}).items()
    ]


def database_rows(run: dict[str, Any]) -> list[dict[str, str]]:
    """What was searched, as far as a hash and numbers of it are known."""
    return [
        {
            "name": str(entry["name"]),
            "sequences": f"{entry['sequences']:,}" if "sequences" in entry else "",
            "hits": f"{entry['hits']:,}" if "hits" in entry else "",
            "hash": str(entry.get("hash", "")),
        }
        for entry in run.get("databases", [])
    ]


def time_rows(run: dict[str, Any]) -> list[dict[str, Any]]:
    """Stages and their seconds, from AlphaFold 2's names in timings.json. `share`: of the longest."""
    timings: dict[str, float] = dict(run.get("timings", {}))
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
        {"name": name, "time": duration(seconds), "share": f"{100 * seconds / longest if longest else 0:.1f}%"}
        for name, seconds in stages
    ]
    return [*rows, {"name": "all together", "time": duration(sum(s for _, s in stages)), "share": None}] * bool(rows)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
