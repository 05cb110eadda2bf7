"""From what the user gives to checked queries: quick, and everything is checked before anything runs."""

from af2cpu.query.alignments import given_alignments, read_given
from af2cpu.query.folder import query_of_features
from af2cpu.query.limits import check_memory
from af2cpu.query.names import check_unique
from af2cpu.query.pairs import read_pairs
from af2cpu.query.read import QueryInput, read_inputs

__all__ = [
    "QueryInput",
    "check_memory",
    "check_unique",
    "given_alignments",
    "query_of_features",
    "read_given",
    "read_inputs",
    "read_pairs",
]
