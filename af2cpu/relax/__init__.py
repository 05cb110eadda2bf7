# SPDX-License-Identifier: Apache-2.0
"""Relaxation in a molecular force field, AlphaFold 2's protocol (supplement 1.8.6). OpenMM loads when it is used."""
