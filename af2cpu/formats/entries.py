# SPDX-License-Identifier: Apache-2.0
"""Where a folder keeps the mmCIF files of PDB entries."""

from __future__ import annotations

import os
from pathlib import Path


def mmcif_path(folder: str | os.PathLike[str], entry: str) -> Path:
    """Where a folder keeps an entry: AlphaFold 2's `1abc.cif`, zipped, or divided as on the PDB's server.

    The first of these that exists, else the first.
    """
    folder = Path(folder)
    places = (folder / f"{entry}.cif", folder / f"{entry}.cif.gz", folder / entry[1:3] / f"{entry}.cif.gz")
    return next((path for path in places if path.is_file()), places[0])
