# SPDX-License-Identifier: Apache-2.0
"""Makes the demo databases, params/demo_databases, in AlphaFold's folder layout; the same every time.

    python scripts/demo/make_databases.py [FOLDER] [--predict]

Families of made-up relatives of the proteins in examples/ (simulated evolution, synthetic/evolution.py) among random
sequences: enough to see every part of the search at work in seconds. Nothing in them is a real sequence. UniProt has
relatives of the chains of complexes, named by species, to pair them by: the names of the species are real. The template
structures are ideal helices and strands, and with `--predict` what the demo network says of the proteins that it knows:
those files depend on params/params_demo.npz, and in their last digits on the machine, and are left alone otherwise.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from synthetic.evolution import homolog, random_letters, random_sequences, substituted
from synthetic.ideal import backbone
from synthetic.mmcif import Entry, mmcif_text

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SHIPPED = ROOT / "params" / "demo_databases"
MMCIF = "pdb_mmcif/mmcif_files"
COMPLEXES = ("dimer.fasta", "pairs.fasta")  # examples whose chains are parts of complexes
_SPECIES = (
    "HUMAN PANTR MACMU MOUSE RAT CAVPO RABIT BOVIN SHEEP PIG HORSE CANLF FELCA MYOLU LOXAF MONDO ORNAN CHICK TAEGU "
    "ANOCA XENTR LATCH DANRE ORYLA"
).split()

T = TypeVar("T")
Record = tuple[str, bytes]  # header, letters

# Secondary structure of examples that the demo network does not know, as published: helices, strands, turns.
_IDEAL = {
    "ubiquitin": "E2-7 T8-9 E10-17 H23-34 E40-45 T46-47 E48-49 H56-59 E66-72",
    "gb1": "E1-8 T9-11 E12-20 H23-36 E42-46 T47-50 E51-55",
    "crambin": "E1-4 H7-19 H23-30 E32-35 T42-44",
}
_RELEASED = ("2003-06-17", "2011-11-09", "2019-02-26", "2024-03-05")
_RNA = b"GCGAUUUAGCUCAGUUGGGAGAGCGCCAGACUGAAGAUCUGGAGGUCCUGUGUUCGAUCCACAGAAUUCGCACCA"


def write_fasta(path: Path, records: Iterable[Record], width: int | None = 60) -> None:
    """Writes records, their letters in lines of `width` or in one line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for header, letters in records:
            step = width or len(letters)
            lines = [letters[i : i + step] for i in range(0, len(letters), step)]
            file.write(b">" + header.encode() + b"\n" + b"\n".join(lines) + b"\n")


def example_files() -> list[Path]:
    """Those of single proteins."""
    return sorted(path for path in EXAMPLES.glob("*.fasta") if path.name not in COMPLEXES)


def examples() -> list[Record]:
    """The single proteins of examples/."""
    return [record for path in example_files() for record in _read(path)]


def chains() -> list[Record]:
    """The chains of the complexes in examples/, each sequence once."""
    records = [record for name in COMPLEXES for record in _read(EXAMPLES / name)]
    first = {sequence: header for header, letters in reversed(records) for sequence in letters.split(b":")}
    return [(header, sequence) for sequence, header in reversed(first.items())]


def _read(path: Path) -> list[Record]:
    records: list[Record] = []
    for text in path.read_text().split(">")[1:]:
        header, _, letters = text.partition("\n")
        records.append((header, "".join(letters.split()).encode()))
    return records


def make_family(rng: np.random.Generator, query: bytes, n_members: int) -> list[np.ndarray]:
    """Relatives in subfamilies: each has a founder, from which its members have parted later. Some have flanks."""
    members: list[np.ndarray] = []
    while len(members) < n_members:
        founder = substituted(rng, np.frombuffer(query, np.uint8), 0.08 + 0.4 * rng.random())
        for _ in range(6):
            letters = homolog(rng, founder.tobytes(), 0.02 + 0.2 * rng.random())
            if rng.random() < 0.2:
                flanks = [random_letters(rng, int(5 + 60 * rng.random())) for _ in range(2)]
                letters = np.concatenate([flanks[0], letters, flanks[1]])
            if query not in letters.tobytes():
                members.append(letters)
    return members[:n_members]


