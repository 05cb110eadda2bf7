# SPDX-License-Identifier: Apache-2.0
"""af2cpu predict: from sequences to ranked, relaxed structures."""

from __future__ import annotations

from af2cpu.commands import options as o
from af2cpu.settings import NAMES, RunSettings


@o.with_settings(*NAMES)
def predict(  # noqa: PLR0913 - each is an option of the command
    inputs: o.Inputs,
    out: o.Out,
    settings: RunSettings,
    *,
    pairs: o.Pairs = False,
    shard: o.Shard = None,
    retry_failed: o.RetryFailed = False,
    dry_run: o.DryRun = False,
    log_json: o.LogJson = None,
    verbose: o.Verbose = False,
    quiet: o.Quiet = False,
) -> None:
    """Predict structures of proteins: search, features, network, relaxation and ranking.

    Settings may also be given as AF2CPU_* variables or in a file (--config).

    A repeated command computes only what is missing or out of date, also after a kill.

    Exit codes: 0 all targets done, 1 some failed, 2 wrong use, 130 interrupted.

    Example: af2cpu predict ubiquitin.fasta --data-dir /data/alphafold -o results

    Example: af2cpu predict --pairs baits.fasta preys.fasta --data-dir /data/alphafold -o results

    Example: af2cpu predict ubiquitin.fasta --msa-server https://msa.example.org --params params -o results

    To try it out: af2cpu predict ubiquitin.fasta --params demo --db demo -o out
    """
    from af2cpu.commands.listeners import verbosity_of
    from af2cpu.commands.running import run_planned
    from af2cpu.plan.plan import plan_run

    run_planned(
        lambda selection: plan_run(inputs, out, settings, selection, pairs=pairs),
        shard=shard,
        retry_failed=retry_failed,
        dry_run=dry_run,
        log_json=log_json,
        verbosity=verbosity_of(verbose=verbose, quiet=quiet),
    )
