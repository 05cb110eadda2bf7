"""Fetches files over HTTP: resumed where they stopped, disk space looked at first, checked, and only then renamed."""

from __future__ import annotations

import gzip
import shutil
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx
import orjson

from af2cpu.errors import DatabaseError

_PART = 1 << 20
_RETRIES = 5
_PAUSE = 1.0  # seconds before the first retry; doubled each time

Progress = Callable[[int, int], None]  # bytes done, bytes in all


def client() -> httpx.Client:
    """An HTTP client with patience for slow servers."""
    return httpx.Client(follow_redirects=True, timeout=httpx.Timeout(60.0, connect=30.0))


def fetch(
    http: httpx.Client, url: str, path: Path, unpacked_size: int | None = None, progress: Progress | None = None
) -> None:
    """Fetches `url` to `path`; a .gz URL is unpacked unless path ends with .gz too. Does nothing if path exists.

    What was fetched before an interruption is in <path>.part and is used if the server says that the file is still the
    same. unpacked_size: what is expected in bytes, for the look at the disk. Raises DatabaseError: server's refusal,
    not enough space, data that are damaged or have another length than announced.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    unpack = url.endswith(".gz") and path.suffix != ".gz"
    part = path.with_name(path.name + ".part")
    for attempt in range(_RETRIES + 1):
        try:
            _download(http, url, part, unpacked_size if unpack else None, progress)
            break
        except httpx.TransportError as error:  # also a connection that ends before the announced length
            if attempt == _RETRIES:
                raise DatabaseError(f"{url}: {error}; run the same command again, it goes on from here") from error
            time.sleep(_PAUSE * 2**attempt)
    if unpack:
        _unpack(url, part, path)
    else:
        part.replace(path)
    _tag_path(part).unlink(missing_ok=True)


def _tag_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _download(http: httpx.Client, url: str, part: Path, unpacked: int | None, progress: Progress | None) -> None:
    tag_path = _tag_path(part)
    tag = orjson.loads(tag_path.read_bytes()) if tag_path.exists() and part.exists() else None
    have = part.stat().st_size if tag else 0
    if tag and have == tag["size"]:
        return  # complete, and only its unpacking was interrupted
    headers = {"Accept-Encoding": "identity"}
    if have and tag and tag["validator"]:
        headers |= {"Range": f"bytes={have}-", "If-Range": tag["validator"]}
    with http.stream("GET", url, headers=headers) as response:
        if response.status_code not in {200, 206}:
            raise DatabaseError(f"{url}: the server answers {response.status_code} {response.reason_phrase}")
        resumed = response.status_code == 206
        have = have if resumed else 0
        rest = int(response.headers.get("Content-Length", 0))
        total = have + rest
        check_space(part.parent, rest + (unpacked or 0), url)
        validator = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        tag_path.write_bytes(
            orjson.dumps({"size": total, "validator": "" if validator.startswith("W/") else validator})
        )
        with part.open("ab" if resumed else "wb") as file:
            for data in response.iter_raw():  # as it comes: what is held back is lost when the connection breaks
                file.write(data)
                have += len(data)
                if progress:
                    progress(have, total)


def check_space(folder: Path, needed: int, what: str) -> None:
    """Raises DatabaseError if `folder` has less than `needed` bytes free."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DatabaseError(
            f"{what}: needs {needed / 1e9:.1f} GB in {folder} and {free / 1e9:.1f} GB are free; make room, or give "
            "another --data-dir"
        )


def _unpack(url: str, part: Path, path: Path) -> None:
    temporary = path.with_name(path.name + ".unpacking")
    try:
        with gzip.open(part, "rb") as packed, temporary.open("wb") as file:
            shutil.copyfileobj(packed, file, _PART)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        temporary.unlink()
        part.unlink()
        raise DatabaseError(f"{url}: what came is damaged ({error}) and was removed; run the command again") from error
    temporary.replace(path)
    part.unlink()
