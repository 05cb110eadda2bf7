# SPDX-License-Identifier: Apache-2.0
"""From a query, its alignments and its templates to the network's input (supplement 1.2)."""
