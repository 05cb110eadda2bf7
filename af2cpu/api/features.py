# SPDX-License-Identifier: Apache-2.0
"""The network's raw features from an alignment in memory."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from af2cpu.errors import InputError
from af2cpu.features.complex import merge_chains
from af2cpu.features.msa import msa_features
from af2cpu.features.own_rows import Rows, alignment_of_rows
from af2cpu.features.own_template import own_templates, read_template, resembles
from af2cpu.features.raw import make_features
from af2cpu.query.letters import checked_sequences
from af2cpu.records import CHAIN_BREAK, Features, Query

_G = TypeVar("_G")
_log = logging.getLogger("af2cpu")

Files = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def features_from_msa(
    sequence: str,
    rows: Rows | str | Mapping[str, Rows | str],
    *,
    templates: Files | Mapping[str, Files] = (),
    name: str = "query",
) -> Features:
    """AlphaFold 2's raw features from an alignment of your own. Nothing is searched; needs no PyTorch.

    Args:
      sequence: n_res residues in one-letter codes; unusual ones (B, J, O, U, X, Z) are unknown to the network. The
        chains of a complex are joined by ':'.
      rows: n_seq aligned rows, the first one the sequence itself; [sequence] for the sequence alone. One of

        - strings of n_res columns, '-' for gaps; lower-case letters are insertions, as in a3m;
        - an array of letters [n_seq, n_res], upper case, '-' for gaps;
        - an array of whole numbers [n_seq, n_res]: 0 to 19 residues in the order ARNDCQEGHILKMFPSTWYV, 20 X, 21 a gap;
          or the letters' ASCII codes.

        Rows of a complex have the columns of all its chains side by side (in strings ':' may be between them): the
        network sees them as they are, and a row with gaps in a chain says nothing of it. Or a dictionary of rows by
        chain, A, B, ... in the order of the sequence: these are not paired, serve copies of the chain too, and chains
        that are not named have no relatives.
      templates: structure files (mmCIF or PDB, also .gz), the best first: the chain that shares most residues with the
        sequence is aligned to it. The network takes the first four. In a complex each file serves the chains that it
        resembles, or give a dictionary of files by chain.
      name: of the protein, for structure files.

    Returns:
      Features. Rows that repeat another one letter by letter are left out; `Features.n_seq` counts those that stay.

    Raises:
      af2cpu.errors.InputError: a letter, number, shape, first row, chain or file that can't be used; the message names
        row and column from 1.
    """
    if not isinstance(sequence, str):
        raise InputError(f"sequence: a {type(sequence).__name__} where a string is expected")
    checked, notes = checked_sequences("".join(sequence.split()).encode(), "sequence")
    query = Query(name, checked, name, "sequence")
    rows_of = _by_chain(query, rows, "rows") if isinstance(rows, Mapping) else {}
    files_of = _template_files(query, templates)
    own: dict[str, Features] = {}  # by sequence
    for chain in query.chains:
        if chain.sequence not in own:
            one = replace(query, sequence=chain.sequence)
            place = f"rows of chain {chain.id}"
            alignment = alignment_of_rows(chain.sequence, rows_of.get(chain.sequence, chain.sequence), place)
            found = own_templates(one, files_of.get(chain.sequence, []))
            notes += found.notes
            own[chain.sequence] = make_features(one, [alignment], found)
    for note in notes:
        _log.info("%s", note)
    features = merge_chains([own[chain.sequence] for chain in query.chains])
    return features if isinstance(rows, Mapping) else _with_rows(features, query, rows)


def _with_rows(features: Features, query: Query, rows: Rows | str) -> Features:
    """The features with these rows over all chains as their MSA."""
    letters = query.sequence.replace(CHAIN_BREAK, "")
    alignment = alignment_of_rows(query.sequence, rows)
    return replace(features, **msa_features(letters, [alignment]))


def _by_chain(query: Query, given: Mapping[str, _G], what: str) -> dict[str, _G]:
    """What was given for the chains, by sequence: copies share it."""
    chains = {chain.id: chain.sequence for chain in query.chains}
    found: dict[str, _G] = {}
    owner: dict[str, str] = {}
    for letter, value in given.items():
        if letter not in chains:
            raise InputError(f"{what}: there is no chain {letter!r}; the chains are {', '.join(chains)}")
        if chains[letter] in found:
            raise InputError(
                f"{what}: chain {letter} is a copy of chain {owner[chains[letter]]}, and copies share what is given; "
                "give it for one of them"
            )
        found[chains[letter]], owner[chains[letter]] = value, letter
    return found


def _template_files(query: Query, given: Files | Mapping[str, Files]) -> dict[str, list[Path]]:
    """Structure files by sequence. Raises InputError for a file that resembles no chain of a complex."""
    if isinstance(given, Mapping):
        return {sequence: _paths(files) for sequence, files in _by_chain(query, given, "templates").items()}
    files, sequences = _paths(given), list(dict.fromkeys(chain.sequence for chain in query.chains))
    if len(sequences) == 1:
        return {sequences[0]: files}
    found: dict[str, list[Path]] = {}
    for path in files:
        structure = read_template(path)
        served = [one for one in sequences if resembles(replace(query, sequence=one), structure)]
        if not served:
            raise InputError(
                f"{path}: resembles no chain closely enough to tell which one it is for; name the chain: "
                f"templates={{{query.chains[0].id!r}: {str(path)!r}}}"
            )
        for one in served:
            found.setdefault(one, []).append(path)
    return found


def _paths(files: Files) -> list[Path]:
    return [Path(files)] if isinstance(files, str | os.PathLike) else [Path(path) for path in files]
