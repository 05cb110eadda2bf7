"""af2cpu estimate: how long and how much memory, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from af2cpu.commands import options as o
from af2cpu.cores import available_memory
from af2cpu.errors import InputError
from af2cpu.settings import RunSettings

_SETTINGS = ("models", "params", "recycles", "ensembles", "max_msa", "num_seeds", "precision", "engine", "memory")


def _length(text: str) -> int:
    if int(text) < 1:
        raise InputError(f"length {text}: must be 1 residue or more")
    return int(text)


@o.with_settings(*_SETTINGS)
def estimate(
    inputs: Annotated[
        list[str], typer.Argument(help="Sequence files as for predict, or lengths in residues, such as 150 3000.")
    ],
    settings: RunSettings,
) -> None:
    """Time and peak memory of the network for each target on this machine, at the models' full MSA.

    Example: af2cpu estimate ubiquitin.fasta 3000
    """
    from af2cpu.model.config import model_config
    from af2cpu.pipeline.fold import ModelPlan, precision_of
    from af2cpu.pipeline.plan import estimate as estimate_target
    from af2cpu.pipeline.plan import matrix_rate
    from af2cpu.query import read_inputs

    targets = [(f"length {text}", _length(text)) for text in inputs if text.isdecimal()]
    files = [Path(text) for text in inputs if not text.isdecimal()]
    targets += [(item.query.name, item.query.n_res) for item in read_inputs(files)] if files else []
    plans = tuple(ModelPlan(model_config(name), "", "") for name in settings.models)
    rate = matrix_rate(settings)
    available = (settings.memory or available_memory()) / 1e9
    typer.echo(f"{rate / 1e9:.0f} GFLOP/s in {precision_of(settings)}, {available:.1f} GB of memory")
    for name, n_res in targets:
        one = estimate_target(name, n_res, plans, settings, rate)
        fits = "" if one.peak_gb <= available else "; DOES NOT FIT: lower --max-msa, or cut it into domains"
        typer.echo(f"{one}{fits}")
