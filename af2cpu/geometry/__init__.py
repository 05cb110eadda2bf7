# SPDX-License-Identifier: Apache-2.0
"""Rigid transforms, torsion angles and distances. Lengths keep the unit of what is put in."""
