"""af2cpu doctor: what this machine has, what will be used, what is missing."""

from __future__ import annotations

from importlib import metadata

import typer

from af2cpu.commands.errors import FAILED
from af2cpu.commands.options import with_settings
from af2cpu.cores import available_cores, available_memory, numa_nodes
from af2cpu.settings import RunSettings

_PACKAGES = ("af2cpu", "torch", "numpy", "pyhmmer", "gemmi", "openmm", "pdbfixer")
_OPTIONAL = {"jax": "validate", "alphafold-colabfold": "validate"}


@with_settings("data_dir", "params", "db")
def doctor(settings: RunSettings) -> None:
    """Check the installation, the processor, the memory, the parameters and the databases.

    Exit code 1 if something that a prediction needs is missing. Example: af2cpu doctor --data-dir /data/alphafold
    """
    missing = _software() + _machine(settings) + _parameters(settings) + _databases(settings)
    for line in missing:
        typer.echo(f"missing: {line}")
    if missing:
        raise typer.Exit(FAILED)
    typer.echo("all that a prediction needs is there")


def _software() -> list[str]:
    missing = []
    for name in _PACKAGES:
        try:
            typer.echo(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(f"{name}: pip install af2cpu again")
    for name, extra in _OPTIONAL.items():
        try:
            typer.echo(f"{name} {metadata.version(name)} (optional)")
        except metadata.PackageNotFoundError:
            typer.echo(f"{name}: not installed; needed for `af2cpu {extra}` only: pip install 'af2cpu[{extra}]'")
    return missing


def _machine(settings: RunSettings) -> list[str]:
    import psutil
    import torch

    from af2cpu.plan.machine import this_machine

    flags = [name for name, there in torch.cpu.get_capabilities().items() if there is True and name != "architecture"]
    total = psutil.virtual_memory().total
    here = this_machine(settings)
    typer.echo(f"processor: {available_cores()} cores for this process; {', '.join(flags)}")
    for node in numa_nodes():
        cores = f"{len(node.cores)} cores" if node.cores else "no cores (HBM or other memory)"
        typer.echo(f"NUMA node {node.number}: {cores}, {node.memory / 1e9:.1f} GB")
    typer.echo(f"memory: {total / 1e9:.1f} GB, {available_memory() / 1e9:.1f} GB free for this process")
    precision = f"precision {settings.precision}: {here.choice.precision}"
    typer.echo(f"engine: {here.choice}; {precision}; {here.rate / 1e9:.0f} GFLOP/s in a large product")
    return []


def _parameters(settings: RunSettings) -> list[str]:
    from af2cpu.errors import ParameterError
    from af2cpu.model.config import model_config
    from af2cpu.weights.source import find_parameters, fingerprint

    missing = []
    for name in settings.models:
        try:
            source = find_parameters(settings.params, settings.data_dir, name)
            typer.echo(f"parameters of {name}: {source}, {fingerprint(source, model_config(name))}")
        except ParameterError as error:
            missing.append(f"parameters of {name}: {error}")
            if settings.params is None and settings.data_dir is None:
                return missing
    return missing


def _databases(settings: RunSettings) -> list[str]:
    from af2cpu.errors import InputError
    from af2cpu.search.databases import select

    if settings.data_dir is None and not settings.db:
        return ["databases: give their folder with --data-dir; or predict with --msa; to try it out, --db demo"]
    try:
        databases = select(settings.data_dir, settings.preset, settings.db)
    except InputError as error:
        return [f"databases: {error}"]
    for database in databases.every:
        typer.echo(f"database {database.name}: {database.path}")
    return []
