"""Options that several commands share, and the settings that they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from af2cpu.cores import keep_to_node

if TYPE_CHECKING:
    from af2cpu.settings import RunSettings

RUN, INPUT, NETWORK, OUTPUT = "Run", "Search and features", "Network", "Output"


def _of(panel: str, text: str) -> Any:
    return typer.Option(help=text, rich_help_panel=panel)


Inputs = Annotated[list[Path], typer.Argument(help="FASTA, a3m, Stockholm, CSV files or folders, plain or .gz.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the results: one folder in it per target.")]

DataDir = Annotated[Path | None, _of(INPUT, "Folder with databases and params, as AlphaFold's scripts make it.")]
Preset = Annotated[str | None, _of(INPUT, "reduced: AlphaFold's reduced_dbs, the default.")]
Db = Annotated[
    list[str] | None,
    _of(INPUT, "name=path: search this FASTA file too, repeatable; demo: the small made-up ones that are built in."),
]
Msa = Annotated[list[Path] | None, _of(INPUT, "Alignment, or AlphaFold's msas folder, in place of the search.")]
Template = Annotated[list[Path] | None, _of(INPUT, "Structure (mmCIF, PDB) to use as template.")]
MaxTemplateDate = Annotated[str | None, _of(INPUT, "Only templates released up to this day, such as 2020-05-14.")]
Mmcif = Annotated[str | None, _of(INPUT, "on-demand: fetch missing structures of template hits from files.wwpdb.org.")]

Models = Annotated[
    str | None, _of(NETWORK, "Comma-separated; default: the five ptm models, with --params demo its own.")
]
Params = Annotated[
    str | None,
    _of(NETWORK, "Folder of params_model_*.npz, one such file, demo (comes with the program), or synthetic:SEED."),
]
Recycles = Annotated[int | None, _of(NETWORK, "0 to 20; default 3.")]
RecycleTolerance = Annotated[
    float | None, _of(NETWORK, "Stop recycling at a change under this, angstrom; default: never.")
]
Ensembles = Annotated[int | None, _of(NETWORK, "Draws averaged; default 1.")]
MaxMsa = Annotated[str | None, _of(NETWORK, "CLUSTERS:EXTRA rows, such as 256:512.")]
Seed = Annotated[int | None, _of(NETWORK, "Of all draws; default 0.")]
NumSeeds = Annotated[int | None, _of(NETWORK, "Predictions per model; default 1.")]
Precision = Annotated[str | None, _of(NETWORK, "auto, bf16 or fp32.")]
Engine = Annotated[str | None, _of(NETWORK, "auto, native, torch, compile or ipex.")]

Relax = Annotated[str | None, _of(OUTPUT, "best, all or none; default best.")]
FileLayout = Annotated[str | None, _of(OUTPUT, "af2 or colabfold file names.")]
SaveAll = Annotated[
    bool | None, typer.Option("--save-all", help="Logits and representations too.", rich_help_panel=OUTPUT)
]
Af2Pickles = Annotated[
    bool | None, typer.Option("--af2-pickles", help="AlphaFold's .pkl files too.", rich_help_panel=OUTPUT)
]

Threads = Annotated[int | None, _of(RUN, "Default: all cores of this process.")]
NumaNode = Annotated[int | None, _of(RUN, "Keep to the cores and the memory of this NUMA node.")]
Memory = Annotated[str | None, _of(RUN, "That the run may take, such as 16G; default: what is free.")]
Config = Annotated[Path | None, _of(RUN, "TOML file with settings.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything, print the plan, start nothing.", rich_help_panel=RUN)
]


def settings_from(flags: dict[str, Any], config: Path | None, *, without: tuple[str, ...]) -> RunSettings:
    """The settings of a command from its local variables, but for those named in `without`. Raises InputError."""
    from af2cpu.settings import load_settings

    given = {name: value for name, value in flags.items() if name not in without and value not in (None, [])}
    if "models" in given:
        given["models"] = [name.strip() for name in given["models"].split(",")]
    settings = load_settings(given, config)
    if settings.numa_node is not None:
        keep_to_node(settings.numa_node)  # now: the threads that torch starts take it over
    return settings
