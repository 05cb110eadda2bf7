"""What predict and fold do once their plan is made: show it, carry it out, show what became of it."""

from __future__ import annotations

import typer

from af2cpu import events
from af2cpu.commands.console import print_line, show_outcomes, tell_notes
from af2cpu.commands.errors import FAILED
from af2cpu.commands.plan_text import steps_lines, target_line
from af2cpu.pipeline.graph import build_graph
from af2cpu.pipeline.run import run
from af2cpu.pipeline.survey import survey
from af2cpu.plan.run import Plan


def carry_out(plan: Plan, *, dry_run: bool) -> None:
    """Runs a plan, or with `dry_run` only says what would run. Raises typer.Exit if a target failed."""
    graph = build_graph(plan)
    for warning, names in plan.warnings().items():
        about = "" if len(names) == len(plan.jobs) else f"{', '.join(names)}: "
        events.emit("warning", f"{about}{warning}")
    nodes = graph.by_target()
    for job in plan.jobs:
        events.emit("line", target_line(plan, job, nodes[job.name]))
    if dry_run:
        for line in steps_lines(survey(graph)):
            print_line(line)
        return
    outcomes = run(plan, graph)
    show_outcomes(outcomes)
    tell_notes(outcomes)
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(FAILED)
