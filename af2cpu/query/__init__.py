# SPDX-License-Identifier: Apache-2.0
"""From what the user gives to checked queries: quick, and everything is checked before anything runs."""

from af2cpu.query.alignments import (
    af2_folders,
    first_sequences,
    given_alignments,
    is_of,
    read_given,
    read_paired,
)
from af2cpu.query.folder import query_of_features
from af2cpu.query.limits import check_memory
from af2cpu.query.names import check_unique
from af2cpu.query.pairs import read_pairs
from af2cpu.query.read import QueryInput, read_inputs

__all__ = [
    "QueryInput",
    "af2_folders",
    "check_memory",
    "check_unique",
    "first_sequences",
    "given_alignments",
    "is_of",
    "query_of_features",
    "read_given",
    "read_inputs",
    "read_paired",
    "read_pairs",
]
