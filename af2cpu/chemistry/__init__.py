# SPDX-License-Identifier: Apache-2.0
"""Amino acids: their letters, atoms, torsion angles and ideal geometry."""
