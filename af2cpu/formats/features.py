"""Features as npz files: AlphaFold 2's names, no pickles, written whole or not at all."""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np

from af2cpu.errors import InputError
from af2cpu.records import Features, ProcessedFeatures


def write_features(path: str | os.PathLike[str], features: Features) -> None:
    """Raw features, compressed. Raises OSError."""
    _write(Path(path), {f.name: getattr(features, f.name) for f in fields(Features)})


def read_features(path: str | os.PathLike[str]) -> Features:
    """Raw features as `write_features` wrote them. Raises InputError that names the file and what is wrong with it."""
    arrays = _read(Path(path))
    _check_names(Path(path), arrays, [f.name for f in fields(Features)])
    features = Features(**arrays)
    n_res, n_seq, n_templ = (arrays[name].shape[:1] for name in ("aatype", "msa", "template_aatype"))
    _check_shapes(
        Path(path),
        arrays,
        {
            "aatype": (*n_res, 21),
            "residue_index": n_res,
            "between_segment_residues": n_res,
            "msa": n_seq + n_res,
            "deletion_matrix_int": n_seq + n_res,
            "template_aatype": (*n_templ, *n_res, 22),
            "template_all_atom_positions": (*n_templ, *n_res, 37, 3),
            "template_all_atom_masks": (*n_templ, *n_res, 37),
        },
    )
    if features.n_seq == 0 or int(features.msa.max(initial=0)) > 21:
        raise InputError(f"{path}: the MSA has no row or a code over 21; make the features again")
    return features


def write_draws(path: str | os.PathLike[str], draws: Iterable[ProcessedFeatures]) -> None:
    """Processed features with a leading axis over the draws. Raises OSError, ValueError for no or unequal draws."""
    draws = list(draws)
    _write(Path(path), {f.name: np.stack([getattr(d, f.name) for d in draws]) for f in fields(ProcessedFeatures)})


def read_draws(path: str | os.PathLike[str]) -> list[ProcessedFeatures]:
    """Processed features, one record per draw; template arrays may be absent, other names are left alone.

    Raises InputError that names the file and what is wrong with it.
    """
    path = Path(path)
    wanted = {f.name for f in fields(ProcessedFeatures)}
    arrays = {name: array for name, array in _read(path).items() if name in wanted}
    if any(array.ndim == 0 for array in arrays.values()) or len({len(array) for array in arrays.values()}) > 1:
        raise InputError(f"{path}: the arrays differ in their number of draws (the first axis)")
    n_draws = len(next(iter(arrays.values()), ()))
    try:
        return [
            ProcessedFeatures.from_arrays({name: array[k] for name, array in arrays.items()}) for k in range(n_draws)
        ]
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error


def _write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    pickled = [name for name, array in arrays.items() if array.dtype.hasobject]
    if pickled:
        raise ValueError(f"arrays of objects can't be written without pickle: {', '.join(pickled)}")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as stream:
            np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise InputError(f"{path}: a single array, not an npz file of features")
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: can't be read as an npz file without pickles ({reason})") from error


def _check_names(path: Path, arrays: Mapping[str, np.ndarray], names: list[str]) -> None:
    missing, surplus = sorted(set(names) - set(arrays)), sorted(set(arrays) - set(names))
    if missing or surplus:
        raise InputError(
            f"{path}: not the features of this program: missing {', '.join(missing) or 'nothing'}, "
            f"surplus {', '.join(surplus) or 'nothing'}"
        )


def _check_shapes(path: Path, arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]) -> None:
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise InputError(f"{path}: {name} has shape {arrays[name].shape}, expected {shape}")
