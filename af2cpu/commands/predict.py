"""af2cpu predict: from sequences to ranked, relaxed structures."""

from __future__ import annotations

import typer

from af2cpu.commands import options as o
from af2cpu.commands.errors import FAILED
from af2cpu.settings import NAMES, RunSettings


@o.with_settings(*NAMES)
def predict(inputs: o.Inputs, out: o.Out, settings: RunSettings, dry_run: o.DryRun = False) -> None:
    """Predict structures: search, features, network, relaxation, ranking.

    Settings also come from AF2CPU_* variables and from --config; flags win. Exit codes: 0 all targets done, 1 some
    failed, 2 bad use, 130 interrupted. What is done is reused when the command is given again.

    Example: af2cpu predict ubiquitin.fasta --data-dir /data/alphafold -o results
    """
    from af2cpu.commands.console import Lines, show_outcomes, show_plan
    from af2cpu.commands.progress import bars

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
