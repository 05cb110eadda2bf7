# SPDX-License-Identifier: Apache-2.0
"""Tries an installed af2cpu: where it is, its kernels, one OpenMP runtime, the demo's prediction.

    python try.py SOURCE trp_cage.fasta

SOURCE is the checkout that it must not be imported from. Run by make.sh in an empty environment; exit code 1 and a line
on the first thing that is wrong.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

OPENMP = ("libgomp", "libiomp", "libomp")
BOTH_ORDERS = (
    "import torch; from af2cpu.ops.isa import kernels; kernels()",
    "from af2cpu.ops.isa import kernels; kernels(); import torch",
)
# The sums run in parallel regions of both, so that a library that is loaded on first use is loaded too.
USE_BOTH = "; import af2cpu.ops.isa as isa; isa.rate('fp32'); torch.ones(4096, 4096).sum(); "
PRINT_MAPS = "print(open('/proc/self/maps').read())"


def openmp_runtimes(maps: str) -> set[str]:
    """Files of OpenMP runtimes among the mapped files of a process, given as the text of /proc/PID/maps."""
    files = {line.split(maxsplit=5)[5] for line in maps.splitlines() if line.count("/")}
    return {str(Path(file).resolve()) for file in files if Path(file).name.startswith(OPENMP)}


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def check_place(source: Path) -> None:
    """The package is the installed one, with its kernels."""
    where = Path(python("import af2cpu; print(af2cpu.__file__)"))
    if source in where.parents and "site-packages" not in where.parts:
        raise SystemExit(f"af2cpu is imported from the checkout: {where}")
    if python("from af2cpu.ops.isa import built; print(built())") != "True":
        raise SystemExit("the package was built without its kernels: is a C++ compiler installed?")


def check_openmp() -> None:
    """PyTorch and the kernels share one OpenMP runtime, whichever is loaded first."""
    for order in BOTH_ORDERS:
        found = openmp_runtimes(python(order + USE_BOTH + PRINT_MAPS))
        if len(found) != 1:
            raise SystemExit(f"{len(found)} OpenMP runtimes in one process ({order}): {', '.join(sorted(found))}")
        print(f"one OpenMP runtime: {found.pop()}")


def check_demo(fasta: Path) -> None:
    """The Trp-cage is predicted by the kernels, from its sequence to its report."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(sys.executable).with_name("af2cpu")
        settings = "--params demo --db demo --engine native".split()
        subprocess.run([program, "predict", fasta, *settings, "-o", folder], check=True)
        for name in ("report.html", "ranked_0.pdb", "ranked_0.cif"):
            if not (Path(folder) / fasta.stem / name).is_file():
                raise SystemExit(f"the demo's prediction has no {name}")


def main() -> None:
    source, fasta = (Path(argument).resolve() for argument in sys.argv[1:])
    check_place(source)
    check_openmp()
    check_demo(fasta)
    print(python("import af2cpu; print('af2cpu', af2cpu.__version__, 'predicts the demo from', af2cpu.__file__)"))


if __name__ == "__main__":
    main()
