# SPDX-License-Identifier: Apache-2.0
"""What `af2cpu predict` does, from Python."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from af2cpu import events
from af2cpu.errors import InputError
from af2cpu.events import Event
from af2cpu.pipeline.graph import build_graph
from af2cpu.pipeline.run import Outcome, run
from af2cpu.plan.plan import plan_run
from af2cpu.schedule.choose import runner_for
from af2cpu.settings import load_settings

_log = logging.getLogger("af2cpu")


def predict(
    inputs: str | Path | Iterable[str | Path], out: str | Path, *, pairs: bool = False, **settings: Any
) -> list[Outcome]:
    """Predict structures: what `af2cpu predict` does, with the same files in `out`, and its lines in the log "af2cpu".

    Args:
      inputs: FASTA, a3m, Stockholm, CSV files or folders, plain or .gz.
      out: folder for the results, one folder in it per target.
      pairs: the targets are complexes of every two sequences of one file, or of each of the first file with each of the
        second, as `--pairs` of the command.
      settings: the settings of docs/settings.md by their names, such as models=["model_1_ptm"], params="params",
        data_dir="/data", recycles=3 (numa_node is the commands' own). A list of one may be given as the one:
        models="demo". Those not given come from AF2CPU_* variables.
        Worker processes are started only if workers says how many, from a script with `if __name__ == "__main__":`.

    Returns:
      An Outcome per target, in the order of the inputs, with `error` (None if all went well), `ranking`, `run` (the
      content of run.json), and `prediction(rank)`, a Prediction with lengths in angstrom and pLDDT 0-100.

    Raises:
      af2cpu.errors.InputError: bad input, setting, parameters or database; nothing has been started then.
    """
    paths = [inputs] if isinstance(inputs, (str, Path)) else list(inputs)
    read = load_settings(settings, keywords=True)
    if read.numa_node is not None:
        raise InputError("numa_node: this process has threads already; give --numa-node to the command, or use numactl")
    plan = plan_run([Path(path) for path in paths], Path(out), read, pairs=pairs)
    for warning, names in plan.warnings().items():
        _log.warning("%s: %s", ", ".join(names), warning)
    graph = build_graph(plan)
    with events.listening(_to_log):
        return run(plan, graph, runner_for(plan, graph, auto=False))


def _to_log(event: Event) -> None:
    if event.kind not in events.COUNTED:
        level = logging.WARNING if event.kind == "warning" else logging.INFO
        _log.log(level, "%s", f"{event.target}: {event.text}" if event.target else event.text)
