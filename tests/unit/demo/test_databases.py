# SPDX-License-Identifier: Apache-2.0
"""The demo databases are what their script makes, byte by byte; the predicted templates are the network's."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from make_databases import MMCIF, chains, examples, make_sequences, make_structures, predicted_entries
from synthetic.ideal import backbone

from af2cpu.chemistry.residues import CA, C, N
from af2cpu.features.complex import pair_by_species
from af2cpu.features.msa import species
from af2cpu.features.pairing import GAP
from af2cpu.formats.mmcif import read_mmcif
from af2cpu.formats.obsolete import current_entry, read_obsolete
from af2cpu.formats.stockholm import read_stockholm
from af2cpu.records import Query
from af2cpu.search.databases import Database
from af2cpu.search.indexing import build_index
from af2cpu.search.msa import search_msas
from af2cpu.shipped import shipped

DATABASES = shipped("demo_databases")


def test_made_again_they_are_the_same(tmp_path: Path) -> None:
    make_sequences(tmp_path)
    make_structures(tmp_path)
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    for name in files:
        assert (tmp_path / name).read_bytes() == (DATABASES / name).read_bytes(), name
    others = {path.relative_to(DATABASES) for path in DATABASES.rglob("*") if path.is_file()} - set(files)
    assert {str(path.parent) for path in others} == {MMCIF}
    assert all(path.name.startswith("0d") for path in others)  # the predicted ones


def test_they_are_small() -> None:
    assert sum(path.stat().st_size for path in DATABASES.rglob("*") if path.is_file()) < 1.5e6


def test_predicted_templates_are_the_networks() -> None:
    """Only nearly: the last digits depend on the machine."""
    entries = predicted_entries(4)
    names = sorted(path.stem for path in (DATABASES / MMCIF).glob("0d*.cif"))
    assert sorted(entry.name for entry in entries) == names
    for entry in entries:
        stored = read_mmcif(DATABASES / MMCIF / f"{entry.name}.cif")
        assert "MADE UP: prediction of the demo network" in stored.path.read_text()
        chain = stored.chain("A")
        assert chain.sequence == entry.sequence
        assert np.abs(_distances(chain.positions[:, CA]) - _distances(entry.backbone[:, 1])).max() < 0.2


def _distances(atoms: np.ndarray) -> np.ndarray:
    return np.linalg.norm(atoms[:, None] - atoms[None], axis=-1)


def test_every_structure_is_of_its_chain_in_pdb_seqres() -> None:
    records = (DATABASES / "pdb_seqres/pdb_seqres.txt").read_text().split(">")[1:]
    chains = {record.split("_")[0]: record.splitlines()[1] for record in records}
    assert len(chains) == len(records)
    dates = set()
    for path in (DATABASES / MMCIF).iterdir():
        entry = read_mmcif(path)
        assert entry.sequences["A"] == chains[path.stem]
        assert "'MADE UP: " in path.read_text()
        dates.add(entry.release_date)
    assert len(dates) > 2
    obsolete = read_obsolete(DATABASES / "pdb_mmcif/obsolete.dat")
    assert (DATABASES / MMCIF / f"{current_entry('0old', obsolete)}.cif").is_file()
    assert current_entry("0gon", obsolete) is None


def test_no_real_sequence_is_in_them() -> None:
    """The relatives of an example are near it, but none is a copy."""
    texts = [path.read_text() for path in DATABASES.rglob("*") if path.suffix in {".fasta", ".fa", ".txt"}]
    letters = "".join("".join(line for line in text.splitlines() if not line.startswith(">")) for text in texts)
    assert not [header for header, query in [*examples(), *chains()] if query.decode() in letters]


def test_chains_of_complexes_have_relatives_in_the_same_species(tmp_path: Path) -> None:
    shutil.copy(DATABASES / "uniprot/uniprot.fasta", tmp_path)
    path = tmp_path / "uniprot.fasta"
    names = [record.split()[0] for record in path.read_text().split(">")[1:]]
    assert len({species(name) for name in names}) == 24
    assert len(set(names)) == len(names)
    queries = [Query(f"q{k}", text.decode(), header, "examples") for k, (header, text) in enumerate(chains())]
    insulin = [query for query in queries if "insulin" in query.description]
    folders = [tmp_path / query.name for query in insulin]
    for folder in folders:
        folder.mkdir()
    list(search_msas(insulin, folders, [(Database("uniprot", path), build_index(path, 1))], 1))
    found = [read_stockholm(folder / "uniprot_hits.sto", database="uniprot") for folder in folders]
    sequences = [query.sequence for query in insulin]
    paired = pair_by_species(sequences, dict(zip(sequences, found, strict=True)))
    assert len(paired[0].msa) == len(paired[1].msa) > 8
    assert all((rows.msa != GAP).any(axis=1).all() for rows in paired)


def test_ideal_geometry() -> None:
    """A helix rises 1.5 angstrom and a strand over 3 for each residue; bonds are those of a peptide."""
    for letter, low, high in (("H", 1.4, 1.6), ("E", 3.1, 3.5)):
        atoms = backbone(letter * 30)
        ca = atoms[:, 1]
        assert low < np.linalg.norm(ca[29] - ca[0]) / 29 < high
        assert np.allclose(np.linalg.norm(atoms[1:, 0] - atoms[:-1, 2], axis=-1), 1.329)
        assert np.allclose(np.linalg.norm(np.diff(ca, axis=0), axis=-1), 3.8, atol=0.03)
    # L-amino acids: seen from the hydrogen, CO, R, N run clockwise.
    n, ca, c, cb = (atoms[:, k] for k in (0, 1, 2, 4))
    assert (np.einsum("ij,ij->i", np.cross(n - ca, c - ca), cb - ca) > 0).all()
    assert (N, CA, C) == (0, 1, 2)
