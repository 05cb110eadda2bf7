# SPDX-License-Identifier: Apache-2.0
"""af2cpu params: download, list, verify and try out the parameters."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from af2cpu import events
from af2cpu.commands.console import print_line
from af2cpu.commands.errors import FAILED, one_line
from af2cpu.commands.help import Commands
from af2cpu.commands.listeners import showing, showing_results
from af2cpu.commands.paths import path as as_path
from af2cpu.errors import InputError, ParameterError

app = Commands(no_args_is_help=True, help="Parameters: download, list, verify, selftest.")

Models = Annotated[
    str | None,
    typer.Option(
        "--models",
        metavar="TEXT",
        help="Models, separated by commas: model_1 to model_5, model_1_ptm to model_5_ptm, model_1_multimer_v3 to "
        "model_5_multimer_v3; 'model_*_multimer_v3' are the five of AlphaFold-Multimer. Default: the five ptm models.",
    ),
]
Params = Annotated[
    Path | None,
    typer.Option(
        "--params",
        parser=as_path,
        envvar="AF2CPU_PARAMS",
        metavar="FOLDER",
        help="Folder with params_model_*.npz.",
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        parser=as_path,
        envvar="AF2CPU_DATA_DIR",
        metavar="FOLDER",
        help="Data folder; the parameters are in its folder params.",
    ),
]


def _folder(params: Path | None, data_dir: Path | None) -> Path:
    if params is None and data_dir is None:
        raise InputError("give the parameters' folder with --params, or the data folder with --data-dir")
    folder = params if params is not None else Path(str(data_dir)) / "params"
    if folder.is_file() or folder.suffix == ".npz" or str(folder).startswith("synthetic:"):
        raise InputError(f"--params {folder}: must be a folder here")
    return folder


def _names(models: str | None) -> tuple[str, ...]:
    """A name with * matches published models. Raises InputError if it matches none."""
    from af2cpu.model.config import OFFICIAL_MODELS
    from af2cpu.settings import PTM_MODELS

    if models is None:
        return PTM_MODELS
    names: list[str] = []
    for pattern in (part.strip() for part in models.split(",")):
        fitting = fnmatch.filter(OFFICIAL_MODELS, pattern) if "*" in pattern else [pattern]
        if not fitting:
            raise InputError(f"--models {pattern}: fits none of {', '.join(OFFICIAL_MODELS)}")
        names += fitting
    return tuple(dict.fromkeys(names))


@app.command("download")
def download_command(
    models: Models = None,
    params: Params = None,
    data_dir: DataDir = None,
    url: Annotated[
        str | None,
        typer.Option("--url", help="Address of a tar with DeepMind's parameter files. Default: DeepMind's own."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be fetched.")] = False,
) -> None:
    """Fetch DeepMind's parameters (CC BY 4.0): about 373 MB a model, out of the archive of 5.3 GB with all fifteen.

    The same command continues an interrupted download.

    Example: af2cpu params download --models 'model_*_multimer_v3' --params params
    """
    with one_line():
        folder = _folder(params, data_dir)
        from af2cpu.weights.download import download_parameters

        with showing_results():
            download_parameters(_names(models), folder, url, dry_run=dry_run)


@app.command("list")
def list_command(params: Params = None, data_dir: DataDir = None) -> None:
    """List the models whose parameters are present, and whether they are unchanged since the download."""
    with one_line():
        folder = _folder(params, data_dir)
        from af2cpu.weights.manifest import file_name, manifest

        book = manifest()
        for model, entry in book.models.items():
            path = folder / file_name(model)
            if not path.is_file():
                print_line(f"{model:19} missing (download about {entry.size_mb:.0f} MB)")
        for model, path in _files(folder):
            print_line(f"{model:19} {_state(model, path)}: {path}")


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """(model, file) for the parameter files of a folder."""
    for path in sorted(folder.glob("params_*.npz")):
        yield path.stem.removeprefix("params_"), path


def _state(model: str, path: Path) -> str:
    from af2cpu.model.config import PRESETS, model_config
    from af2cpu.weights.receipts import read_receipt, untouched
    from af2cpu.weights.source import fingerprint

    size = path.stat().st_size
    text = f"{size / 1e6:.1f} MB"
    if model not in PRESETS:
        return f"{text}, not read by this version of the program"
    try:
        receipt = read_receipt(path)
        text += f", fingerprint {fingerprint(str(path), model_config(model))}"
    except ParameterError as error:
        return f"{text}, UNUSABLE ({error})"
    if receipt is None:
        return f"{text}, without a receipt"
    if untouched(path, receipt):
        return f"{text}, as downloaded {receipt.fetched[:10]}, sha256 {receipt.sha256}"
    if size == receipt.size:
        return f"{text}, touched since its download (af2cpu params verify reads it), sha256 {receipt.sha256}"
    return f"{text}, CHANGED since its download: it had {receipt.size / 1e6:.1f} MB"


@app.command("verify")
def verify_command(models: Models = None, params: Params = None, data_dir: DataDir = None) -> None:
    """Check parameter files: their SHA-256 against what was downloaded, and every array.

    Without --models all files of the folder are checked. The exit code is 1 if one fails.
    """
    with one_line():
        folder = _folder(params, data_dir)
        files = dict(_files(folder))
        wanted = _names(models) if models is not None else tuple(files)
        missing = [model for model in wanted if model not in files]
        if missing or not wanted:
            what = f"parameters of {', '.join(missing)}" if missing else "parameters"
            raise ParameterError(f"{folder}: no {what}; af2cpu params download --params {folder} fetches them")
        with showing():
            failed = 0
            for done, model in enumerate(wanted, start=1):
                failed += not _verified(model, files[model])
                events.emit("progress", "files", done=done, total=len(wanted))
    if failed:
        raise typer.Exit(FAILED)


def _verified(model: str, path: Path) -> bool:
    from af2cpu.model.config import PRESETS, model_config
    from af2cpu.weights.load import check_parameters, read_parameters
    from af2cpu.weights.receipts import check_receipt, renew, sha256_of, untouched

    if model not in PRESETS:
        print_line(f"{path}: not read by this version of the program, not verified")
        return True
    config = model_config(model)
    try:
        receipt = check_receipt(path, thoroughly=True)
        arrays = read_parameters(path, config)
        check_parameters(arrays, config, str(path))
    except ParameterError as error:
        print_line(f"FAILED: {error}")
        return False
    if receipt is None:
        print_line(f"{path}: {len(arrays)} arrays as they must be; without a receipt, sha256 {sha256_of(path)}")
        return True
    renewed = not untouched(path, receipt) and os.access(path.parent, os.W_OK)
    if renewed:
        renew(path, receipt)
    print_line(
        f"{path}: as downloaded, {len(arrays)} arrays as they must be, sha256 {receipt.sha256}"
        + (", receipt renewed" if renewed else "")
    )
    return True


@app.command("selftest")
def selftest_command(
    params: Annotated[
        str | None,
        typer.Option(
            "--params",
            envvar="AF2CPU_PARAMS",
            metavar="PATH",
            help="Folder with params_model_1_ptm.npz, params_model_1_multimer_v3.npz or both, or one of these files.",
        ),
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Predict small proteins and compare the scores with published numbers.

    model_1_ptm predicts a protein of 59 residues, model_1_multimer_v3 a complex of 4 + 4; each if its parameters exist.

    The exit code is 1 if a number differs.

    Example: af2cpu params selftest --params params
    """
    with one_line():
        from af2cpu.validate.selftest import find_published, run_selftest

        failed = False
        for published, source in find_published(params, data_dir):
            lengths = " + ".join(str(len(chain)) for chain in published.chains)
            print_line(f"{published.model} from {source}, {lengths} residues, fp32")
            rows = run_selftest(source, published)
            for row in rows:
                print_line(str(row))
            failed = failed or not all(row.passed for row in rows)
    if failed:
        hint = "not the official parameters" if re.match("synthetic:", source) else "see af2cpu params verify"
        print_line(f"off: the parameters or this installation are not what they should be ({hint})")
        raise typer.Exit(FAILED)
    print_line("as published")
