# SPDX-License-Identifier: Apache-2.0
"""The operations that the network spends its time in: one file each, as an einsum with the paper's letters.

Every operation that updates a representation returns it with the update added (`x + f(x)`); without gradients it does
so in place, slice by slice, so that intermediates stay under a budget (see `slicing`). Axes: s sequences, i j k
residues, h heads, c d e channels. Weights come as named tuples of tensors in the layout of DeepMind's parameter files.
"""
