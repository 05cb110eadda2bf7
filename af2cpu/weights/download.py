# SPDX-License-Identifier: Apache-2.0
"""Fetches DeepMind's parameters: of the 5.3 GB archive only the models that are wanted, by HTTP ranges.

A file gets its name only once each of its arrays was compared with the model's table; its receipt is written before.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import httpx
from ml_collections import ConfigDict

from af2cpu import events
from af2cpu.download import (
    Remote,
    bytes_there,
    check_space,
    client,
    drop,
    exclusive,
    fetch_piece,
    finish,
    look,
    outlook,
    part_path,
    size_text,
    stream_whole,
)
from af2cpu.download.requests import read_piece
from af2cpu.errors import DownloadError, ParameterError
from af2cpu.formats.streams import atomic_write
from af2cpu.model.config import model_config
from af2cpu.weights.archive import find_members, plain_tar, stream_members
from af2cpu.weights.load import check_parameters, read_parameters
from af2cpu.weights.manifest import file_name, manifest
from af2cpu.weights.receipts import Receipt, check_receipt, sha256_of, write_receipt

_BLOCK = 1 << 20

Configs = Mapping[str, ConfigDict]  # by the name of the file


def download_parameters(models: Sequence[str], folder: Path, url: str | None = None, *, dry_run: bool = False) -> None:
    """Fetches the parameters of `models` that a folder lacks, and the archive's licence.

    url: of a tar with DeepMind's members, by default DeepMind's own. dry_run: only says what would be fetched.
    Raises InputError: an unknown model, a server that refuses, no space, content that is damaged or another model's.
    """
    url = url or manifest().url
    configs = {file_name(model): model_config(model) for model in models}
    lacking = {name: config for name, config in configs.items() if not _is_there(folder / name)}
    if not lacking:
        return
    with nullcontext() if dry_run else exclusive(folder), client() as http:
        remote = look(http, url)
        fetch = _fetch_pieces if remote.ranges else _fetch_stream
        fetch(http, remote, lacking, folder, dry_run=dry_run)


def _is_there(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        receipt = check_receipt(path)
    except ParameterError as error:
        _tell(f"fetched anew: {error}")
        return False
    own = "there already, without a receipt (your own file): left as it is; af2cpu params verify looks into it"
    _tell(f"{path}: {'there already, as it was downloaded' if receipt else own}")
    return True


def _fetch_pieces(http: httpx.Client, remote: Remote, lacking: Configs, folder: Path, *, dry_run: bool) -> None:
    book = manifest()
    pieces = find_members(http, remote, [*lacking, book.licence_member])
    _all_found(pieces, lacking, remote.url)
    have = sum(bytes_there(folder / name, pieces[name]) for name in lacking)
    rest = sum(pieces[name].size or 0 for name in lacking) - have
    _tell(f"{len(lacking)} of the files in {remote.url}: {outlook(rest, folder)}")
    if have:
        _tell(f"{size_text(have)} are there from an earlier run and are gone on with")
    check_space(folder, rest, "parameters")
    if dry_run:
        return
    _say_licence()
    licence = folder / book.licence_member
    if book.licence_member not in pieces:
        _tell(f"{remote.url}: holds no {book.licence_member} to keep beside the parameters")
    elif not licence.exists():
        _keep(licence, read_piece(http, pieces[book.licence_member]))
    for name, config in lacking.items():
        part = part_path(folder / name)
        fetch_piece(http, pieces[name], part)
        _conclude(part, folder / name, config, remote)


def _fetch_stream(http: httpx.Client, remote: Remote, lacking: Configs, folder: Path, *, dry_run: bool) -> None:
    """The whole archive goes by once; what is wanted of it is kept."""
    book, left = manifest(), dict(lacking)
    size = remote.size or book.size_gb * 1e9
    _tell(
        f"{remote.url}: the server sends no pieces of files, so the archive is read from its beginning until "
        f"{len(lacking)} files of it are found; at the most {outlook(size, folder)}"
    )
    if dry_run:
        return
    _say_licence()

    def keep_wanted(response: httpx.Response) -> None:
        for name, size, content in stream_members(response, [*left, book.licence_member]):
            check_space(folder, size, name)
            if name == book.licence_member:
                _keep(folder / name, content.read())
                continue
            part = part_path(folder / name)
            try:
                with part.open("wb") as file:
                    shutil.copyfileobj(content, file, _BLOCK)
                _conclude(part, folder / name, left[name], remote)
            finally:
                drop(part)  # what a stream broke off can't be gone on with
            del left[name]
            if not left:
                return

    with plain_tar(remote.url):
        stream_whole(http, remote.url, keep_wanted, lambda: len(lacking) - len(left))
    _all_found({name: None for name in lacking if name not in left}, lacking, remote.url)
    if not (folder / book.licence_member).exists():
        _tell(f"{book.licence_member} did not come by before the last file: see {book.licence_url}")


def _tell(line: str) -> None:
    events.emit("line", line)


def _all_found(found: Collection[str], lacking: Collection[str], url: str) -> None:
    missing = [name for name in lacking if name not in found]
    if missing:
        raise DownloadError(f"{url}: the archive holds no {', '.join(missing)}; check --models and --url")


def _say_licence() -> None:
    book = manifest()
    _tell(f"{book.credit}; licence {book.licence}, {book.licence_url}: free to use and share, with credit")


def _keep(path: Path, content: bytes) -> None:
    with atomic_write(path) as file:
        file.write(content)


def _conclude(part: Path, path: Path, config: ConfigDict, remote: Remote) -> None:
    """Looks into a complete file, writes its receipt, gives it its name."""
    try:
        arrays = read_parameters(part, config)
        check_parameters(arrays, config, str(part))
    except ParameterError as error:
        drop(part)
        raise DownloadError(f"the download was removed: {error}. Run the same command again, or check --url") from error
    status = part.stat()
    receipt = Receipt(
        model=config.name,
        sha256=sha256_of(part),
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        arrays=len(arrays),
        url=remote.url,
        validator=remote.validator,
        licence=manifest().licence,
        fetched=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_receipt(path, receipt)
    finish(part, path)
    drop(part)
    _tell(f"{path}: {size_text(receipt.size)}, {receipt.arrays} arrays checked, sha256 {receipt.sha256}")
