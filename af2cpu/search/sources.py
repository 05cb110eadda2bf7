"""Where the databases come from: the places that AlphaFold 2's download scripts use, over HTTPS. Sizes of 2022-2025."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WWPDB = "https://files.wwpdb.org/pub/pdb"


@dataclass(frozen=True)
class Source:
    """A file to fetch into AlphaFold's folder layout."""

    url: str
    path: str  # below the data folder
    packed_gb: float  # about
    unpacked_gb: float  # about


SOURCES: Mapping[str, Source] = {
    "uniref90": Source(
        "https://ftp.ebi.ac.uk/pub/databases/uniprot/uniref/uniref90/uniref90.fasta.gz",
        "uniref90/uniref90.fasta",
        45,
        95,
    ),
    "mgnify": Source(
        "https://storage.googleapis.com/alphafold-databases/v2.3/mgy_clusters_2022_05.fa.gz",
        "mgnify/mgy_clusters_2022_05.fa",
        67,
        120,
    ),
    "small_bfd": Source(
        "https://storage.googleapis.com/alphafold-databases/reduced_dbs/bfd-first_non_consensus_sequences.fasta.gz",
        "small_bfd/bfd-first_non_consensus_sequences.fasta",
        9.6,
        17,
    ),
    "pdb_seqres": Source(f"{WWPDB}/derived_data/pdb_seqres.txt", "pdb_seqres/pdb_seqres.txt", 0.3, 0.3),
    "obsolete": Source(f"{WWPDB}/data/status/obsolete.dat", "pdb_mmcif/obsolete.dat", 0.001, 0.001),
}
MMCIF_URL = WWPDB + "/data/structures/divided/mmCIF/{middle}/{entry}.cif.gz"
STRUCTURES_GB = 80  # about: all entries with a protein, kept packed
