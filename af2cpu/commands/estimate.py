"""af2cpu estimate: how long and how much memory, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from af2cpu.commands import options as o
from af2cpu.commands.errors import one_line


def estimate(  # noqa: PLR0913, PLR0917 - the options of a command
    inputs: Annotated[
        list[str], typer.Argument(help="Sequence files as for predict, or lengths in residues, such as 150 3000.")
    ],
    models: o.Models = None,
    params: o.Params = None,
    recycles: o.Recycles = None,
    ensembles: o.Ensembles = None,
    max_msa: o.MaxMsa = None,
    num_seeds: o.NumSeeds = None,
    precision: o.Precision = None,
    memory: o.Memory = None,
    config: o.Config = None,
) -> None:
    """Time and peak memory of the network for each target on this machine, at the models' full MSA.

    Example: af2cpu estimate ubiquitin.fasta 3000
    """
    flags = dict(locals())
    with one_line():
        import psutil

        from af2cpu.model.config import model_config
        from af2cpu.pipeline.fold import ModelPlan, precision_of
        from af2cpu.pipeline.plan import estimate as estimate_target
        from af2cpu.pipeline.plan import matrix_rate
        from af2cpu.query import read_inputs

        settings = o.settings_from(flags, config, without=("inputs", "config"))
        targets = [(f"length {text}", int(text)) for text in inputs if text.isdecimal() and int(text) > 0]
        files = [Path(text) for text in inputs if not text.isdecimal()]
        targets += [(item.query.name, item.query.n_res) for item in read_inputs(files)] if files else []
        plans = tuple(ModelPlan(model_config(name), "", "") for name in settings.models)
        rate = matrix_rate(settings)
        available = (settings.memory or psutil.virtual_memory().available) / 1e9
        typer.echo(f"{rate / 1e9:.0f} GFLOP/s in {precision_of(settings)}, {available:.1f} GB of memory")
        for name, n_res in targets:
            one = estimate_target(name, n_res, plans, settings, rate)
            fits = "" if one.peak_gb <= available else "; DOES NOT FIT: lower --max-msa, or cut it into domains"
            typer.echo(f"{one}{fits}")
