# SPDX-License-Identifier: Apache-2.0
"""af2cpu as a program with worker processes: small inputs, faults in the workers, what the runs leave."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import psutil
from kill_cases import contents

from af2cpu.workspace.receipts import receipt_path

PEPTIDE = "MKTAYIAKQRQ"
FIXED = ("--models", "tiny", "--params", "synthetic:0", "--precision", "fp32", "--recycles", "0", "--relax", "none")


class Program:
    """af2cpu as a process, its output in a file of `folder`."""

    def __init__(
        self,
        folder: Path,
        *arguments: object,
        faults: Sequence[Sequence[Any]] = (),
        prefix: Sequence[str] = (),
        cwd: Path | None = None,
        before: str = "",
    ) -> None:
        """faults: of its processes, as in worker_faults.py; their files are in `folder`.

        prefix: words before the command, such as those that enter a namespace. before: Python that runs first.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._output = folder / f"output-{time.monotonic_ns()}"
        environment = os.environ | {"COLUMNS": "200", "OMP_WAIT_POLICY": "passive"}
        if faults:
            environment |= {
                "WORKER_FAULTS": json.dumps(faults),
                "WORKER_FAULTS_FOLDER": str(folder),
                "DASK_DISTRIBUTED__WORKER__PRELOAD": str(Path(__file__).parent / "worker_faults.py"),
            }
        code = f"{before}\nimport sys; sys.path.append({str(Path(__file__).parent)!r})\n"
        code += "import worker_faults\n" * bool(faults) + "from af2cpu.__main__ import main; main()"
        command = [*prefix, sys.executable, "-c", code, *map(str, arguments)]
        with self._output.open("wb") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment, cwd=cwd)

    @property
    def output(self) -> str:
        return self._output.read_text(errors="replace")

    def until(self, condition: Callable[[], bool], seconds: float = 120.0) -> None:
        """Waits for something to happen while the program runs."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, self.output
            assert self.process.poll() is None, self.output
            time.sleep(0.05)

    def until_said(self, text: str) -> None:
        self.until(lambda: text in self.output)

    def end(self, code: int = 0, seconds: float = 180.0) -> str:
        """Waits for its end; its output."""
        try:
            assert self.process.wait(seconds) == code, self.output
        except subprocess.TimeoutExpired:
            raise AssertionError(self.output) from None
        finally:
            self.process.kill()
        return self.output

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


def all_gone(processes: Sequence[psutil.Process]) -> bool:
    """Whether processes have ended; they get half a minute on a busy machine."""
    _, alive = psutil.wait_procs(processes, timeout=30)
    return not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def inputs(folder: Path, *names: str) -> Path:
    """An alignment for each name, so that nothing is searched."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        sequence = PEPTIDE + "ACDEFGHIKL"[number]
        (folder / f"{name}.a3m").write_text(f">{name}\n{sequence}\n>relative\n{sequence[:4]}V{sequence[5:]}\n")
    return folder


def predict(source: Path, out: Path | str, *more: object) -> tuple[object, ...]:
    return ("predict", source, "-o", out, *FIXED, *more)


def features(source: Path, out: Path | str, *more: object) -> tuple[object, ...]:
    """A command that needs no PyTorch: its workers start in half the time."""
    return ("search", source, "-o", out, "--features-only", *more)


def files(out: Path) -> dict[str, bytes]:
    """All that is made of the targets but times; the settings without the number of threads, which is per worker."""
    found = {name: content for name, content in contents(out).items() if "/" in name}
    for name in [name for name in found if name.endswith("run.json")]:
        record = orjson.loads(found[name])
        del record["settings"]["threads"]
        found[name] = orjson.dumps(record)
    return found


def differing(out: Path, expected: dict[str, bytes]) -> list[str]:
    """The files that are missing or not as expected."""
    found = files(out)
    return [name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)]


def complete(out: Path, pattern: str) -> list[Path]:
    """Artefacts with their receipts; without one an artefact is still in the works."""
    return [path for path in out.rglob(pattern) if receipt_path(path).is_file()]
