# SPDX-License-Identifier: Apache-2.0
"""Everything that reads a stranger's bytes, by the kind of file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import stranger_files
import stranger_inputs
import stranger_servers
from stranger import Stranger

from af2cpu.ops import isa

STRANGERS: dict[str, Callable[[Path], Stranger]] = {
    "FASTA": stranger_inputs.fasta,
    "FASTA, gzip": stranger_inputs.fasta_gz,
    "FASTA for all pairs": stranger_inputs.fasta_pairs,
    "CSV": stranger_inputs.csv,
    "a3m": stranger_inputs.a3m,
    "a3m of a complex": stranger_inputs.a3m_of_complex,
    "Stockholm": stranger_inputs.stockholm,
    "pdb_hits.sto": stranger_inputs.template_hits,
    "pdb_hits.hhr": stranger_inputs.hhsearch_hits,
    "obsolete.dat": stranger_inputs.obsolete,
    "structure, PDB": stranger_inputs.pdb,
    "structure, mmCIF": stranger_inputs.mmcif,
    "mmCIF of a template hit": stranger_inputs.mmcif_of_the_pdb,
    "parameters": stranger_files.parameters,
    "features.npz": stranger_files.features,
    "features.npz of a complex": stranger_files.features_of_complex,
    "processed features": stranger_files.processed,
    "result npz": stranger_files.result,
    "FASTA database": stranger_files.database,
    "database index": stranger_files.index,
    "packed database": stranger_files.packed,
    "run.json": stranger_files.target_run,
    "search.json": stranger_files.record("search.json"),
    "failure.json": stranger_files.record("failure.json"),
    "status of a run": stranger_files.run_status,
    "receipt of parameters": stranger_files.receipt,
    "settings, TOML": stranger_files.toml,
    "download": stranger_servers.download,
    "download of parameters": stranger_servers.parameters_download,
    "MSA server, ticket": stranger_servers.msa_ticket,
    "MSA server, alignments": stranger_servers.msa_answer,
    "MSA server, templates": stranger_servers.msa_templates,
}
NATIVE = {"packed database"}  # read by the native kernels


def stranger(name: str, folder: Path) -> Stranger | None:
    """None for one that this installation can't read."""
    return None if name in NATIVE and not isa.built() else STRANGERS[name](folder)
