# SPDX-License-Identifier: Apache-2.0
"""The files that ColabFold writes once for all jobs of a folder: log.txt, config.json, cite.bibtex.

They are made from the run.json of every job that is done, so that a second run, or one of other jobs, keeps them whole.
Programs that read ColabFold's folders (af-analysis) take the scores of each recycle from log.txt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from af2cpu.outputs.layout import ColabFoldLayout, colabfold_tag, write_bytes
from af2cpu.outputs.references import bibtex, papers
from af2cpu.outputs.report.find import find_targets, prediction_id, read_run
from af2cpu.runs.records import PassScores, TargetRun

_RELAXED_COUNT = {"none": 0, "best": 1}  # all: every prediction


def write_folder_files(out: Path, settings: Mapping[str, Any]) -> list[Path]:
    """The three files of a folder with jobs in ColabFold's layout; none where no job is done.

    settings: of the run that ends now. Raises InputError for a damaged run.json, OSError.
    """
    layouts = [one.layout for one in find_targets(out) if one.done and isinstance(one.layout, ColabFoldLayout)]
    if not layouts:
        return []
    jobs = [(read_run(layout), layout.document("run").stat().st_mtime) for layout in layouts]
    runs = [run for run, _ in jobs]
    databases = [database for run in runs for database in run.databases]
    models = [entry.name for run in runs for entry in run.ranking]
    relaxed = any(layout.find_any_relaxed() for layout in layouts)
    return [
        write_bytes(out / "log.txt", log_text(jobs).encode()),
        write_bytes(out / "config.json", config_json(settings, runs)),
        write_bytes(out / "cite.bibtex", bibtex(papers(databases, models, relaxed=relaxed)).encode()),
    ]


def log_text(jobs: Sequence[tuple[TargetRun, float]]) -> str:
    """log.txt in ColabFold's words; each job with the time when it was done, in seconds since 1970."""
    lines = []
    for number, (run, moment) in enumerate(jobs, start=1):
        stamp = datetime.fromtimestamp(moment).isoformat(" ", "milliseconds").replace(".", ",")
        lines.append(f"{stamp} Query {number}/{len(jobs)}: {run.name} (length {run.n_res})")
        lines += [f"{stamp} {line}" for line in _job_lines(run)]
    lines.append(f"{lines[-1][:23]} Done")
    return "".join(f"{line}\n" for line in lines)


def config_json(settings: Mapping[str, Any], runs: Sequence[TargetRun]) -> bytes:
    """config.json: the keys of ColabFold's that have a meaning here, with ColabFold's values.

    settings: of RunSettings, as JSON's values.
    """
    models = [str(model) for model in settings["models"]]
    clusters, _, extra = (settings["max_msa"] or "").partition(":")
    count = len(models) * settings["num_seeds"]
    content = {
        "num_queries": len(runs),
        **_msa_server(settings),
        "use_templates": any(database.name in {"pdb_seqres", "pdb70"} for run in runs for database in run.databases)
        or bool(settings["template"]),
        "num_relax": _RELAXED_COUNT.get(settings["relax"], count),
        "model_type": _model_type(models),
        "num_models": len(models),
        "num_recycles": settings["recycles"],
        "recycle_early_stop_tolerance": settings["recycle_tolerance"],
        "num_ensemble": settings["ensembles"],
        "model_order": list(dict.fromkeys(int(one.split("_")[1]) for one in models if one.startswith("model_"))),
        "rank_by": "multimer" if any(_rank_by(run) == "multimer" for run in runs) else "plddt",
        "max_seq": int(clusters) if clusters else None,
        "max_extra_seq": int(extra) if extra else None,
        "random_seed": settings["seed"],
        "num_seeds": settings["num_seeds"],
        "use_dropout": bool(settings["dropout"]),
        "initial_guess": settings["initial_guess"],
        "use_bfloat16": any(run.precision == "bf16" for run in runs),
        "version": f"af2cpu {max((run.versions.get('af2cpu', '') for run in runs), default='')}",
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2)


def _msa_server(settings: Mapping[str, Any]) -> dict[str, str]:
    """What was asked of an MSA server, in ColabFold's words; nothing where none was."""
    if not settings["msa_server"]:
        return {}
    return {
        "msa_mode": "mmseqs2_uniref_env",
        "pair_mode": "unpaired" if settings["pairing"] == "none" else "unpaired_paired",
        "pairing_strategy": "complete" if settings["pairing"] == "complete" else "greedy",
        "host_url": settings["msa_server"],
    }


def _model_type(models: Sequence[str]) -> str | list[str]:
    """alphafold2_ptm and the like; several where the models are of several types."""
    tags = [colabfold_tag(prediction_id(f"{model}_pred_0", 0)) for model in models]
    kinds = list(dict.fromkeys(tag.partition("_model_")[0].partition("_seed_")[0] for tag in tags))
    return kinds[0] if len(kinds) == 1 else kinds


def _job_lines(run: TargetRun) -> Iterator[str]:
    """The passes of each prediction, then the ranking."""
    seed = int(run.settings["seed"])
    tags = {name: colabfold_tag(prediction_id(name, seed)) for name in run.passes}
    for name, passes in run.passes.items():
        for recycle, scores in enumerate(passes):
            change = f" tol={scores.change:.3g}" if recycle else ""
            yield f"{tags[name]} recycle={recycle}{_scores(scores)}{change}"
        seconds = run.timings.get(f"predict_and_compile_{name}", 0.0)
        yield f"{tags[name]} took {seconds:.1f}s ({len(passes) - 1} recycles)"
    yield f"reranking models by '{_rank_by(run)}' metric"
    for rank, entry in enumerate(run.ranking, start=1):
        if entry.name in tags:
            yield f"rank_{rank:03d}_{tags[entry.name]}{_scores(run.passes[entry.name][-1])}"


def _rank_by(run: TargetRun) -> str:
    """ColabFold's word for 80 ipTM + 20 pTM is multimer."""
    of_multimer = any("_multimer" in entry.name for entry in run.ranking)
    return "multimer" if of_multimer or run.n_chains > 1 else "plddt"


def _scores(scores: PassScores) -> str:
    named = [("pLDDT", scores.plddt), ("pTM", scores.ptm), ("ipTM", scores.iptm)]
    return "".join(f" {name}={value:.3g}" for name, value in named if value is not None)