def make_database(seed: int, prefix: str, n_homologs: int, n_res: int) -> list[Record]:
    """A family of each example among `n_res` random residues, in random order; then a half as large family of each
    chain of the complexes that is no example itself."""
    proteins = {sequence for _, sequence in examples()}
    more = [sequence for _, sequence in chains() if sequence not in proteins]
    sequences = _families(np.random.default_rng(seed), [query for _, query in examples()], n_homologs, n_res)
    sequences += _families(np.random.default_rng([seed, 1]), more, n_homologs // 2, 0)
    return [
        (f"{prefix}{i:07d} Made-up protein {i} n=1 Tax=None TaxID=0", letters) for i, letters in enumerate(sequences)
    ]


def _families(rng: np.random.Generator, queries: Sequence[bytes], n_homologs: int, n_res: int) -> list[bytes]:
    sequences = list(random_sequences(rng, n_res))
    for query in queries:
        sequences += make_family(rng, query, n_homologs)
    return [letters.tobytes() for letters in _shuffled(rng, sequences)]


def _shuffled(rng: np.random.Generator, items: Sequence[T]) -> list[T]:
    return [items[k] for k in np.argsort(rng.random(len(items)), kind="stable")]


def make_uniprot(seed: int, n_homologs: int, n_res: int) -> list[Record]:
    """Of most species relatives of the chains of complexes, among `n_res` random residues, in random order."""
    rng = np.random.default_rng(seed)
    named = [(_SPECIES[k % len(_SPECIES)], letters) for k, letters in enumerate(random_sequences(rng, n_res))]
    for _, query in chains():
        for name in _SPECIES * n_homologs:
            if rng.random() < 0.8:
                (letters,) = make_family(rng, query, 1)
                named.append((name, letters))
    return [
        (f"tr|A0A0{i:06d}|A0A0{i:06d}_{name} Made-up protein {i}", letters.tobytes())
        for i, (name, letters) in enumerate(_shuffled(rng, named))
    ]


def make_chains(seed: int, n_res: int = 20_000) -> list[tuple[str, str, bytes]]:
    """The chains of pdb_seqres.txt: (entry, kind, letters). Entries 0i.. have ideal structures, 0d.. predicted ones,
    both of relatives of the examples; the others, of `n_res` residues, have none."""
    rng = np.random.default_rng(seed)
    chains: list[tuple[str, str, bytes]] = []
    for k, (header, query) in enumerate(examples()):
        letters = np.frombuffer(query, np.uint8)
        kind = "i" if header.split()[0] in _IDEAL else "d"
        chains += [
            (f"0{kind}{k}{copy}", "protein", substituted(rng, letters, changed).tobytes())
            for copy, changed in enumerate((0.1, 0.3, 0.5))
        ]
    replaced = next(letters for name, _, letters in chains if name.startswith("0i"))
    chains += [("0old", "protein", replaced), ("0gon", "protein", replaced)]
    chains += [(f"0x{i:02x}", "protein", letters.tobytes()) for i, letters in enumerate(random_sequences(rng, n_res))]
    return chains + [(f"0n{i:02d}", "na", _RNA) for i in range(3)]


def make_pdb(seed: int, n_res: int) -> list[Record]:
    """The chains in the form of pdb_seqres.txt."""
    chains = make_chains(seed, n_res)
    return [(f"{name}_A mol:{kind} length:{len(text)}  MADE UP", text) for name, kind, text in chains]


def obsolete(seed: int) -> str:
    """obsolete.dat: one entry that another one replaced, and one that is gone."""
    successor = next(name for name, _, _ in make_chains(seed) if name.startswith("0i"))
    lines = (
        " LIST OF OBSOLETE COORDINATE ENTRIES AND SUCCESSORS, MADE UP",
        f"OBSLTE    05-MAR-24 0old     {successor}",
        "OBSLTE    05-MAR-24 0gon",
    )
    return "".join(line + "\n" for line in lines)


def ideal_entries(seed: int) -> list[Entry]:
    """Structures of ideal helices and strands for the relatives of some examples."""
    entries = []
    names = {f"0i{k}": header.split()[0] for k, (header, _) in enumerate(examples())}
    for name, _, letters in make_chains(seed):
        if (of := names.get(name[:3])) in _IDEAL:
            title = f"MADE UP: ideal secondary structure of a relative of {of}, not a fold"
            released = _RELEASED[int(name[3])]
            entries.append(Entry(name, title, released, letters.decode(), backbone(_structure(of, len(letters)))))
    return entries


def _structure(name: str, n_res: int) -> str:
    """A letter for each residue, - where there is neither helix nor strand nor turn."""
    letters = ["-"] * n_res
    for element in _IDEAL[name].split():
        first, last = (int(number) for number in element[1:].split("-"))
        letters[first - 1 : last] = element[0] * (last - first + 1)
    return "".join(letters)


def predicted_entries(seed: int) -> list[Entry]:
    """What the demo network predicts for the examples that it knows, with the residues of their relatives."""
    from synthetic.predicted import predicted_backbone

    names = {f"0d{k}": (header.split()[0], text.decode()) for k, (header, text) in enumerate(examples())}
    entries = []
    for name, _, letters in make_chains(seed):
        if (of := names.get(name[:3])) is None or (atoms := predicted_backbone(of[1])) is None:
            continue
        title = f"MADE UP: prediction of the demo network for {of[0]}, residues of a relative"
        entries.append(Entry(name, title, _RELEASED[int(name[3])], letters.decode(), atoms))
    return entries


def write_entries(folder: Path, entries: Iterable[Entry]) -> None:
    (folder / MMCIF).mkdir(parents=True, exist_ok=True)
    for entry in entries:
        (folder / MMCIF / f"{entry.name}.cif").write_text(mmcif_text(entry))


def make_sequences(folder: Path, *, relatives: int = 1, others: int = 1) -> None:
    """The FASTA files of the reduced preset and UniProt; times as many relatives of the examples and other sequences.

    0.9 MB."""
    for seed, name, prefix, n_relatives, n_res, width in (
        (1, "uniref90/uniref90.fasta", "UniRef90_X", 72, 250_000, 60),
        (2, "small_bfd/bfd-first_non_consensus_sequences.fasta", "BFD", 24, 80_000, None),
        (3, "mgnify/mgy_clusters_2022_05.fa", "MGYP", 36, 80_000, None),
    ):
        write_fasta(folder / name, make_database(seed, prefix, relatives * n_relatives, others * n_res), width)
    write_fasta(folder / "uniprot/uniprot.fasta", make_uniprot(5, relatives, others * 40_000))
    write_fasta(folder / "pdb_seqres/pdb_seqres.txt", make_pdb(4, others * 20_000), None)


def make_structures(folder: Path) -> None:
    """Template structures, but for the predicted ones, and the list of obsolete entries."""
    write_entries(folder, ideal_entries(4))
    (folder / "pdb_mmcif/obsolete.dat").write_text(obsolete(4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=SHIPPED)
    parser.add_argument("--predict", action="store_true", help="the predicted structures too")
    arguments = parser.parse_args()
    make_sequences(arguments.folder)
    make_structures(arguments.folder)
    if arguments.predict:
        write_entries(arguments.folder, predicted_entries(4))


if __name__ == "__main__":
    main()
