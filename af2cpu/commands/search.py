# SPDX-License-Identifier: Apache-2.0
"""af2cpu search: from sequences to alignments, template hits and features."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from af2cpu.commands import options as o
from af2cpu.commands.console import MANY, print_line, show_outcomes
from af2cpu.commands.errors import FAILED
from af2cpu.commands.listeners import Verbosity, showing, verbosity_of
from af2cpu.commands.notes import notes_summary
from af2cpu.settings import BATCH, INPUT, RunSettings, names_in
from af2cpu.words import counted

if TYPE_CHECKING:
    from af2cpu.pipeline.run import Outcome


@o.with_settings(*names_in(INPUT), "threads", "numa_node", *names_in(BATCH))
def search(
    inputs: o.Inputs,
    out: o.Out,
    settings: RunSettings,
    pairs: o.Pairs = False,
    verbose: o.Verbose = False,
    quiet: o.Quiet = False,
    features_only: Annotated[
        bool, typer.Option(help="Make features from --msa or from alignments given as input, without a search.")
    ] = False,
) -> None:
    """Search databases for homologs and templates, and write the alignments and features.npz.

    The results are used by af2cpu fold, and by af2cpu predict into the same folder.

    Example: af2cpu search *.fasta --data-dir /data/alphafold -o results

    Example: af2cpu search *.fasta --msa-server https://msa.example.org -o results
    """
    from af2cpu.pipeline.graph import build_graph
    from af2cpu.pipeline.run import run
    from af2cpu.plan.plan import plan_search
    from af2cpu.schedule.choose import runner_for

    verbosity = verbosity_of(verbose=verbose, quiet=quiet)
    with showing(verbosity):
        plan = plan_search(inputs, out, settings, features_only=features_only, pairs=pairs)
        graph = build_graph(plan)
        outcomes = run(plan, graph, runner_for(plan, graph))
    if verbosity > Verbosity.QUIET:
        _show(outcomes, verbosity)
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(FAILED)


def _show(outcomes: list[Outcome], verbosity: Verbosity) -> None:
    """The outcome of each target, or for many targets how many are done."""
    if len(outcomes) > MANY:
        show_outcomes(outcomes)
        return
    for line in (line for outcome in outcomes for line in _lines(outcome, verbosity)):
        print_line(line)


def _lines(outcome: Outcome, verbosity: Verbosity) -> Iterator[str]:
    """What was searched for a target, and what it gave."""
    from af2cpu.pipeline.stages.msa import search_summary

    yield f"{outcome.name}: {outcome.n_res} residues"
    if outcome.search is None:
        yield f"  failed: {outcome.error}"
        return
    for database in outcome.search.databases:
        last = f"{database.seconds:.1f} s" if database.name in outcome.searched else "reused"
        of = f"chain {database.chains[0]}: " if database.chains else ""
        yield f"  {of}{search_summary(database)}, {last}"
    if verbosity is Verbosity.VERBOSE:
        yield from (f"  note: {note}" for note in outcome.search.notes)
    elif summary := notes_summary(dict.fromkeys(outcome.search.notes), "search.json"):
        yield f"  {summary}"
    made = f"{counted(outcome.search.msa_rows, 'row')}, {counted(outcome.search.templates, 'template')}"
    yield f"  {made}: {outcome.folder / 'features.npz'}"
