"""Parameters: DeepMind's files as they are, or synthetic ones in the same form."""

from af2cpu.weights.load import load_parameters, read_parameters
from af2cpu.weights.source import caution, find_parameters, fingerprint
from af2cpu.weights.synthetic import synthetic_parameters

__all__ = [
    "caution",
    "find_parameters",
    "fingerprint",
    "load_parameters",
    "read_parameters",
    "synthetic_parameters",
]
