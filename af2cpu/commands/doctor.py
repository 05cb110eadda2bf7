# SPDX-License-Identifier: Apache-2.0
"""af2cpu doctor: what this machine has, what will be used, what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib import metadata

import typer

from af2cpu.commands import options as o
from af2cpu.commands.console import print_json
from af2cpu.commands.errors import FAILED
from af2cpu.cores import available_cores, available_memory, numa_nodes
from af2cpu.settings import RunSettings

_PACKAGES = ("af2cpu", "torch", "numpy", "pyhmmer", "gemmi", "openmm", "pdbfixer")
# Instructions that the kernels have code for; --json lists all that the processor has.
_VECTORS = ("avx2", "avx512_f", "avx512_vbmi", "avx512_bf16", "amx_tile", "amx_bf16")
_OPTIONAL = {"jax": "validate", "alphafold-colabfold": "validate"}


@dataclass(frozen=True)
class _Node:
    number: int
    cores: int
    memory_bytes: int


@dataclass(frozen=True)
class _Machine:
    cores: int
    instructions: tuple[str, ...]
    memory_bytes: int
    free_bytes: int
    numa_nodes: tuple[_Node, ...]
    engine: str
    isa: str | None  # of engine native
    precision: str
    gflops: float  # in a large product


@dataclass(frozen=True)
class _Parameters:
    source: str
    fingerprint: str


@dataclass
class _Findings:
    """What was found; `missing` says in one line each what a prediction lacks."""

    machine: _Machine
    software: dict[str, str | None] = field(default_factory=dict)  # version; None: not installed
    parameters: dict[str, _Parameters] = field(default_factory=dict)  # by model
    databases: dict[str, str] = field(default_factory=dict)  # path by name
    pairing: str | None = None  # path of UniProt, which complexes of different chains need; None: not found
    programs: dict[str, str] = field(default_factory=dict)  # hh-suite's: the version, or why it can't be used
    missing: list[str] = field(default_factory=list)


@o.with_settings("data_dir", "params", "db", "preset", "template_search")
def doctor(settings: RunSettings, as_json: o.AsJson = False) -> None:
    """Check the installation, the processor, the memory, the parameters and the databases.

    The exit code is 1 if anything that a prediction needs is missing.

    Example: af2cpu doctor --data-dir /data/alphafold
    """
    found = _Findings(_machine(settings))
    _find_software(found)
    _find_parameters(found, settings)
    _find_databases(found, settings)
    _find_programs(found, settings)
    if as_json:
        print_json({"complete": not found.missing, **asdict(found)})
    else:
        for line in _lines(found, settings):
            typer.echo(line)
    if found.missing:
        raise typer.Exit(FAILED)


def _lines(found: _Findings, settings: RunSettings) -> Iterator[str]:
    yield from _software_lines(found.software)
    yield from _machine_lines(found.machine, settings)
    for model, parameters in found.parameters.items():
        yield f"parameters of {model}: {parameters.source}, {parameters.fingerprint}"
    for name, state in found.programs.items():
        yield f"{name} (optional): {state}"
    for name, path in found.databases.items():
        yield f"database {name}: {path}"
    if found.databases:
        how = found.pairing or "missing; af2cpu db download uniprot, or predict with --pairing none"
        yield f"database uniprot (optional, for complexes of different chains): {how}"
    for line in found.missing:
        yield f"missing: {line}"
    if not found.missing:
        yield "Everything that a prediction needs is available."


def _software_lines(versions: Mapping[str, str | None]) -> Iterator[str]:
    for name, version in versions.items():
        extra = _OPTIONAL.get(name)
        if version is not None:
            yield f"{name} {version}{' (optional)' if extra else ''}"
        elif extra:
            yield f"{name}: not installed; needed for `af2cpu {extra}` only: pip install 'af2cpu[{extra}]'"


def _machine_lines(machine: _Machine, settings: RunSettings) -> Iterator[str]:
    vectors = [name for name in _VECTORS if name in machine.instructions]
    yield f"processor: {machine.cores} cores for this process; {', '.join(vectors) or 'no AVX2'}"
    for node in machine.numa_nodes:
        cores = f"{node.cores} cores" if node.cores else "no cores (HBM or other memory)"
        yield f"NUMA node {node.number}: {cores}, {node.memory_bytes / 1e9:.1f} GB"
    yield f"memory: {machine.memory_bytes / 1e9:.1f} GB, {machine.free_bytes / 1e9:.1f} GB free for this process"
    engine = f"{machine.engine} ({machine.isa})" if machine.isa else machine.engine
    precision = f"precision {settings.precision}: {machine.precision}"
    yield f"engine: {engine}; {precision}; {machine.gflops:.0f} GFLOP/s in a large product"


def _machine(settings: RunSettings) -> _Machine:
    import psutil

    from af2cpu.plan.machine import instructions, this_machine

    here = this_machine(settings)
    return _Machine(
        cores=available_cores(),
        instructions=instructions(),
        memory_bytes=psutil.virtual_memory().total,
        free_bytes=available_memory(),
        numa_nodes=tuple(_Node(node.number, len(node.cores), node.memory) for node in numa_nodes()),
        engine=here.choice.engine,
        isa=here.choice.isa,
        precision=here.choice.precision,
        gflops=here.rate / 1e9,
    )


def _find_software(found: _Findings) -> None:
    for name in (*_PACKAGES, *_OPTIONAL):
        try:
            found.software[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found.software[name] = None
            if name in _PACKAGES:
                found.missing.append(f"{name}: pip install af2cpu again")


def _find_parameters(found: _Findings, settings: RunSettings) -> None:
    from af2cpu.errors import ParameterError
    from af2cpu.model.config import model_config
    from af2cpu.weights.source import find_parameters, fingerprint

    for name in settings.models_for(n_chains=1):
        try:
            source = find_parameters(settings.params, settings.data_dir, name)
            found.parameters[name] = _Parameters(source, fingerprint(source, model_config(name)))
        except ParameterError as error:
            found.missing.append(f"parameters of {name}: {error}")
            if settings.params is None and settings.data_dir is None:
                return


def _find_databases(found: _Findings, settings: RunSettings) -> None:
    from af2cpu.errors import InputError
    from af2cpu.search.databases import select

    if settings.data_dir is None and not settings.db:
        how = "give their folder with --data-dir; or predict with --msa; to try it out, --db demo"
        found.missing.append(f"databases: {how}")
        return
    try:
        databases = select(settings.data_dir, settings.preset, settings.db, settings.template_search)
    except InputError as error:
        found.missing.append(f"databases: {error}")
        return
    found.databases |= {database.name: str(database.path) for database in databases.every}
    with suppress(InputError):  # UniProt, which one chain does without
        paired = select(settings.data_dir, settings.preset, settings.db, settings.template_search, pairs=True)
        found.pairing = str(paired.pairing.path) if paired.pairing else None


def _find_programs(found: _Findings, settings: RunSettings) -> None:
    """hh-suite's programs, started once: a build for another processor dies at once."""
    from af2cpu.errors import ProgramError
    from af2cpu.search.programs import version_of

    needed = {"hhblits": settings.preset == "full", "hhsearch": settings.template_search == "hhsearch"}
    for name, is_needed in needed.items():
        try:
            found.programs[name] = version_of(name)
        except ProgramError as error:
            found.programs[name] = str(error)
            if is_needed:
                found.missing.append(str(error))
