"""Makes small databases in AlphaFold's folder layout, the same every time: for the demo and the tests.

    python scripts/make_demo_databases.py FOLDER

Families of made-up homologs of the proteins in examples/ among random sequences: enough to see every part of the search
at work in seconds. Nothing in them is a real sequence but the examples themselves.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

EXAMPLES = Path(__file__).parents[1] / "examples"
LETTERS = np.frombuffer(b"ACDEFGHIKLMNPQRSTVWY", np.uint8)
# Shares of the amino acids in proteins, per mille, in the order of LETTERS (Swiss-Prot, rounded).
BACKGROUND = np.array([83, 14, 55, 67, 39, 71, 23, 59, 58, 97, 24, 41, 47, 39, 55, 66, 53, 69, 11, 29]) / 1000.0
# Residues that are drawn for each other more often than by chance.
GROUPS = (b"ILMV", b"FWY", b"KR", b"DE", b"NQ", b"ST", b"AG", b"C", b"H", b"P")

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

Record = tuple[str, bytes]  # header, letters


def random_sequences(rng: np.random.Generator, n_res: int) -> Iterator[np.ndarray]:
    """Letters of unrelated sequences, uint8, of a database's lengths, until about n_res residues are made."""
    while n_res > 0:
        lengths = np.clip(rng.lognormal(5.6, 0.6, 1000).astype(int), 20, 5000)
        lengths = lengths[: np.searchsorted(np.cumsum(lengths), n_res) + 1]
        text = LETTERS[rng.choice(20, int(lengths.sum()), p=BACKGROUND / BACKGROUND.sum())]
        yield from np.split(text, np.cumsum(lengths)[:-1])
        n_res -= len(text)


def homolog(rng: np.random.Generator, query: bytes, changed: float) -> np.ndarray:
    """Letters of a relative: a share of the residues replaced, mostly by similar ones, and now and then an indel."""
    letters = np.frombuffer(query, np.uint8).copy()
    for place in np.flatnonzero(rng.random(len(letters)) < changed):
        group = next(group for group in GROUPS if letters[place] in group)
        letters[place] = rng.choice(list(group)) if rng.random() < 0.5 else rng.choice(LETTERS, p=_background())
    for _ in range(rng.poisson(len(letters) / 100)):
        place, size = int(rng.integers(1, len(letters) - 1)), int(rng.integers(1, 5))
        inserted = LETTERS[rng.choice(20, size, p=_background())]
        parts = [letters[:place], letters[place + size :]]
        letters = np.concatenate(parts if rng.random() < 0.5 else [parts[0], inserted, letters[place:]])
    return letters


def _background() -> np.ndarray:
    return BACKGROUND / BACKGROUND.sum()


def write_fasta(path: Path, records: Iterable[Record], width: int | None = 60) -> None:
    """Writes records, their letters in lines of `width` or in one line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for header, letters in records:
            step = width or len(letters)
            lines = [letters[i : i + step] for i in range(0, len(letters), step)]
            file.write(b">" + header.encode() + b"\n" + b"\n".join(lines) + b"\n")


def examples() -> list[Record]:
    """The records of examples/*.fasta."""
    records: list[Record] = []
    for path in sorted(EXAMPLES.glob("*.fasta")):
        for text in path.read_text().split(">")[1:]:
            header, _, letters = text.partition("\n")
            records.append((header, "".join(letters.split()).encode()))
    return records


def make_database(seed: int, prefix: str, n_homologs: int, n_res: int) -> list[Record]:
    """Homologs of the examples, some within longer chains, among unrelated sequences, in random order."""
    rng = np.random.default_rng(seed)
    sequences = list(random_sequences(rng, n_res))
    for _, query in examples():
        for _ in range(n_homologs):
            letters = homolog(rng, query, float(rng.uniform(0.1, 0.6)))
            if rng.random() < 0.3:
                flanks = [LETTERS[rng.choice(20, int(rng.integers(5, 120)), p=_background())] for _ in range(2)]
                letters = np.concatenate([flanks[0], letters, flanks[1]])
            sequences.append(letters)
    order = rng.permutation(len(sequences))
    return [
        (f"{prefix}{i:07d} Made-up protein {i} n=1 Tax=None TaxID=0", sequences[k].tobytes())
        for i, k in enumerate(order)
    ]


def make_pdb(seed: int) -> list[Record]:
    """Chains in the form of pdb_seqres.txt: relatives of the examples, unrelated ones, and nucleic acids."""
    rng = np.random.default_rng(seed)
    chains: list[tuple[str, bytes]] = []
    for _, query in examples():
        chains += [("protein", homolog(rng, query, changed).tobytes()) for changed in (0.0, 0.1, 0.3, 0.5)]
    chains += [("protein", letters.tobytes()) for letters in random_sequences(rng, 60_000)]
    chains += [("na", b"GCGAUUUAGCUCAGUUGGGAGAGCGCCAGACUGAAGAUCUGGAGGUCCUGUGUUCGAUCCACAGAAUUCGCACCA") for _ in range(3)]
    return [
        (f"{i % 9 + 1}z{DIGITS[i // 36 % 36]}{DIGITS[i % 36]}_A mol:{kind} length:{len(text)}  MADE UP {i}", text)
        for i, (kind, text) in enumerate(chains)
    ]


def make_all(folder: Path) -> None:
    """All databases of the reduced preset, a few MB."""
    write_fasta(folder / "uniref90/uniref90.fasta", make_database(1, "UniRef90_X", 150, 2_000_000))
    bfd = folder / "small_bfd/bfd-first_non_consensus_sequences.fasta"
    write_fasta(bfd, make_database(2, "BFD", 60, 800_000), None)
    write_fasta(folder / "mgnify/mgy_clusters_2022_05.fa", make_database(3, "MGYP", 120, 800_000), None)
    write_fasta(folder / "pdb_seqres/pdb_seqres.txt", make_pdb(4), None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    make_all(parser.parse_args().folder)


if __name__ == "__main__":
    main()
