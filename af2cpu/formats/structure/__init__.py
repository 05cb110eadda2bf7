# SPDX-License-Identifier: Apache-2.0
"""Structure files of any origin, PDB or mmCIF: the one reader of own templates and of structures to relax.

Entries of the PDB are read as AlphaFold 2 understands them, in formats/mmcif.py.
"""

from __future__ import annotations

from af2cpu.formats.structure.read import chains_of, read_chains, read_protein

__all__ = ["chains_of", "read_chains", "read_protein"]
