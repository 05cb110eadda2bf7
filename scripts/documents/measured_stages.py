# SPDX-License-Identifier: Apache-2.0
"""The measured tables and sentences of docs/search.md and docs/relaxation.md, as those of measured_tables.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from measured_tables import Read, Row, seconds, table, where

# All of AlphaFold 2's reduced_dbs, for the calculation of `search_on_paper`.
_REDUCED_RESIDUES, _REDUCED_FASTA, _QUERY = 190e9, 232e9, 300  # residues, bytes, residues
_CORES = (2, 16, 64)
_DISKS = (7.0, 3.0, 0.5)  # GB/s


def _speed(record: Row, *, queries: int, threads: int, hits: bool) -> Row:
    """One row of the comparison with jackhmmer."""
    wanted = (queries, threads, hits)
    return next(row for row in record["speed"] if (row["queries"], row["threads"], row["hits"] > 0) == wanted)


def search_setting(read: Read) -> Iterator[str]:
    """What was searched, on what."""
    record = read("search")
    base = record["database"]
    yield (
        f"`python benchmarks/search.py` on {where(record)}. The database has {base['residues'] / 1e6:.0f} million "
        f"residues ({base['sequences']:,} sequences, {100 * base['homologs']:g} % of them homologs of 16 queries), and "
        "all files are in the page cache."
    )


def search(read: Read) -> Iterator[str]:
    """Search beside jackhmmer."""
    record = read("search")
    head = ("Queries, hits", "Threads", "jackhmmer", "packed", "plain FASTA", "without screen")
    yield from table(head, map(_search_row, record["speed"]))


def _search_row(row: Row) -> Iterator[str]:
    hits = f"{row['hits']:,}" if row["hits"] else "none"
    yield f"{row['queries']}, {hits}"
    yield str(row["threads"])
    yield seconds(row["jackhmmer"]["median_s"])
    for way in ("packed", "plain", "without screen"):
        one = row[way]
        faster = f"{one['against_jackhmmer']:.1f} times"
        without_start = "" if way == "without screen" else f"; search {one['search_against_jackhmmer']:.1f}"
        yield f"{seconds(one['median_s'])} ({faster}{without_start})"


def search_in_words(read: Read) -> Iterator[str]:
    """The range of a search's gain over jackhmmer, for README."""
    small, large = read("search")["speed"], read("search_large")["rows"]
    yield (
        f"Searching a packed database of {large[0]['residues'] / 1e9:.1f} billion residues is {_gain(large, 'packed')} "
        f"as fast as jackhmmer on the same cores, searching the plain FASTA file {_gain(large, 'plain')}. With "
        f"{read('search')['database']['residues'] / 1e6:.0f} million residues, where the start of the program and the "
        f"alignments of hits count more, it is {_gain(small, 'packed')} and {_gain(small, 'plain')}. The alignments "
        "are equal byte for byte (`python benchmarks/search_large.py`, `search.py`)."
    )


def _gain(rows: Sequence[Row], way: str) -> str:
    factors = [row[way]["against_jackhmmer"] for row in rows]
    return f"{min(factors):.1f} to {max(factors):.1f} times"


def search_large(read: Read) -> Iterator[str]:
    """The same on a database whose size makes start-up and hits count little."""
    head = ("Queries, hits", "jackhmmer", "packed", "plain FASTA", "Gcells/s, packed")
    rows = sorted(read("search_large")["rows"], key=lambda row: (row["queries"], row["hits"]))
    yield from table(head, map(_search_large_row, rows))


def _search_large_row(row: Row) -> Iterator[str]:
    yield f"{row['queries']}, {row['hits']:,}"
    yield seconds(row["jackhmmer"]["median_s"])
    for way in ("packed", "plain"):
        yield f"{seconds(row[way]['median_s'])} ({row[way]['against_jackhmmer']:.1f} times)"
    yield f"{row['packed']['gcells_per_s']:.0f}"


def relaxation(read: Read) -> Iterator[str]:
    """Seconds of a relaxation."""
    (one,), (large,) = read("relax")["rows"], read("relax_large")["rows"]
    head = ("", "residues", "atoms", "seconds a step", "steps", "minimisation", "clean-up, a round")
    steps, each = (f"{one['steps']:,}", seconds(one["minimise_s"])), f"{one['minimise_s'] / one['steps']:.3f}"
    yield from table(
        head,
        (
            ("6KWC", str(one["residues"]), f"{one['atoms']:,}", each, *steps, seconds(one["clean_s"])),
            (
                f"{large['copies']} copies of it, side by side",
                f"{large['residues']:,}",
                f"{large['atoms']:,}",
                f"{large['evaluation_ms']['all'] / 1000:.2f}",
                "not run to the end",
                "",
                seconds(large["clean_s"]),
            ),
        ),
    )


def search_filter(read: Read) -> Iterator[str]:
    """Rate of the filter, and how much it leaves for HMMER."""
    record, kernel = read("search"), read("search_kernel")
    alone = {"threads": 1, "queries": 1, "query_length": _QUERY}
    rates = {row["level"]: row["gcells_per_s"] for row in kernel["rates"] if alone.items() <= row.items()}
    none, some = (_speed(record, queries=1, threads=1, hits=hits) for hits in (False, True))
    yield (
        f"The filter by itself does {rates['avx512bf16']:.0f} Gcells/s on one core in AVX-512 with VBMI, "
        f"{rates['avx512 without VBMI']:.0f} without VBMI and {rates['avx2']:.0f} in AVX2, where pyhmmer's does "
        f"{rates['pyhmmer']:.0f} (`benchmarks/search_kernel.py`; a cell is one residue of the query times one of the "
        f"database). Of the {record['database']['sequences']:,} sequences {none['packed']['passed']} pass it for a "
        f"query without homologs, and {some['packed']['passed']} for one with {some['hits']} hits."
    )


