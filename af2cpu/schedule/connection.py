# SPDX-License-Identifier: Apache-2.0
"""The connection to a Dask scheduler: its address, its encryption, and why it failed."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING

from af2cpu.errors import InputError, in_words
from af2cpu.settings import RunSettings, flag_of

if TYPE_CHECKING:
    from distributed import Security

TLS = ("tls_ca", "tls_cert", "tls_key")  # settings that belong together


def security_of(settings: RunSettings) -> Security | None:
    """Encrypted connections if the three --tls settings are given. Raises InputError for one or two of them."""
    given = {name: getattr(settings, name) for name in TLS}
    missing = [name for name, path in given.items() if path is None]
    if len(missing) == len(TLS):
        return None
    if missing:
        raise InputError(f"{flag_of(missing[0])}: is missing; give {', '.join(map(flag_of, TLS))} together")
    for name, path in given.items():
        if not path.is_file():
            raise InputError(f"{flag_of(name)} {path}: no such file")
    from distributed import Security

    ca, cert, key = (str(given[name]) for name in TLS)
    pair = {
        f"tls_{role}_{kind}": path
        for role in ("scheduler", "worker", "client")
        for kind, path in (("cert", cert), ("key", key))
    }
    return Security(tls_ca_file=ca, require_encryption=True, **pair)


def is_scheduler_file(address: str) -> bool:
    """Whether --scheduler names a file, not an address. Raises InputError for a file that does not exist."""
    if "://" in address:
        return False
    if not Path(address).is_file():
        raise InputError(f"--scheduler {address}: neither tcp://HOST:PORT or tls://HOST:PORT nor a scheduler file")
    return True


def reason_of(error: BaseException) -> str:
    """Why a process of Dask did not start or connect: the first error of the system behind an exception, or itself."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    first = next((one for one in reversed(chain) if isinstance(one, OSError)), error)
    if isinstance(first, OSError) and first.errno in (errno.EMFILE, errno.ENFILE):
        return str(first.strerror)  # whichever file was the one too many
    return in_words(first)
