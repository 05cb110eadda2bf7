# SPDX-License-Identifier: Apache-2.0
"""Where the databases come from: the places that AlphaFold 2's download scripts use, over HTTPS. Sizes of 2022-2025."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj

import httpx

from af2cpu.download import fetch, fetch_archive, part_path
from af2cpu.errors import DownloadError
from af2cpu.formats.streams import atomic_write
from af2cpu.search.index import stored_file
from af2cpu.search.profile_databases import LAYOUT, RELEASE, missing_files

WWPDB = "https://files.wwpdb.org/pub/pdb"


@dataclass(frozen=True)
class Source:
    """A file to fetch into AlphaFold's folder layout, or an archive of hh-suite's files with one prefix."""

    url: str
    path: str  # below the data folder: the file, or the prefix
    packed_gb: float  # about
    unpacked_gb: float  # about
    archive: bool = False
    appended: tuple[str, ...] = ()  # addresses of files whose sequences follow those of the first one
    optional: bool = False  # fetched only when it is named

    def is_complete(self, data_dir: Path) -> bool:
        """Whether it is in the data folder, as FASTA or packed; only the file or prefix of this address counts."""
        path = data_dir / self.path
        return not missing_files(path) if self.archive else stored_file(path).is_file()

    def fetched(self, data_dir: Path) -> float:
        """Bytes that earlier runs have left of what is not complete, about."""
        files = self.files(data_dir)
        if self.appended and files[0].is_file():
            return self.packed_gb * 1e9
        return sum(part.stat().st_size for part in map(part_path, files) if part.is_file())

    def files(self, data_dir: Path) -> list[Path]:
        """What is fetched: the file or archive itself, or the files that are joined."""
        path = data_dir / self.path
        if not self.appended:
            return [path]
        return [path.with_name(url.rsplit("/", 1)[-1].removesuffix(".gz")) for url in (self.url, *self.appended)]


def fetch_source(http: httpx.Client, source: Source, data_dir: Path) -> None:
    """Fetches a database unless it is complete, or goes on with it. Raises DownloadError."""
    if source.is_complete(data_dir):
        return
    path, unpacked = data_dir / source.path, int(source.unpacked_gb * 1e9)
    if source.appended:
        _fetch_joined(http, source, data_dir)
    elif not source.archive:
        fetch(http, source.url, path, unpacked)
    else:
        fetch_archive(http, source.url, path, unpacked)
        if not source.is_complete(data_dir):
            raise DownloadError(f"{source.url}: has not all of the files {path}_*; another release may be there now")


def _fetch_joined(http: httpx.Client, source: Source, data_dir: Path) -> None:
    """Fetches FASTA files, the largest first, and joins them in its place, which needs no space for it twice.

    The length of the first one is kept while the others are appended, so that a join that was cut off is made again.
    Raises DownloadError.
    """
    path, files = data_dir / source.path, source.files(data_dir)
    length = path.with_name(f"{path.name}.length")
    if not files[0].exists():
        for old in (length, *files[1:]):  # of another release
            old.unlink(missing_ok=True)
    for url, file in zip((source.url, *source.appended), files, strict=True):
        fetch(http, url, file, int(source.unpacked_gb * 1e9) if file == files[0] else 0)
    try:
        _join(files, path, length)
    except OSError as error:
        raise DownloadError(
            f"{path}: its parts can't be joined ({error.strerror}); mend that, the same command then goes on"
        ) from error


def _join(files: Sequence[Path], path: Path, length: Path) -> None:
    first, *others = files
    if length.is_file():
        os.truncate(first, int(length.read_text()))
    else:
        with atomic_write(length) as noted:
            noted.write(str(first.stat().st_size).encode())
    with first.open("ab") as joined:
        for other in others:
            with other.open("rb") as content:
                copyfileobj(content, joined)
        joined.flush()
        os.fsync(joined.fileno())
    first.replace(path)
    for done in (*others, length):
        done.unlink()


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
    "uniprot": Source(
        "https://ftp.ebi.ac.uk/pub/databases/uniprot/current_release/knowledgebase/complete/uniprot_trembl.fasta.gz",
        "uniprot/uniprot.fasta",
        53,
        105,
        appended=(
            "https://ftp.ebi.ac.uk/pub/databases/uniprot/current_release/knowledgebase/complete/uniprot_sprot.fasta.gz",
        ),
        optional=True,
    ),
    "bfd": Source(
        "https://storage.googleapis.com/alphafold-databases/casp14_versions/"
        "bfd_metaclust_clu_complete_id30_c90_final_seq.sorted_opt.tar.gz",
        LAYOUT["bfd"],
        271.6,
        1800,
        archive=True,
        optional=True,
    ),
    "uniref30": Source(
        "https://storage.googleapis.com/alphafold-databases/v2.3/UniRef30_2021_03.tar.gz",
        LAYOUT["uniref30"].replace("*", RELEASE),
        52.5,
        206,
        archive=True,
        optional=True,
    ),
    "pdb70": Source(  # its server has no HTTPS address in AlphaFold's script
        "http://wwwuser.gwdg.de/~compbiol/data/hhsuite/databases/hhsuite_dbs/old-releases/"
        "pdb70_from_mmcif_200401.tar.gz",
        LAYOUT["pdb70"],
        19.5,
        56,
        archive=True,
        optional=True,
    ),
}
MMCIF_URL = WWPDB + "/data/structures/divided/mmCIF/{middle}/{entry}.cif.gz"
STRUCTURES_GB = 80  # about: all entries with a protein, kept packed
