"""af2cpu search: from sequences to alignments, template hits and features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from af2cpu.commands import options as o
from af2cpu.commands.errors import FAILED, one_line
from af2cpu.commands.progress import bars

if TYPE_CHECKING:
    from af2cpu.pipeline.report import InputReport


def search(  # noqa: PLR0913, PLR0917 - the options of a command
    inputs: o.Inputs,
    out: o.Out,
    data_dir: o.DataDir = None,
    preset: o.Preset = None,
    db: o.Db = None,
    msa: o.Msa = None,
    template: o.Template = None,
    max_template_date: o.MaxTemplateDate = None,
    mmcif: o.Mmcif = None,
    features_only: Annotated[bool, typer.Option(help="No search: features from --msa or alignment inputs.")] = False,
    threads: o.Threads = None,
    numa_node: o.NumaNode = None,
    config: o.Config = None,
) -> None:
    """Search databases for homologs and templates; write AlphaFold's msas/ files and features.npz.

    predict and fold use what it leaves. Example: af2cpu search *.fasta --data-dir /data/alphafold -o results
    """
    flags = dict(locals())
    with one_line():
        settings = o.settings_from(flags, config, without=("inputs", "out", "features_only", "config"))
        from af2cpu.pipeline.inputs import input_settings_of, prepare
        from af2cpu.query import read_inputs

        given = read_inputs(inputs)
        input_settings = input_settings_of(given, settings, features_only=features_only)
        with bars() as progress:
            reports = prepare(given, out, input_settings, lambda target, line: None, progress)
        _show(reports)
    if any(report.error for report in reports):
        raise typer.Exit(FAILED)


def _show(reports: list[InputReport]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for report in reports:
        console.print(f"{report.query.name}: {report.query.n_res} residues", markup=False)
        for database in report.databases:
            console.print(f"  {_line(database)}", markup=False)
        for note in report.notes:
            console.print(f"  note: {note}", markup=False)
        if report.error:
            console.print(f"  failed: {report.error}", markup=False)
        else:
            files = report.target.features
            console.print(f"  {report.n_seq:,} rows, {report.n_templ} templates: {files}", markup=False)


def _line(database: dict[str, Any]) -> str:
    parts = [f"{database[what]:,} {what}" for what in ("sequences", "hits") if what in database]
    if database.get("reused"):
        parts.append("reused")
    elif "seconds" in database:
        parts.append(f"{database['seconds']:.1f} s")
    return f"{database['name']}: {', '.join(parts)}"
