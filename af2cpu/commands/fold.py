"""af2cpu fold: the part of a prediction that follows the search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from af2cpu import events
from af2cpu.commands import options as o
from af2cpu.settings import NETWORK, OUTPUT, RUN, RunSettings, names_in


@o.with_settings("data_dir", *names_in(NETWORK, OUTPUT, RUN))
def fold(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders of targets that af2cpu search made, or folders of such folders.")
    ],
    settings: RunSettings,
    dry_run: o.DryRun = False,
    verbose: o.Verbose = False,
    quiet: o.Quiet = False,
) -> None:
    """Predict structures from the features.npz of a search, without databases: network, relaxation, ranking.

    The results go into the same folders; exit codes as of predict.

    Example: af2cpu search *.fasta --data-dir /data/alphafold -o results; af2cpu fold results --params /data/params
    """
    from af2cpu.commands.listeners import showing, verbosity_of
    from af2cpu.commands.running import carry_out, conclude
    from af2cpu.plan.run import plan_fold

    verbosity = verbosity_of(verbose=verbose, quiet=quiet)
    with showing(verbosity):
        events.emit("line", "checking the input")
        outcomes = carry_out(plan_fold(folders, settings), dry_run=dry_run)
    conclude(outcomes, verbosity)
