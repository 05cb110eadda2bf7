"""From records to files: structures, scores, arrays, plots, in AlphaFold 2's layout or ColabFold's."""

from af2cpu.outputs.arrays import read_result
from af2cpu.outputs.layout import LAYOUTS, AlphaFoldLayout, ColabFoldLayout, Layout
from af2cpu.outputs.write import (
    Written,
    write_done,
    write_features_of,
    write_plots,
    write_prediction,
    write_ranking,
    write_relaxed,
    write_run,
    write_timings,
)

__all__ = [
    "LAYOUTS",
    "AlphaFoldLayout",
    "ColabFoldLayout",
    "Layout",
    "Written",
    "read_result",
    "write_done",
    "write_features_of",
    "write_plots",
    "write_prediction",
    "write_ranking",
    "write_relaxed",
    "write_run",
    "write_timings",
]
