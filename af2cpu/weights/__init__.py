"""Parameters: DeepMind's files as they are, or synthetic ones in the same form."""

from af2cpu.weights.load import load_parameters, read_parameters
from af2cpu.weights.source import find_parameters, fingerprint, is_synthetic
from af2cpu.weights.synthetic import synthetic_parameters

__all__ = [
    "find_parameters",
    "fingerprint",
    "is_synthetic",
    "load_parameters",
    "read_parameters",
    "synthetic_parameters",
]
