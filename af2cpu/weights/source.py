# SPDX-License-Identifier: Apache-2.0
"""Where the parameters of a model come from, and what tells one file from another."""

from __future__ import annotations

import difflib
import hashlib
import re
import zipfile
from pathlib import Path

from ml_collections import ConfigDict

from af2cpu.errors import ParameterError
from af2cpu.formats.arrays import BROKEN_ARCHIVE
from af2cpu.model.config import DEMO
from af2cpu.records import CHAIN_BREAK
from af2cpu.weights.demo import DEMO_NETWORKS, demo_file, is_known
from af2cpu.weights.listing import name_problems

OFFICIAL = "https://storage.googleapis.com/alphafold/alphafold_params_2022-12-06.tar"
_HOW = "af2cpu params download --params {} fetches DeepMind's (373 MB a model, CC BY 4.0); to try it out, --params demo"
_NETWORKS = " and ".join(DEMO_NETWORKS)
FLOAT32 = 4  # bytes; the header of an array is little beside its numbers
_SYNTHETIC = "SYNTHETIC PARAMETERS: drawn at random, the structures mean nothing"
_DEMO_KNOWN = "DEMO PARAMETERS: for trying the program out, not for science; they know this {} by heart"
_DEMO_UNKNOWN = (
    "DEMO PARAMETERS ON A {} THAT THEY DO NOT KNOW: the structure means nothing; they know only the few {} "
    "that they were trained on"
)


def is_synthetic(source: str) -> bool:
    """Whether it names random parameters, whose predictions mean nothing."""
    return re.fullmatch(r"synthetic:\d+", source) is not None


def caution(model: str, source: str, sequence: str) -> str | None:
    """What a user must be told of a prediction of `sequence` with these parameters, in one line; None for the official.

    All that warns of parameters takes it from here: console, run.json, structure files.
    """
    if is_synthetic(source):
        return _SYNTHETIC
    if model in DEMO_NETWORKS:
        one, many = ("complex", "complexes") if CHAIN_BREAK in sequence else ("protein", "proteins")
        known = is_known(sequence, model)
        return _DEMO_KNOWN.format(one) if known else _DEMO_UNKNOWN.format(one.upper(), many)
    return None


def parameter_file(source: str | Path, model: str) -> Path:
    """The file that a source names: itself, or for `demo` the model's that comes with the program.

    Raises ParameterError for a model that has none.
    """
    if source != DEMO:
        return Path(source)
    if model not in DEMO_NETWORKS:
        raise ParameterError(f"demo: not the parameters of {model}: they are those of {_NETWORKS}")
    return demo_file(model)


def find_parameters(params: str | None, data_dir: Path | None, model: str) -> str:
    """The source of a model's parameters, as `read_parameters` takes it: a file, demo, or synthetic:SEED.

    `params`: a file, a folder that holds params_<model>.npz, demo, or synthetic:SEED; without it <data_dir>/params.
    Raises ParameterError that says how to get them.
    """
    if params is not None and is_synthetic(params):
        return params
    if params == DEMO:
        if model not in DEMO_NETWORKS:
            raise ParameterError(
                f"--models {model}: does not fit --params demo, which has the parameters of {_NETWORKS} only; leave "
                f"out --models, or give --params with the parameters of {model}: a folder, or synthetic:0 for a trial"
            )
        return DEMO
    if params is None and data_dir is None:
        raise ParameterError(f"no parameters given; give their folder with --params. {_HOW.format('FOLDER')}")
    if params is None and not Path(str(data_dir)).is_dir():
        raise ParameterError(f"--data-dir {data_dir}: no such folder")
    place = Path(params) if params is not None else Path(str(data_dir)) / "params"
    path = place / f"params_{model}.npz" if place.is_dir() else place
    if not path.is_file():
        words = difflib.get_close_matches((params or "").lower(), (DEMO, "synthetic:0"), n=1)
        if words:
            raise ParameterError(f"--params {params}: no such file or folder; did you mean {words[0]}?")
        folder = place.parent if place.suffix == ".npz" else place
        raise ParameterError(f"{path}: no such parameter file; {_HOW.format(folder)}")
    return str(path)


def fingerprint(source: str, config: ConfigDict) -> str:
    """A hash of the parameters' content, read in milliseconds: names, sizes and checksums in the archive's directory.

    Raises ParameterError for a file that is no npz, is cut off, or has not the arrays of the model.
    """
    if is_synthetic(source):
        return source
    entries = sorted((info.filename, info.file_size, info.CRC) for info in _members(source, config.name))
    if problems := name_problems((name.removesuffix(".npy") for name, _, _ in entries), config):
        raise ParameterError(f"{source}: not the parameters of {config.name}: {'; '.join(problems)}")
    return hashlib.blake2b(repr(entries).encode(), digest_size=16).hexdigest()


def parameter_count(source: str, config: ConfigDict) -> int:
    """How many numbers the parameters are; of a file from its directory. Raises ParameterError as `fingerprint`."""
    if source and not is_synthetic(source):
        return sum(info.file_size for info in _members(source, config.name)) // FLOAT32
    from af2cpu.model.count import n_parameters  # PyTorch loads with it

    return n_parameters(config)


def _members(source: str, model: str) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(parameter_file(source, model)) as archive:
            return archive.infolist()
    except BROKEN_ARCHIVE as error:
        raise ParameterError(
            f"{source}: not a whole parameter file ({error}). Fetch it again with af2cpu params download"
        ) from error
