# SPDX-License-Identifier: Apache-2.0
"""The pages, from the files of a results folder.

report.html of a target, index.html and the summary files of a batch, compare.html of several runs, the page of pairs.
"""

from af2cpu.outputs.report.find import Found, find_targets
from af2cpu.outputs.report.pair_list import note_pairs
from af2cpu.outputs.report.pairs import PAIR_SCORES, PairRow, PairScore
from af2cpu.outputs.report.summary import Summaries
from af2cpu.outputs.report.write import COMPARE, write_comparison, write_index, write_pairs_page, write_report

__all__ = [
    "COMPARE",
    "PAIR_SCORES",
    "Found",
    "PairRow",
    "PairScore",
    "Summaries",
    "find_targets",
    "note_pairs",
    "write_comparison",
    "write_index",
    "write_pairs_page",
    "write_report",
]
