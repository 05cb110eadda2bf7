"""af2cpu predict: from sequences to ranked, relaxed structures."""

from __future__ import annotations

import typer

from af2cpu.commands import options as o
from af2cpu.commands.errors import FAILED, one_line


def predict(  # noqa: PLR0913, PLR0917 - the options of a command
    inputs: o.Inputs,
    out: o.Out,
    models: o.Models = None,
    params: o.Params = None,
    data_dir: o.DataDir = None,
    preset: o.Preset = None,
    db: o.Db = None,
    msa: o.Msa = None,
    template: o.Template = None,
    max_template_date: o.MaxTemplateDate = None,
    mmcif: o.Mmcif = None,
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
    """Predict structures: search, features, network, relaxation, ranking.

    Settings also come from AF2CPU_* variables and from --config; flags win. Exit codes: 0 all targets done, 1 some
    failed, 2 bad use, 130 interrupted. What is done is reused when the command is given again.

    Example: af2cpu predict ubiquitin.fasta --data-dir /data/alphafold -o results
    """
    flags = dict(locals())
    with one_line():
        from af2cpu.commands.console import Lines, show_outcomes, show_plan
        from af2cpu.commands.progress import bars

        settings = o.settings_from(flags, config, without=("inputs", "out", "config", "dry_run"))
        lines = Lines()
        lines("", "checking the input")
        from af2cpu.pipeline.plan import plan_run
        from af2cpu.pipeline.run import predict as run

        plan = plan_run(inputs, out, settings)
        show_plan(plan.fold, lines)
        if dry_run:
            return
        with bars() as progress:
            outcomes = run(plan, lines, progress)
        show_outcomes(outcomes, lines)
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(FAILED)
