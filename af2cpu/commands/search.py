"""af2cpu search: from sequences to alignments, template hits and features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from af2cpu.commands import options as o
from af2cpu.commands.console import Lines, plain_console
from af2cpu.commands.errors import FAILED
from af2cpu.commands.progress import bars
from af2cpu.settings import INPUT, RunSettings, names_in

if TYPE_CHECKING:
    from af2cpu.pipeline.report import InputReport


@o.with_settings(*names_in(INPUT), "threads", "numa_node")
def search(
    inputs: o.Inputs,
    out: o.Out,
    settings: RunSettings,
    features_only: Annotated[bool, typer.Option(help="No search: features from --msa or alignment inputs.")] = False,
) -> None:
    """Search databases for homologs and templates; write AlphaFold's msas/ files and features.npz.

    predict and fold use what it leaves. Example: af2cpu search *.fasta --data-dir /data/alphafold -o results
    """
    from af2cpu.pipeline.inputs import input_settings_of, prepare
    from af2cpu.query import read_inputs

    given = read_inputs(inputs)
    input_settings = input_settings_of(given, settings, features_only=features_only)
    with bars() as progress:
        reports = prepare(given, out, input_settings, Lines(), progress)
    _show(reports)
    if any(report.error for report in reports):
        raise typer.Exit(FAILED)


def _show(reports: list[InputReport]) -> None:
    console = plain_console()
    for report in reports:
        console.print(f"{report.query.name}: {report.query.n_res} residues")
        for database in report.databases:
            console.print(f"  {_line(database, database['name'] in report.fresh)}")
        for note in report.notes:
            console.print(f"  note: {note}")
        if report.error:
            console.print(f"  failed: {report.error}")
        else:
            files = report.target.features
            console.print(f"  {report.n_seq:,} rows, {report.n_templ} templates: {files}")


def _line(database: dict[str, Any], fresh: bool) -> str:
    last = f"{database['seconds']:.1f} s" if fresh else "reused"
    return f"{database['name']}: {database['sequences']:,} sequences, {database['hits']:,} hits, {last}"
