# SPDX-License-Identifier: Apache-2.0
"""Comparison with the JAX reference, on the same parameters and the same features. The only part that imports JAX."""
