# SPDX-License-Identifier: Apache-2.0
"""Template search: AlphaFold-Multimer's hmmbuild and hmmsearch of the UniRef90 alignment against PDB sequences.

Equals `hmmbuild --hand --amino` and `hmmsearch --F1 0.1 --F2 0.1 --F3 0.1 -E 100 --incE 100 --domE 100 --incdomE 100`
to the byte but for the `#=GF AU` line.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyhmmer.easel import MSAFile
from pyhmmer.plan7 import HMM, Background, HMMFile, OptimizedProfile, TopHits

from af2cpu.errors import InputError
from af2cpu.formats.streams import atomic_write, lines, name_of, open_bytes
from af2cpu.search.databases import HITS, Database, Way
from af2cpu.search.engine import Task, search
from af2cpu.search.index import Index
from af2cpu.search.msa import AUTHOR
from af2cpu.search.profiles import alignment_profile
from af2cpu.search.reading import ALPHABET
from af2cpu.search.stockholm_text import distinct_rows, escaped_names, read_rows, utf8_lines, write_rows
from af2cpu.search.thresholds import HMMSEARCH

_PROFILE_NAME = "query"  # hmmbuild names the profile after AlphaFold's temporary file query.msa


@dataclass(frozen=True)
class TemplateResult:
    """The template hits of one profile, on disk."""

    path: Path
    way: Way
    passed: int  # targets that HMMER's pipeline has seen


def search_templates(
    alignments: Sequence[Path],
    folders: Sequence[Path],
    database: Database,
    index: Index,
    threads: int,
) -> list[TemplateResult]:
    """Searches PDB sequences with the profiles of UniRef90 alignments (as cut by AlphaFold), all in one pass.

    Writes pdb_hits.sto into each folder (empty if nothing is found).
    """
    profiles = [_searchable(profile_of(path)) for path in alignments]
    (found,) = search([Task(database.name, database.path, index, profiles, HMMSEARCH)], threads)
    results = []
    for folder, hits, passed in zip(folders, found.hits, found.passed, strict=True):
        results.append(TemplateResult(folder / HITS, found.way, passed))
        _write(hits, results[-1].path)
    return results


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
