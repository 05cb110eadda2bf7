"""Where the parameters of a model come from, and what tells one file from another."""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path

from ml_collections import ConfigDict

from af2cpu.errors import ParameterError
from af2cpu.weights.names import parameter_table

OFFICIAL = "https://storage.googleapis.com/alphafold/alphafold_params_2022-12-06.tar"
_HOW = (
    "af2cpu params download --params FOLDER fetches the official ones (373 MB a model, CC BY 4.0) out of "
    f"{OFFICIAL}, then give the folder with --params; "
    "or try the program out with --params synthetic:0, whose predictions mean nothing"
)


def is_synthetic(source: str) -> bool:
    """Whether it names random parameters, whose predictions mean nothing."""
    return re.fullmatch(r"synthetic:\d+", source) is not None


def find_parameters(params: str | None, data_dir: Path | None, model: str) -> str:
    """The source of a model's parameters, as `read_parameters` takes it: a file, or synthetic:SEED.

    `params`: a file, a folder that holds params_<model>.npz, or synthetic:SEED; without it <data_dir>/params.
    Raises ParameterError that says how to get them.
    """
    if params is not None and is_synthetic(params):
        return params
    if params is None and data_dir is None:
        raise ParameterError(f"no parameters given: {_HOW}")
    place = Path(params) if params is not None else Path(str(data_dir)) / "params"
    path = place / f"params_{model}.npz" if place.is_dir() else place
    if not path.is_file():
        raise ParameterError(f"{path}: no such parameter file: {_HOW}")
    return str(path)


def fingerprint(source: str, config: ConfigDict) -> str:
    """A hash of the parameters' content, read in milliseconds: names, sizes and checksums in the archive's directory.

    Raises ParameterError for a file that is no npz, is cut off, or has not the arrays of the model.
    """
    if is_synthetic(source):
        return source
    try:
        with zipfile.ZipFile(source) as archive:
            entries = sorted((info.filename, info.file_size, info.CRC) for info in archive.infolist())
    except (OSError, zipfile.BadZipFile) as error:
        raise ParameterError(
            f"{source}: not a whole parameter file ({error}). Fetch it again with af2cpu params download"
        ) from error
    names = {name.removesuffix(".npy") for name, _, _ in entries}
    if names != set(parameter_table(config)):
        raise ParameterError(
            f"{source}: not the parameters of {config.name}: its arrays are others. Give the params_{config.name}.npz"
        )
    return hashlib.blake2b(repr(entries).encode(), digest_size=16).hexdigest()
