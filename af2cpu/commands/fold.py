"""af2cpu fold: the part of a prediction that follows the search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from af2cpu.commands import options as o
from af2cpu.commands.errors import FAILED
from af2cpu.settings import NETWORK, OUTPUT, RUN, RunSettings, names_in


@o.with_settings("data_dir", *names_in(NETWORK, OUTPUT, RUN))
def fold(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders of targets that af2cpu search made, or folders of such folders.")
    ],
    settings: RunSettings,
    dry_run: o.DryRun = False,
) -> None:
    """Predict structures from the features.npz of a search, without databases: network, relaxation, ranking.

    The results go into the same folders; exit codes as of predict.

    Example: af2cpu search *.fasta --data-dir /data/alphafold -o results; af2cpu fold results --params /data/params
    """
    from af2cpu.commands.console import Lines, show_outcomes, show_plan

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
