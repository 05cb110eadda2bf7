# SPDX-License-Identifier: Apache-2.0
"""AlphaFold 2's network, one class per algorithm of the supplement (Jumper et al. 2021).

Letters are the paper's: m MSA, z pair, s single, t template representation; axes s sequences, i j k residues, h heads,
c channels. There is no batch axis: the unit is one protein. A layer returns the representation with its update added.
`config`, `cost` and `memory` load without PyTorch, for planning.
"""
