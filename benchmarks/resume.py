"""Kills a run at random moments and lets it end: is all equal to an undisturbed run, and is nothing done twice?

python benchmarks/resume.py [--kills N] [--seed SEED] -- predict INPUT --params demo ... (all but -o)

Each kill (SIGKILL) is of a run of its own. Compared are all files but those that hold times: structures, arrays,
scores, plots, bit for bit. The process of the relaxation is part of it: keep it on one thread, the default.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from machine import ROOT, describe, write_result

sys.path.insert(0, str(ROOT / "tests"))

from kill_cases import contents, done, finish, kill


def one_kill(arguments: list[str], out: Path, after: float) -> dict[str, Any]:
    """A run killed after so many seconds, then the same command to its end."""
    command = [*arguments, "-o", str(out)]
    kill(command, after)
    before = {folder.name: done(folder) for folder in out.glob("*/")}
    seconds = finish(command)
    again = [f"{name}/{n}" for name, files in before.items() for n, t in files.items() if done(out / name)[n] != t]
    return {"killed_after_s": after, "then_s": seconds, "done_before": sum(map(len, before.values())), "twice": again}


def differences(out: Path, reference: Path) -> list[str]:
    """Files that are not the same in both, or in one only."""
    ours = {f"{f.name}/{name}": data for f in out.glob("*/") for name, data in contents(f).items()}
    theirs = {f"{f.name}/{name}": data for f in reference.glob("*/") for name, data in contents(f).items()}
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("arguments", nargs="+", help="the command, after --")
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        duration = finish([*options.arguments, "-o", str(folder / "undisturbed")])
        rows = []
        for k in range(options.kills):
            out = folder / f"killed_{k}"
            row = one_kill(options.arguments, out, moments.uniform(0.05, 0.98) * duration)
            rows.append(row | {"different": differences(out, folder / "undisturbed")})
            print(rows[-1], flush=True)
        files = len(list((folder / "undisturbed").rglob("*")))
    record = {"machine": describe("torch", "openmm", "numpy"), "command": options.arguments, "seed": options.seed}
    write_result("resume", record | {"undisturbed_s": duration, "files": files, "kills": rows})
    if any(row["different"] or row["twice"] for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
