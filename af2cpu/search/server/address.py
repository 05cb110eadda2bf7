# SPDX-License-Identifier: Apache-2.0
"""The address of an MSA server."""

from __future__ import annotations

from urllib.parse import urlsplit

from af2cpu.errors import InputError


def checked_address(text: str) -> str:
    """The address of a server, without a slash at its end. Raises InputError."""
    try:
        parts = urlsplit(text)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound or any(one.isspace() or not one.isprintable() for one in text) or parts.query or parts.fragment:
        raise InputError(f"--msa-server {text}: must be an address such as https://msa.example.org")
    if parts.username or parts.password:
        host = text.partition("://")[2].rpartition("@")[2]
        raise InputError(
            f"--msa-server: gives a name or password for {host}, and the address is written into the results; give it "
            "without"
        )
    return text.rstrip("/")
