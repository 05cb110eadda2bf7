"""Amino acids: their letters, atoms, torsion angles and ideal geometry."""
