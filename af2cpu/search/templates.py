"""Template search: AlphaFold-Multimer's hmmbuild and hmmsearch of the UniRef90 alignment against PDB sequences.

Equals `hmmbuild --hand --amino` and `hmmsearch --F1 0.1 --F2 0.1 --F3 0.1 -E 100 --incE 100 --domE 100 --incdomE 100`
to the byte but for the `#=GF AU` line.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

from pyhmmer.easel import MSAFile
from pyhmmer.plan7 import HMM, Background, HMMFile, OptimizedProfile, TopHits

from af2cpu.errors import InputError
from af2cpu.formats.streams import atomic_write, lines, name_of, open_bytes
from af2cpu.records import Query, TemplateHit
from af2cpu.search.databases import HITS, Database
from af2cpu.search.engine import ALPHABET, Task, search
from af2cpu.search.index import Index
from af2cpu.search.msa import AUTHOR
from af2cpu.search.profiles import alignment_profile
from af2cpu.search.stockholm_text import distinct_rows, escaped_names, read_rows, utf8_lines, write_rows
from af2cpu.search.thresholds import HMMSEARCH

_PROFILE_NAME = "query"  # hmmbuild names the profile after AlphaFold's temporary file query.msa

# 4pqx_A/2-217 [subseq from] mol:protein length:217  Free text. Easel numbers the rows of an alignment, as in
# 0001|4pqx_A/2-217, when two have one name.
_HIT = re.compile(r"(?:\d+\|)?([a-z0-9]+)_(\w+)/([0-9]+)-([0-9]+) .*protein length:([0-9]+)")


def search_templates(
    alignments: Sequence[Path],
    folders: Sequence[Path],
    database: Database,
    index: Index,
    threads: int,
) -> list[Path]:
    """Searches PDB sequences with the profiles of UniRef90 alignments (as cut by AlphaFold), all in one pass.

    Writes pdb_hits.sto into each folder (empty if nothing is found) and returns the files.
    """
    profiles = [_searchable(profile_of(path)) for path in alignments]
    (found,) = search([Task(database.name, database.path, index, profiles, HMMSEARCH)], threads)
    paths = []
    for folder, hits in zip(folders, found.hits, strict=True):
        paths.append(folder / HITS)
        _write(hits, paths[-1])
    return paths


def profile_of(alignment: Path) -> HMM:
    """hmmbuild's profile of a Stockholm alignment, in the query's columns, after AlphaFold's deduplication.

    Raises InputError for an alignment that is damaged.
    """
    try:
        with open_bytes(alignment) as stream:
            rows = distinct_rows(read_rows(lines(stream)))
        with MSAFile(io.BytesIO(write_rows(rows)), format="stockholm", digital=True, alphabet=ALPHABET) as file:
            msa = file.read()
    except InputError:
        raise
    except (ValueError, IndexError) as error:
        raise InputError(
            f"{name_of(alignment)}: no profile can be made of it ({error}); the file is damaged"
        ) from error
    assert msa is not None  # it was just written
    msa.name = _PROFILE_NAME
    hmm = alignment_profile(msa)
    # AlphaFold passes the profile as text, which rounds it; the order of hits depends on that.
    text = io.BytesIO()
    hmm.write(text)
    text.seek(0)
    with HMMFile(text) as profiles:
        rounded = profiles.read()
    assert rounded is not None  # it was just written
    return rounded


def _searchable(hmm: HMM) -> OptimizedProfile:
    return hmm.to_profile(Background(ALPHABET)).to_optimized()


def _write(hits: TopHits, path: Path) -> None:
    with atomic_write(path) as target:
        if len(hits.included) == 0:
            return  # hmmsearch leaves the file empty, and AlphaFold goes on without templates
        alignment = hits.to_msa(ALPHABET, all_consensus_cols=True, digitize=False)
        alignment.name = _PROFILE_NAME
        alignment.author = AUTHOR
        text = io.BytesIO()
        alignment.write(text, "stockholm")
        text.seek(0)
        target.writelines(line for line, _ in utf8_lines(escaped_names(text)))


def read_template_hits(path: Path, query: Query) -> list[TemplateHit]:
    """The hits in pdb_hits.sto in file order, only `mol:protein`, as AlphaFold's `parse_hmmsearch_a3m`.

    Raises InputError for a damaged file, a row that is no PDB chain, hits of another sequence.
    """
    descriptions, rows = _read_hits(path)
    hits = []
    for index, (name, parts) in enumerate(rows.items(), start=1):
        description = descriptions.get(name, "")
        if "mol:protein" in description:
            hits.append(_hit(index, name, description, "".join(parts).replace(".", ""), query.sequence, path))
    return hits


def _read_hits(path: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Descriptions, and columns block by block, of the rows of a Stockholm file, by row name."""
    rows: dict[str, list[str]] = {}
    descriptions: dict[str, str] = {}
    with open_bytes(path) as stream:
        for number, raw in enumerate(lines(stream), start=1):
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            words = line.split(maxsplit=3)
            if line.startswith("#=GS") and len(words) > 2:
                if words[2] == "DE":
                    descriptions[words[1]] = words[3] if len(words) > 3 else ""
            elif words and not line.startswith(("#", "//")):
                if len(words) != 2:
                    raise InputError(
                        f"{name_of(path)}, line {number}: expected a row name and its columns; the file is damaged"
                    )
                rows.setdefault(words[0], []).append(words[1])
    return descriptions, rows


def _hit(index: int, name: str, description: str, row: str, query: str, path: Path) -> TemplateHit:
    match = _HIT.match(f"{name} {description}")
    if match is None:
        raise InputError(
            f"{name_of(path)}, row {index}: {name!r} is no chain of the PDB; search pdb_seqres for templates"
        )
    indices = _indices(row, int(match[3]) - 1)
    if len(indices) != len(query):
        raise InputError(
            f"{name_of(path)}, row {index} ({name}): {len(indices)} columns where the query has {len(query)} residues; "
            "these are the hits of another sequence"
        )
    return TemplateHit(
        index=index,
        name=f"{match[1]}_{match[2]}",
        aligned_cols=sum(letter.isupper() for letter in row),
        sum_probs=None,
        query=query,
        hit_sequence=row.upper(),
        indices_query=tuple(range(len(query))),
        indices_hit=indices,
        description=description,
    )


def _indices(row: str, start: int) -> tuple[int, ...]:
    """For each match column the residue's place in the chain, -1 for a deletion; insertions only count on."""
    indices = []
    place = start
    for letter in row:
        if letter == "-":
            indices.append(-1)
            continue
        if not letter.islower():
            indices.append(place)
        place += 1
    return tuple(indices)
