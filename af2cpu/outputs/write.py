# SPDX-License-Identifier: Apache-2.0
"""Records to files, one function per stage of a run. Every file is written whole or not at all.

The files of a prediction are written as soon as it ends, its result_*.npz last: if that exists, so do the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from af2cpu.formats.streams import link_or_copy
from af2cpu.outputs import plots
from af2cpu.outputs.alignment import a3m_text, numbered_names
from af2cpu.outputs.arrays import write_result
from af2cpu.outputs.atoms import AtomTable, predicted_atoms, relaxed_atoms
from af2cpu.outputs.layout import RECYCLES, ColabFoldLayout, Layout, pass_ending, structure_endings, write_bytes
from af2cpu.outputs.modelcif import modelcif_text
from af2cpu.outputs.pickles import write_features_pickle, write_result_pickle
from af2cpu.outputs.scores import ranking_json, relax_metrics_json, timings_json
from af2cpu.outputs.structure import pdb_limit_note, pdb_text
from af2cpu.records import Confidence, Features, Prediction, Provenance, Ranking, Relaxed
from af2cpu.runs.records import TargetRun


@dataclass(frozen=True)
class Written:
    """What a stage wrote, and what the user should hear of it."""

    paths: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def write_prediction(
    layout: Layout,
    prediction: Prediction,
    confidence: Confidence,
    provenance: Provenance,
    *,
    save_all: bool = False,
    af2_pickles: bool = False,
) -> Written:
    """Structure, scores and arrays of one prediction, as soon as there is one. A relaxed structure of an earlier
    prediction of the same name is removed.

    Raises OSError, and ValueError where the network gave numbers that are none: then nothing is written.
    """
    who = confidence.who
    atoms = predicted_atoms(prediction)
    scores = list(layout.scores(prediction, confidence))
    layout.of("result", who, ".npz").unlink(missing_ok=True)  # an older one must not vouch for what follows
    written = _structures(layout, "unrelaxed", atoms, confidence, provenance)
    written += [write_bytes(path, content) for path, content in scores]
    if af2_pickles:
        write_result_pickle(layout.of("result", who, ".pkl"), prediction, confidence)
        written.append(layout.of("result", who, ".pkl"))
    layout.drop_old(["relaxed"], who)
    write_result(layout.of("result", who, ".npz"), prediction, confidence, save_all)
    written.append(layout.of("result", who, ".npz"))
    note = pdb_limit_note(atoms)
    return Written(tuple(written), (note,) if note else ())


def write_pass(
    layout: Layout, prediction: Prediction, confidence: Confidence, provenance: Provenance, recycle: int
) -> Path:
    """The structure of one pass, as PDB, or as mmCIF where the PDB format has not enough identifiers of chains.

    Raises OSError, and ValueError where the network gave numbers that are none.
    """
    atoms = predicted_atoms(prediction)
    ending = structure_endings(len(atoms.spans))[0]
    is_pdb = ending == ".pdb"
    text = pdb_text(atoms, provenance.warning) if is_pdb else modelcif_text(atoms, confidence, provenance, False)
    return write_bytes(layout.of(RECYCLES, confidence.who, pass_ending(recycle, ending)), text.encode())


def copy_prediction(
    source: Layout,
    layout: Layout,
    prediction: Prediction,
    confidence: Confidence,
    provenance: Provenance,
    passes: Sequence[str] = (),
) -> Written:
    """The files of `source`'s prediction as those of another protein with the same sequence, the arrays last.

    passes: endings of the structures of its passes, which must be PDB files. Files without a name in their content are
    links, or copies where the file system has no links; the other structures are written anew. Raises OSError:
    FileNotFoundError where a file of the source has gone.
    """
    who = confidence.who
    atoms = predicted_atoms(prediction)
    layout.of("result", who, ".npz").unlink(missing_ok=True)
    written = _structures(layout, "unrelaxed", atoms, confidence, provenance)
    layout.drop_old_passes(who)
    kinds = [*((kind, ".json") for kind in layout.score_kinds), *((RECYCLES, ending) for ending in passes)]
    for kind, ending in (*kinds, ("result", ".pkl"), ("result", ".npz")):
        path = source.find(kind, who, ending)
        if path:
            written.append(link_or_copy(path, layout.of(kind, who, ending)))
    layout.drop_old(["relaxed"], who)
    note = pdb_limit_note(atoms)
    return Written(tuple(written), (note,) if note else ())


def write_relaxed(
    layout: Layout, prediction: Prediction, relaxed: Relaxed, confidence: Confidence, provenance: Provenance
) -> Written:
    """The relaxed structure with its hydrogens and the prediction's pLDDT, its .cif last.

    Raises OSError, and ValueError if it is not relaxed or not the same chain.
    """
    if not relaxed.relaxed:
        raise ValueError(f"{confidence.who.name} is not relaxed ({relaxed.reason}); it has no relaxed files")
    atoms = relaxed_atoms(prediction, relaxed.atoms)
    note = pdb_limit_note(atoms)
    paths = _structures(layout, "relaxed", atoms, confidence, provenance)
    layout.drop_old([], confidence.who)
    return Written(tuple(paths), (note,) if note else ())


def write_ranking(layout: Layout, ranking: Ranking, violations: Mapping[str, np.ndarray] | None = None) -> Written:
    """ranking_debug.json, relax_metrics.json and the names that show the ranks.

    `violations`: those that remain in each relaxed structure [n_res], by name of the prediction; predictions that it
    lacks are ranked unrelaxed. None if nothing was to be relaxed: then there is no relax_metrics.json. Raises OSError,
    also where a file of a ranked prediction is missing.
    """
    paths = layout.show_ranks(ranking, (violations or {}).keys())
    paths.append(write_bytes(layout.document("ranking_debug"), ranking_json(ranking)))
    if violations is None:
        layout.document("relax_metrics").unlink(missing_ok=True)
    else:
        paths.append(write_bytes(layout.document("relax_metrics"), relax_metrics_json(violations)))
    return Written(tuple(paths))


def write_plots(layout: Layout, features: Features, ranking: Ranking, predictions: Mapping[str, Prediction]) -> Written:
    """MSA coverage, pLDDT and, where a model has one, PAE as PNG, best prediction first. Raises OSError."""
    ranked = [(entry.who.name, predictions[entry.who.name]) for entry in ranking.entries]
    paths = [
        write_bytes(layout.plot("coverage"), plots.coverage_png(features)),
        write_bytes(layout.plot("plddt"), plots.plddt_png(ranked)),
    ]
    if any(prediction.pae is not None for _, prediction in ranked):
        paths.append(write_bytes(layout.plot("pae"), plots.pae_png(ranked)))
    else:
        layout.plot("pae").unlink(missing_ok=True)
    return Written(tuple(paths))


def write_features_of(
    layout: Layout, features: Features, names: Sequence[Sequence[str]] | None = None, *, af2_pickles: bool = False
) -> Written:
    """ColabFold's a3m in its layout, AlphaFold 2's features.pkl when asked for.

    names: for each distinct sequence those of the MSA's rows; None where they are not known, then the a3m numbers them.
    Raises OSError.
    """
    paths = []
    if isinstance(layout, ColabFoldLayout):
        rows = numbered_names(layout.job, features) if names is None else names
        paths.append(write_bytes(layout.alignment(), a3m_text(features, rows)))
    if af2_pickles:
        path = layout.document("features").with_suffix(".pkl")
        write_features_pickle(path, features)
        paths.append(path)
    return Written(tuple(paths))


def write_timings(layout: Layout, seconds: Mapping[str, float]) -> Written:
    """timings.json. Raises OSError."""
    return Written((write_bytes(layout.document("timings"), timings_json(seconds)),))


def write_run(layout: Layout, record: TargetRun) -> Written:
    """run.json: settings, versions, hashes, costs. Raises OSError."""
    content = orjson.dumps(record.as_json(), option=orjson.OPT_INDENT_2)
    return Written((write_bytes(layout.document("run"), content),))


def write_done(layout: Layout) -> Written:
    """ColabFold's sign that a job is done; AlphaFold 2 has none. Raises OSError."""
    return Written((write_bytes(layout.done(), b""),) if isinstance(layout, ColabFoldLayout) else ())


def _structures(
    layout: Layout, kind: str, atoms: AtomTable, confidence: Confidence, provenance: Provenance
) -> list[Path]:
    """The .pdb only where the format has identifiers for all chains; one of an earlier prediction is removed."""
    who, relaxed = confidence.who, kind == "relaxed"
    texts = {
        ".pdb": lambda: pdb_text(atoms, provenance.warning),
        ".cif": lambda: modelcif_text(atoms, confidence, provenance, relaxed),
    }
    endings = structure_endings(len(atoms.spans))
    layout.drop_old([kind], who, set(texts) - set(endings))
    return [write_bytes(layout.of(kind, who, ending), texts[ending]().encode()) for ending in endings]
