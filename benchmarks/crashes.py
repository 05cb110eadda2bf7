# SPDX-License-Identifier: Apache-2.0
"""Kills runs (SIGKILL) and lets the same command end what they began: is all equal to an undisturbed run, is work lost?

    python benchmarks/crashes.py [--moments 50] [--cases protein complex batch] [--seed 0] [--no-boundaries]

Cases: a protein, a complex of two chains, and a batch on two workers, all with the demo's parameters and databases.
Moments: before and after each stage, while the program loads, and random ones (`--moments`, shared by the cases). In
the batch those in stages kill a worker, the random ones in turn the run with its scheduler, a worker, a scheduler of
its own, and `af2cpu worker` on a host of its own. Compared are all files of the targets, bit for bit, but for the times
in them (tests/kill_cases.py lists these). Lost is an artefact that was complete before the kill and was made again.
Each moment joins the record at once.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from host_cases import Cluster, Network  # noqa: E402
from kill_cases import done  # noqa: E402
from machine import merge_rows  # noqa: E402
from program_cases import Program, differing, files  # noqa: E402
from worker_faults import AT_END  # noqa: E402

from af2cpu.pipeline.stages import STAGES  # noqa: E402

PROTEINS = {"trp": "NLYIQWLKDGGPSSGRPPPS", "gb": "GEWTYDDATKTFTVTE"}
CASES = {
    "protein": f">trp\n{PROTEINS['trp']}\n",
    "complex": f">pair\n{PROTEINS['trp']}:{PROTEINS['gb']}\n",
    "batch": "".join(f">{name}\n{sequence}\n" for name, sequence in PROTEINS.items()),
}
LIMIT = 900.0  # seconds for a run


@dataclass(frozen=True)
class Moment:
    """When a run is killed, and which process of it."""

    kind: str  # before a stage, after a stage, loading, random
    process: str  # run, worker, scheduler, af2cpu worker
    stage: str = ""
    after_s: float = 0.0
    number: int = 0  # of the random moment

    @property
    def faults(self) -> list[list[Any]]:
        """As in tests/worker_faults.py."""
        what = "kill" if self.kind == "before a stage" else AT_END
        return [[self.stage, "*", what, 1]] if self.stage else []


class Case:
    """A command in a folder, and what it makes if nobody disturbs it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        folder.mkdir()
        self.fasta = folder / "in.fasta"
        self.fasta.write_text(CASES[name])
        began = time.monotonic()
        program = Program(folder / "log", *self.command(folder / "undisturbed"))
        program.until(lambda: any((folder / "undisturbed").rglob("search.json")) or "msa" in program.output, LIMIT)
        self.loading = time.monotonic() - began
        program.end(0, LIMIT)
        self.duration = time.monotonic() - began
        self.expected = files(folder / "undisturbed")

    def command(self, out: Path, *more: object) -> tuple[object, ...]:
        workers = 2 if self.name == "batch" else 1
        fixed = ("--params", "demo", "--db", "demo", "--threads", workers, "-v")
        return ("predict", self.fasta, "-o", out, *fixed, *(more or ("--workers", workers)))

    def tried(self, moment: Moment, out: Path) -> dict[str, Any] | None:
        """The outcome of a killed run; None if the run never reached that moment."""
        log = out.with_name(f"{out.name}_log")
        began = time.monotonic()
        if not self._killed(moment, out, log):
            return None
        before = done(out) if out.is_dir() else {}
        Program(log, *self.command(out)).end(0, LIMIT)
        lost = [name for name, when in before.items() if done(out).get(name) != when]
        row = {"case": self.name, **vars(moment), "complete_before": len(before), "lost": lost}
        return row | {"different": differing(out, self.expected), "seconds": time.monotonic() - began}

    def _killed(self, moment: Moment, out: Path, log: Path) -> bool:
        """Whether something was killed."""
        if moment.process in {"scheduler", "af2cpu worker"}:
            return self._host_killed(moment, out, log)
        program = Program(log, *self.command(out), faults=moment.faults)
        if moment.stage:
            program.process.wait(LIMIT)
            return (log / "fault-0-0").exists()
        time.sleep(moment.after_s)
        if moment.process == "worker":
            workers = [one for one in program.children() if "multiprocessing" in " ".join(one.cmdline())]
            if not workers:
                program.process.kill()
            for worker in workers[-1:]:
                worker.kill()
        else:
            program.process.kill()
        program.process.wait(LIMIT)
        return True

    def _host_killed(self, moment: Moment, out: Path, log: Path) -> bool:
        """A scheduler, or one of two workers, that runs on a host of its own."""
        log.mkdir()
        network = Network()
        cluster = Cluster(network, log)
        try:
            run = cluster.run(*self.command(out, "--scheduler", cluster.file))
            time.sleep(moment.after_s)
            killed = cluster.scheduler if moment.process == "scheduler" else cluster.workers[-1].process
            killed.kill()
            run.process.wait(LIMIT)
        finally:
            cluster.close()
            network.close()
        return True


def moments(case: Case, options: argparse.Namespace) -> Iterator[Moment]:
    """All moments of a case."""
    rng, batch = random.Random(f"{options.seed} {case.name}"), case.name == "batch"
    if options.boundaries:
        for stage in STAGES:
            yield Moment("before a stage", "worker" if batch else "run", stage)
            yield Moment("after a stage", "worker" if batch else "run", stage)
        for number in range(3):
            yield Moment("loading", "run", after_s=rng.uniform(0.02, 0.95) * case.loading, number=number)
    for number in range(options.moments // len(options.cases)):
        process = ("run", "worker", "scheduler", "af2cpu worker")[number % 4] if batch else "run"
        yield Moment("random", process, after_s=rng.uniform(0.05, 0.98) * case.duration, number=number)


def try_all(folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """The rows of all moments, in random order: a run that ends early has tried some of each kind."""
    end = time.monotonic() + 60 * options.minutes
    cases = {name: Case(name, folder / name) for name in options.cases}
    tries = [(name, moment) for name, case in cases.items() for moment in moments(case, options)]
    random.Random(options.seed).shuffle(tries)
    rows = []
    for number, (name, moment) in enumerate(tries):
        if time.monotonic() > end:
            print(f"{len(tries) - number} of {len(tries)} moments were not tried", flush=True)
            break
        row = cases[name].tried(moment, folder / name / f"killed_{number}")
        if row is not None:
            rows.append(row)
            print(row, flush=True)
            merge_rows("crashes", [row], ("case", "kind", "process", "stage", "number"), "torch", "openmm", "dask")
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=50, help="random ones, in all cases together")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--minutes", type=float, default=1e6, help="no moment begins after that")
    parser.add_argument("--no-boundaries", dest="boundaries", action="store_false", help="random moments alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = try_all(Path(folder), options)
    bad = [row for row in rows if row["different"] or row["lost"]]
    print(f"{len(rows)} kills, {len(rows) - len(bad)} equal and without loss")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
