# SPDX-License-Identifier: Apache-2.0
"""The common part of predict and fold: show the plan, run it, show the outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import typer

from af2cpu import events
from af2cpu.commands.console import print_line, print_sentence, show_outcomes
from af2cpu.commands.errors import FAILED
from af2cpu.commands.listeners import Verbosity, showing
from af2cpu.commands.notes import notes_summary
from af2cpu.commands.plan_text import about_targets, plan_lines, steps_lines
from af2cpu.pipeline.graph import build_graph
from af2cpu.pipeline.run import Outcome, run
from af2cpu.pipeline.survey import survey
from af2cpu.plan.plan import Plan
from af2cpu.plan.selection import Selection, read_selection
from af2cpu.schedule.choose import runner_for


def run_planned(
    plan_of: Callable[[Selection], Plan],
    *,
    shard: str | None,
    retry_failed: bool,
    dry_run: bool,
    log_json: str | None,
    verbosity: Verbosity,
) -> None:
    """A command from its selection of targets to the table of outcomes. Raises typer.Exit if a target failed."""
    selection = read_selection(shard, retry_failed=retry_failed)
    with showing(verbosity, log_json):
        events.emit("line", "checking the input")
        outcomes = carry_out(plan_of(selection), dry_run=dry_run)
    conclude(outcomes, verbosity)


def carry_out(plan: Plan, *, dry_run: bool) -> list[Outcome]:
    """Runs a plan, or with `dry_run` only prints the steps that would be taken."""
    if not plan.jobs:
        events.emit("line", "nothing to do: no target is left by --shard or --retry-failed")
        return []
    graph = build_graph(plan)
    for warning, names in plan.warnings().items():
        events.emit("warning", f"{about_targets(names, plan)}{warning}")
    for line in plan_lines(plan, graph.by_target()):
        events.emit("line", line)
    if not dry_run:
        return run(plan, graph, runner_for(plan, graph))
    for line in steps_lines(survey(graph)):
        print_line(line)
    return []


def conclude(outcomes: Sequence[Outcome], verbosity: Verbosity) -> None:
    """The table, the pages and the notes. Raises typer.Exit if a target failed."""
    if outcomes and verbosity > Verbosity.QUIET:
        show_outcomes(outcomes)
        _show_notes(outcomes, verbosity)
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(FAILED)


def _show_notes(outcomes: Sequence[Outcome], verbosity: Verbosity) -> None:
    """Each note of each target once, or how many there are of which kind."""
    notes = [(outcome.name, note) for outcome in outcomes if outcome.run for note in dict.fromkeys(outcome.run.notes)]
    if verbosity is Verbosity.VERBOSE:
        for name, note in notes:
            print_line(f"{name}: note: {note}")
    elif summary := notes_summary((note for _, note in notes), "the report" if len(outcomes) == 1 else "the reports"):
        print_sentence(summary)
