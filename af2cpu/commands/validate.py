# SPDX-License-Identifier: Apache-2.0
"""af2cpu validate: the network beside the JAX reference."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from af2cpu.commands.errors import FAILED, one_line
from af2cpu.commands.paths import path as as_path

if TYPE_CHECKING:
    from af2cpu.records import ProcessedFeatures
    from af2cpu.validate.compare import Comparison


Model = Annotated[
    str,
    typer.Option(
        help="Model to compare: model_1 to model_5, model_1_ptm to model_5_ptm, model_1_multimer_v3 to "
        "model_5_multimer_v3, tiny or tiny_multimer."
    ),
]
Params = Annotated[
    str, typer.Option(help="Parameters: a file params_model_*.npz, or synthetic:SEED for random numbers.")
]
Chains = Annotated[
    str,
    typer.Option(
        "--chains",
        "--n-res",
        metavar="NUMBER,...",
        help="Number of residues of the synthetic features, or of each chain of a complex, such as 17,12,12. "
        "Chains of equal length are copies.",
    ),
]
Templates = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=4,
        metavar="NUMBER",
        help="Number of templates of the synthetic features, 0 to 4. Default: as many as the model takes.",
    ),
]
Features = Annotated[
    Path | None,
    typer.Option(
        parser=as_path,
        metavar="FILE",
        help="File (.npz) of processed features; their first axis counts draws, one for each pass.",
    ),
]
Recycles = Annotated[
    int, typer.Option(min=0, max=20, metavar="NUMBER", help="Number of recycles, with synthetic features; 0 to 20.")
]
Engine = Annotated[
    str, typer.Option(metavar="NAME", help="Implementation of the network: auto, native, torch, compile or ipex.")
]
Precision = Annotated[
    str,
    typer.Option(
        metavar="fp32|bf16", help="Number format: fp32, or bf16, which is compared with the reference in float32."
    ),
]


def validate(  # noqa: PLR0913 - each is an option of the command
    model: Model,
    params: Params,
    *,
    chains: Chains = "64",
    templates: Templates = None,
    features: Features = None,
    recycles: Recycles = 0,
    engine: Engine = "auto",
    precision: Precision = "fp32",
) -> None:
    """Compare the network with DeepMind's JAX code on the same parameters and features.

    The exit code is 1 if they differ.

    Example: af2cpu validate --model model_1_ptm --params synthetic:0 --n-res 64
    """
    with one_line():
        from af2cpu.errors import InputError
        from af2cpu.formats.features import read_draws
        from af2cpu.model.config import DEMO, DEMO_MULTIMER
        from af2cpu.ops.dispatch import describe, use_engine
        from af2cpu.validate.compare import compare

        if tiny := {DEMO: "tiny", DEMO_MULTIMER: "tiny_multimer"}.get(model):
            raise InputError(
                f"--model {model}: the reference can't be set to its head sizes; validate with --model {tiny}"
            )
        use_engine(engine)
        lengths = _lengths(chains)
        draws = read_draws(features) if features is not None else _synthetic(model, lengths, templates, recycles + 1)
        result = compare(model, params, draws, precision=precision)
    what = f"{model}, {params}, engine {describe()}, {precision}, {len(draws)} pass(es)"
    if not _print_comparison(what, result, precision):
        raise typer.Exit(FAILED)


def _synthetic(model: str, lengths: list[int], templates: int | None, passes: int) -> Sequence[ProcessedFeatures]:
    """Features of random numbers, a draw for each pass; lengths: of the chains. Raises InputError."""
    from af2cpu.errors import InputError
    from af2cpu.model.config import model_config
    from af2cpu.validate.synthetic import synthetic_features

    config = model_config(model)
    if templates is not None and templates > config.data.max_templates:
        raise InputError(f"--templates {templates}: {model} takes {config.data.max_templates}")
    return [synthetic_features(config, lengths, seed=seed, n_templ=templates) for seed in range(passes)]


def _print_comparison(what: str, result: Comparison, precision: str) -> bool:
    """The table, the times and the verdict: True unless they differ. what: was compared, and how."""
    from af2cpu.validate.compare import format_table

    typer.echo(format_table(result.rows))
    seconds = f"ours {result.seconds:.1f} s, reference {result.reference.seconds:.1f} s with its compilation"
    typer.echo(f"{what}: {seconds}")
    failed = [row.name for row in result.rows if not row.passed]
    if failed:
        typer.echo(f"differs from the reference: {', '.join(failed)}", err=True)
        return False
    typer.echo("equal to the reference" if precision == "fp32" else "finite; reported against float32")
    return True


def _lengths(chains: str) -> list[int]:
    """Raises InputError."""
    from af2cpu.errors import InputError

    lengths = [int(part) if part.isdecimal() else 0 for part in chains.split(",")]
    if 0 in lengths:
        raise InputError(f"--chains {chains}: takes the number of residues of each chain, such as 17,12,12")
    return lengths