def search_memory(read: Read) -> Iterator[str]:
    """Peak memory of a search in a process of its own."""
    one = read("search")["memory"]
    yield (
        f"A process that searches this database takes {one['packed_bytes'] / 1e6:.0f} MB of memory at its peak when it "
        f"is packed and {one['plain_bytes'] / 1e6:.0f} MB as plain FASTA; {one['imports_bytes'] / 1e6:.0f} MB of them "
        f"are imported libraries. Each hit adds {one['bytes_per_hit'] / 1e3:.0f} kB while its alignment is written."
    )


def search_packing(read: Read) -> Iterator[str]:
    """Rates of packing and of reading what was packed."""
    one = read("search")["packing"]
    rates = [one[f"threads_{threads}"]["mb_of_fasta_per_s"] for threads in (1, 2)]
    cache, disk = one["page_cache"], one["disk"]
    yield (
        f"Packing does {rates[0]:.0f} MB of FASTA per second on one core and {rates[1]:.0f} on two, with "
        f"{one['threads_2']['peak_bytes'] / 1e9:.2f} GB of memory. The packed file has "
        f"{100 * one['packed_bytes'] / one['fasta_bytes']:.0f} % of the bytes of the FASTA file; a search reads "
        f"{one['bytes_per_residue']:.2f} bytes per residue of it. One core reads, checks and unpacks "
        f"{cache['gres_per_s']:.0f} G residues/s from the page cache ({cache['gb_per_s']:.1f} GB/s of the file) and "
        f"{disk['gres_per_s']:.1f} G residues/s from this machine's disk ({disk['gb_per_s']:.1f} GB/s)."
    )


def search_on_paper(read: Read) -> Iterator[str]:
    """Seconds for all of reduced_dbs, from the measured rates: the slower of computing and reading."""
    record = read("search")
    packing, cells = record["packing"], _QUERY * _REDUCED_RESIDUES / 1e9
    rate = _speed(record, queries=1, threads=1, hits=True)["packed"]["gcells_per_s"]
    jackhmmer = _speed(record, queries=1, threads=2, hits=True)["jackhmmer"]["gcells_per_s"]
    gigabytes = _REDUCED_RESIDUES * packing["bytes_per_residue"] / 1e9
    packed = _REDUCED_FASTA * packing["packed_bytes"] / packing["fasta_bytes"] / 1e9
    minutes = _REDUCED_FASTA / 1e6 / packing["threads_2"]["mb_of_fasta_per_s"] / 60
    yield (
        f"A query of {_QUERY} residues and {_REDUCED_RESIDUES / 1e9:.0f} G residues are {cells:,.0f} Gcells, and "
        f"{gigabytes:.0f} GB of the packed files are read. One core does {rate:.0f} Gcells/s (1 query, 122 hits, 1 "
        "thread); cores count in proportion, and the slower of computing and reading counts."
    )
    yield ""
    head = ("", "In memory", *(f"Disk, {disk:g} GB/s" for disk in _DISKS))
    yield from table(head, (_paper_row(cells / rate, gigabytes, cores) for cores in _CORES))
    yield ""
    yield (
        f"jackhmmer at its measured rate ({jackhmmer:.0f} Gcells/s with `--cpu 2`) takes {cells / jackhmmer:,.0f} s. "
        "It gains little from more threads, since one of them parses the FASTA file. The packed files of all of "
        f"reduced_dbs have about {packed:.0f} GB "
        f"({_REDUCED_FASTA / 1e9:.0f} GB of FASTA) and take "
        f"{minutes:.0f} minutes of 2 cores to make."
    )


def _paper_row(on_one_core: float, gigabytes: float, cores: int) -> Sequence[str]:
    computing = on_one_core / cores
    return (f"{cores} cores", f"{computing:.0f} s", *(f"{max(computing, gigabytes / disk):.0f} s" for disk in _DISKS))


def relaxation_forces(read: Read) -> Iterator[str]:
    """OpenMM's options for the forces, beside the protocol's."""
    ((large,), (one,)) = read("relax_large")["rows"], read("relax")["rows"]
    took = large["evaluation_ms"]
    times = {name: took[f"all, {name}"] / took["all"] for name in ("platform Reference", "cutoff 1000 nm")}
    yield (
        f"OpenMM's other options do not help ({large['atoms']:,} atoms): a cutoff that leaves no pair out takes "
        f"{times['cutoff 1000 nm']:.1f} times as long as none, shorter cutoffs change the result, and the platform "
        f"Reference takes {times['platform Reference']:.1f} times as long. The minimisation of 6KWC takes "
        f"{one['ratio']:.2f} times as long as OpenMM's own `minimizeEnergy`, with the same bits as a result."
    )


STAGES: dict[str, Callable[[Read], Iterator[str]]] = {
    "search_setting": search_setting,
    "search": search,
    "search_large": search_large,
    "search_in_words": search_in_words,
    "search_filter": search_filter,
    "search_memory": search_memory,
    "search_packing": search_packing,
    "search_on_paper": search_on_paper,
    "relaxation": relaxation,
    "relaxation_forces": relaxation_forces,
}
