"""af2cpu predict: from sequences to ranked, relaxed structures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from af2cpu.commands.errors import FAILED, one_line

if TYPE_CHECKING:
    from af2cpu.pipeline.run import Outcome

_RUN, _INPUT, _NETWORK, _OUTPUT = "Run", "Search and features", "Network", "Output"


def predict(  # noqa: PLR0913, PLR0917 - the options of a command
    inputs: Annotated[list[Path], typer.Argument(help="FASTA, a3m, Stockholm, CSV files or folders, plain or .gz.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results: one folder in it per target.")],
    models: Annotated[
        str | None, typer.Option(help="Comma-separated; default: the five ptm models.", rich_help_panel=_NETWORK)
    ] = None,
    params: Annotated[
        str | None,
        typer.Option(help="Folder of params_model_*.npz, one such file, or synthetic:SEED.", rich_help_panel=_NETWORK),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Folder with databases and params, as AlphaFold's scripts make it.", rich_help_panel=_INPUT),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="reduced or demo.", rich_help_panel=_INPUT)] = None,
    db: Annotated[
        list[str] | None, typer.Option(help="name=path: search this FASTA file too.", rich_help_panel=_INPUT)
    ] = None,
    msa: Annotated[
        list[Path] | None,
        typer.Option(help="Alignment, or AlphaFold's msas folder, in place of the search.", rich_help_panel=_INPUT),
    ] = None,
    template: Annotated[
        list[Path] | None, typer.Option(help="Structure (mmCIF, PDB) to use as template.", rich_help_panel=_INPUT)
    ] = None,
    max_template_date: Annotated[
        str | None, typer.Option(help="Only templates released up to this day.", rich_help_panel=_INPUT)
    ] = None,
    recycles: Annotated[int | None, typer.Option(help="0 to 20; default 3.", rich_help_panel=_NETWORK)] = None,
    recycle_tolerance: Annotated[
        float | None,
        typer.Option(help="Stop recycling at a change under this, angstrom; default: never.", rich_help_panel=_NETWORK),
    ] = None,
    ensembles: Annotated[int | None, typer.Option(help="Draws averaged; default 1.", rich_help_panel=_NETWORK)] = None,
    max_msa: Annotated[
        str | None, typer.Option(help="CLUSTERS:EXTRA rows, such as 256:512.", rich_help_panel=_NETWORK)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of all draws; default 0.", rich_help_panel=_NETWORK)] = None,
    num_seeds: Annotated[
        int | None, typer.Option(help="Predictions per model; default 1.", rich_help_panel=_NETWORK)
    ] = None,
    precision: Annotated[str | None, typer.Option(help="auto, bf16 or fp32.", rich_help_panel=_NETWORK)] = None,
    engine: Annotated[
        str | None, typer.Option(help="auto, native, torch or compile.", rich_help_panel=_NETWORK)
    ] = None,
    relax: Annotated[str | None, typer.Option(help="best, all or none; default best.", rich_help_panel=_OUTPUT)] = None,
    layout: Annotated[str | None, typer.Option(help="af2 or colabfold file names.", rich_help_panel=_OUTPUT)] = None,
    save_all: Annotated[
        bool | None, typer.Option("--save-all", help="Logits and representations too.", rich_help_panel=_OUTPUT)
    ] = None,
    af2_pickles: Annotated[
        bool | None, typer.Option("--af2-pickles", help="AlphaFold's .pkl files too.", rich_help_panel=_OUTPUT)
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Default: all cores.", rich_help_panel=_RUN)] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.", rich_help_panel=_RUN)] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, print the plan, start nothing.", rich_help_panel=_RUN)
    ] = False,
) -> None:
    """Predict structures: search, features, network, relaxation, ranking.

    Settings also come from AF2CPU_* variables and from --config; flags win. Exit codes: 0 all targets done, 1 some
    failed, 2 bad use, 130 interrupted. What is done is reused when the command is given again.

    Example: af2cpu predict ubiquitin.fasta --data-dir /data/alphafold -o results
    """
    flags = dict(locals())
    for name in ("inputs", "out", "config", "dry_run"):
        del flags[name]
    if models is not None:
        flags["models"] = [name.strip() for name in models.split(",")]
    outcomes = _predict(
        inputs, out, {name: value for name, value in flags.items() if value not in (None, [])}, config, dry_run
    )
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(FAILED)


def _predict(inputs: list[Path], out: Path, flags: dict[str, Any], config: Path | None, dry_run: bool) -> list[Outcome]:
    from af2cpu.commands.console import Lines, show_outcomes, show_plan
    from af2cpu.commands.progress import bars
    from af2cpu.settings import load_settings

    with one_line():
        settings = load_settings(flags, config)
        lines = Lines(out)
        lines("", "checking the input")
        from af2cpu.pipeline.plan import plan_run
        from af2cpu.pipeline.run import predict as run

        plan = plan_run(inputs, out, settings)
        show_plan(plan, lines)
        if dry_run:
            return []
        with bars() as progress:
            outcomes = run(plan, lines, progress)
        show_outcomes(outcomes, lines)
        return outcomes
