# SPDX-License-Identifier: Apache-2.0
"""af2cpu fold: the part of a prediction that follows the search."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from af2cpu.commands import options as o
from af2cpu.commands.paths import path as as_path
from af2cpu.settings import BATCH, NETWORK, OUTPUT, RUN, RunSettings, names_in


@o.with_settings("data_dir", *names_in(NETWORK, OUTPUT, RUN, BATCH))
def fold(  # noqa: PLR0913 - each is an option of the command
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDERS", parser=as_path, help="Folders that af2cpu search wrote: of one target, or of many."
        ),
    ],
    settings: RunSettings,
    *,
    shard: o.Shard = None,
    retry_failed: o.RetryFailed = False,
    dry_run: o.DryRun = False,
    log_json: o.LogJson = None,
    verbose: o.Verbose = False,
    quiet: o.Quiet = False,
) -> None:
    """Predict structures from the features of an earlier search, without databases.

    The results go into the folders of the search. Exit codes are those of predict.

    Example: af2cpu fold results --params /data/alphafold/params
    """
    from af2cpu.commands.listeners import verbosity_of
    from af2cpu.commands.running import run_planned
    from af2cpu.plan.plan import plan_fold

    run_planned(
        lambda selection: plan_fold(folders, settings, selection),
        shard=shard,
        retry_failed=retry_failed,
        dry_run=dry_run,
        log_json=log_json,
        verbosity=verbosity_of(verbose=verbose, quiet=quiet),
    )
