# SPDX-License-Identifier: Apache-2.0
"""Homologs and templates: AlphaFold 2's jackhmmer and hmmsearch runs, by pyhmmer, in shards on all cores."""
