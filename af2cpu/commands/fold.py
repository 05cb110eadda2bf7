"""af2cpu fold: the part of a prediction that follows the search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from af2cpu.commands import options as o
from af2cpu.commands.errors import FAILED, one_line


def fold(  # noqa: PLR0913, PLR0917 - the options of a command
    folders: Annotated[
        list[Path], typer.Argument(help="Folders of targets that af2cpu search made, or folders of such folders.")
    ],
    models: o.Models = None,
    params: o.Params = None,
    data_dir: o.DataDir = None,
    recycles: o.Recycles = None,
    recycle_tolerance: o.RecycleTolerance = None,
    ensembles: o.Ensembles = None,
    max_msa: o.MaxMsa = None,
    seed: o.Seed = None,
    num_seeds: o.NumSeeds = None,
    precision: o.Precision = None,
    engine: o.Engine = None,
    relax: o.Relax = None,
    layout: o.FileLayout = None,
    save_all: o.SaveAll = None,
    af2_pickles: o.Af2Pickles = None,
    threads: o.Threads = None,
    numa_node: o.NumaNode = None,
    memory: o.Memory = None,
    config: o.Config = None,
    dry_run: o.DryRun = False,
) -> None:
    """Predict structures from the features.npz of a search, without databases: network, relaxation, ranking.

    The results go into the same folders; exit codes as of predict.

    Example: af2cpu search *.fasta --data-dir /data/alphafold -o results; af2cpu fold results --params /data/params
    """
    flags = dict(locals())
    with one_line():
        from af2cpu.commands.console import Lines, show_outcomes, show_plan

        settings = o.settings_from(flags, config, without=("folders", "config", "dry_run"))
        lines = Lines()
        lines("", "checking the input")
        from af2cpu.pipeline.inputs import prepared
        from af2cpu.pipeline.plan import plan_fold
        from af2cpu.pipeline.run import fold as run

        reports = prepared(folders)
        plan = plan_fold([report.query for report in reports], folders[0], settings)
        show_plan(plan, lines)
        if dry_run:
            return
        outcomes = run(reports, plan, folders, lines)
        show_outcomes(outcomes, lines)
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(FAILED)
