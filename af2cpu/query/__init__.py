"""From what the user gives to checked queries: quick, and everything is checked before anything runs."""

from af2cpu.query.alignments import given_alignments, read_given
from af2cpu.query.limits import check_memory
from af2cpu.query.read import QueryInput, read_inputs

__all__ = ["QueryInput", "check_memory", "given_alignments", "read_given", "read_inputs"]
