"""af2cpu search: from sequences to alignments, template hits and features."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from af2cpu.commands.errors import FAILED, one_line
from af2cpu.commands.progress import bars
from af2cpu.cores import available_cores
from af2cpu.errors import InputError

if TYPE_CHECKING:
    from af2cpu.pipeline.inputs import InputReport

DATA_DIR = typer.Option(
    "--data-dir", envvar="AF2CPU_DATA_DIR", help="Folder with the databases, as AlphaFold's scripts make it."
)


def search(  # noqa: PLR0913, PLR0917 - the options of a command
    inputs: Annotated[list[Path], typer.Argument(help="FASTA, a3m, Stockholm, CSV files or folders, plain or .gz.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results: one folder in it per sequence.")],
    data_dir: Annotated[Path | None, DATA_DIR] = None,
    preset: Annotated[str | None, typer.Option(help="reduced (AlphaFold's reduced_dbs) or demo.")] = None,
    db: Annotated[list[str] | None, typer.Option(help="name=path: search this FASTA file too. Repeatable.")] = None,
    msa: Annotated[
        list[Path] | None,
        typer.Option(help="Alignment (a3m, Stockholm) or AlphaFold's msas folder, in place of search."),
    ] = None,
    template: Annotated[list[Path] | None, typer.Option(help="Structure (mmCIF, PDB) to use as template.")] = None,
    max_template_date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only templates released up to this day.")
    ] = None,
    mmcif: Annotated[
        str | None, typer.Option(help="on-demand: fetch missing structures of template hits from files.wwpdb.org.")
    ] = None,
    features_only: Annotated[bool, typer.Option(help="No search: features from --msa or alignment inputs.")] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads; default: all cores of this process.")] = None,
) -> None:
    """Search databases for homologs and templates; write AlphaFold's msas/ files and features.npz."""
    with one_line():
        from af2cpu.pipeline.inputs import InputSettings, prepare
        from af2cpu.query import read_inputs
        from af2cpu.search.databases import DatabaseSet, parse_databases, select
        from af2cpu.search.structures import fetch_missing

        given = read_inputs(inputs)
        if mmcif not in {None, "on-demand"}:
            raise InputError(f"--mmcif {mmcif}: only on-demand is known here; all: af2cpu db download pdb_mmcif")
        if msa and len(given) != 1:
            raise InputError(f"--msa: fits one sequence, and the input has {len(given)}; run one at a time")
        searched = not msa and any(item.alignment is None for item in given)
        if features_only and searched:
            raise InputError("--features-only: needs alignments; give --msa, or a3m or Stockholm files as input")
        databases = DatabaseSet((), None, None, None)
        if searched or data_dir or db:
            databases = select(data_dir, preset, parse_databases(db or []))
        settings = InputSettings(
            databases=DatabaseSet((), None, databases.mmcif, databases.obsolete) if features_only else databases,
            alignments=tuple(msa or ()),
            own_templates=tuple(template or ()),
            max_template_date=max_template_date.date() if max_template_date else None,
            threads=threads or available_cores(),
            fetch_structures=fetch_missing if mmcif else None,
        )
        with bars() as progress:
            reports = prepare(given, out, settings, progress)
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
