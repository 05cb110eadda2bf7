"""report.html of a target, index.html and the summary files of a batch, from the files of a results folder."""

from af2cpu.outputs.report.find import Found, find_targets
from af2cpu.outputs.report.summary import Summaries
from af2cpu.outputs.report.write import write_index, write_report

__all__ = ["Found", "Summaries", "find_targets", "write_index", "write_report"]
