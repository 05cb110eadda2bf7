"""af2cpu predict: from sequences to ranked, relaxed structures."""

from __future__ import annotations

from af2cpu import events
from af2cpu.commands import options as o
from af2cpu.settings import NAMES, RunSettings


@o.with_settings(*NAMES)
def predict(
    inputs: o.Inputs,
    out: o.Out,
    settings: RunSettings,
    dry_run: o.DryRun = False,
    verbose: o.Verbose = False,
    quiet: o.Quiet = False,
) -> None:
    """Predict structures: search, features, network, relaxation, ranking.

    Settings also come from AF2CPU_* variables and from --config; flags win. Exit codes: 0 all targets done, 1 some
    failed, 2 bad use, 130 interrupted. What is done is reused when the command is given again.

    Example: af2cpu predict ubiquitin.fasta --data-dir /data/alphafold -o results
    """
    from af2cpu.commands.listeners import showing, verbosity_of
    from af2cpu.commands.running import carry_out, conclude
    from af2cpu.plan.run import plan_run

    verbosity = verbosity_of(verbose=verbose, quiet=quiet)
    with showing(verbosity):
        events.emit("line", "checking the input")
        outcomes = carry_out(plan_run(inputs, out, settings), dry_run=dry_run)
    conclude(outcomes, verbosity)
