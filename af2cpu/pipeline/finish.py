"""Predictions to results: ranking, relaxation, the files that tell the ranks, plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from af2cpu.confidence import rank
from af2cpu.outputs.layout import STRUCTURES, Layout
from af2cpu.outputs.write import write_features_of, write_plots, write_ranking, write_relaxed
from af2cpu.pipeline.fold import Folded, Say
from af2cpu.records import Features, PredictionId, Protein, Provenance, Ranking
from af2cpu.relax import RelaxSettings, relax
from af2cpu.settings import RunSettings
from af2cpu.workspace import Target, content_hash, key_of

_VERSION = 1  # of the relaxation: a change makes all relaxed structures made before stale
_PLOTS_VERSION = 1


@dataclass
class Finished:
    """What became of a target's predictions."""

    ranking: Ranking
    violations: dict[str, np.ndarray] = field(default_factory=dict)  # of the relaxed ones, by name
    not_relaxed: dict[str, str] = field(default_factory=dict)  # name -> why
    seconds: dict[str, float] = field(default_factory=dict)  # of relaxations done now
    notes: list[str] = field(default_factory=list)


def finish(
    target: Target,
    layout: Layout,
    features: Features,
    folded: Sequence[Folded],
    settings: RunSettings,
    provenance: Provenance,
    say: Say,
) -> Finished:
    """Everything after the network. A relaxation that fails leaves the unrelaxed structure, and says why."""
    by_name = {one.confidence.who.name: one for one in folded}
    done = Finished(rank(one.confidence for one in folded))
    chosen = {"none": 0, "best": 1, "all": len(folded)}[settings.relax]
    for entry in done.ranking.entries[:chosen]:
        _relax(target, layout, by_name[entry.who.name], settings, provenance, done, say)
    write_ranking(layout, done.ranking, None if settings.relax == "none" else done.violations)
    _plot(target, layout, features, done.ranking, by_name)
    write_features_of(layout, features, af2_pickles=settings.af2_pickles)
    return done


def _plot(target: Target, layout: Layout, features: Features, ranking: Ranking, by_name: Mapping[str, Folded]) -> None:
    """Pictures, unless those that are there show this ranking of these predictions."""
    ranked = [[entry.who.name, by_name[entry.who.name].content] for entry in ranking.entries]
    features_content = content_hash(target.features)
    key = key_of("plots", version=_PLOTS_VERSION, features=features_content, ranked=ranked, job=layout.job)
    kinds = ["coverage", "plddt"] + ["pae"] * any(entry.ptm is not None for entry in ranking.entries)
    if all(target.is_current(layout.plot(kind), key) for kind in kinds):
        return
    for path in write_plots(layout, features, ranking, {name: one.prediction for name, one in by_name.items()}).paths:
        target.made(path, key)


def relax_settings(settings: RunSettings) -> RelaxSettings:
    """One thread unless more are asked for: then the same input gives the same bits."""
    return RelaxSettings(seed=settings.seed, threads=settings.relax_threads)


def _relax(
    target: Target,
    layout: Layout,
    one: Folded,
    settings: RunSettings,
    provenance: Provenance,
    done: Finished,
    say: Say,
) -> None:
    who, how = one.confidence.who, relax_settings(settings)
    record = target.folder / f"relax_{who.name}.json"
    key = key_of(
        "relaxed",
        version=_VERSION,
        prediction=one.content,
        settings=asdict(how),
        files=[settings.layout, provenance.description, provenance.warning, str(provenance.date)],
    )
    known = target.read_json(record.name)
    if not target.is_current(record, key) or (known["relaxed"] and _structures(layout, who) != known["files"]):
        say(f"{who.name}: relaxing")
        relaxed = relax(Protein.from_prediction(one.prediction), how, lambda line: say(f"{who.name}: {line}"))
        done.seconds[who.name] = relaxed.seconds
        if relaxed.relaxed:
            done.notes += write_relaxed(layout, one.prediction, relaxed, one.confidence, provenance).notes
        facts = {
            "relaxed": relaxed.relaxed,
            "reason": relaxed.reason,
            "notes": relaxed.notes,
            "violations_before": relaxed.violations_before.astype(int).tolist(),
            "violations_after": relaxed.violations_after.astype(int).tolist(),
            "energy_before_kcal_mol": relaxed.energy_before_kcal_mol,
            "energy_after_kcal_mol": relaxed.energy_after_kcal_mol,
            "rmsd_heavy_angstrom": relaxed.rmsd_heavy,
            "rounds": relaxed.rounds,
            "steps": relaxed.steps,
            "files": _structures(layout, who) if relaxed.relaxed else {},
        }
        target.write_json(record.name, facts)
        target.made(record, key)
    _report(done, who, target.read_json(record.name), say)


def _structures(layout: Layout, who: PredictionId) -> dict[str, str]:
    """Content of the relaxed files by ending, under whichever name they stand."""
    found = {ending: layout.find("relaxed", who, ending) for ending in STRUCTURES}
    return {ending: content_hash(path) for ending, path in found.items() if path is not None}


def _report(done: Finished, who: PredictionId, facts: dict, say: Say) -> None:
    if not facts["relaxed"]:
        done.not_relaxed[who.name] = facts["reason"]
        say(f"{who.name}: NOT relaxed, the unrelaxed structure stands: {facts['reason']}")
        return
    done.violations[who.name] = np.array(facts["violations_after"])
    left = int(done.violations[who.name].sum())
    say(f"{who.name}: relaxed, {left} residues with violations remain, moved by {facts['rmsd_heavy_angstrom']:.3f} A")
    if facts["reason"]:
        done.notes.append(f"{who.name}: {facts['reason']}")
