# SPDX-License-Identifier: Apache-2.0
"""Installs the oldest versions that pyproject.toml claims into build/oldest, and runs a short part of the tests there.

    python scripts/checks/oldest.py [--list]

The other end of the ranges is what tests/constraints.txt pins and `make test` runs.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
VENV = ROOT / "build" / "oldest"
TOOLS = ("pytest", "hypothesis", "jaxtyping", "beartype", "typing_extensions")
# Each package of the list is used by one of these.
TESTS = (
    "tests/unit/formats",
    "tests/unit/query",
    "tests/unit/weights/test_load.py",
    "tests/unit/download",
    "tests/unit/model/test_predict.py",
    "tests/unit/outputs/test_write.py",
    "tests/unit/outputs/test_plots.py",
    "tests/unit/outputs/test_report.py",
    "tests/unit/relax/test_rounds.py",
    "tests/unit/search/test_msv.py",
    "tests/unit/search/test_templates.py",
    "tests/unit/schedule/test_local_cluster.py",
    "tests/unit/settings",
    "tests/golden/test_determinism.py",
)
# Old versions of PyTorch load sympy at once, which costs time and nothing else.
NOT = "tests/unit/weights/test_load.py::test_loading_a_network_leaves_out_what_only_compiling_needs"


def oldest() -> dict[str, str]:
    """Lowest version of each dependency. Raises ValueError for a dependency without one."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = {}
    for line in project["dependencies"]:
        match = re.fullmatch(r"([A-Za-z0-9_.-]+)>=([0-9.]+)", line)
        if match is None:
            raise ValueError(f"{line}: has no lowest version")
        found[match[1]] = match[2]
    return found


def install() -> None:
    """Makes the environment anew."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
    pip = [VENV / "bin" / "python", "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, *(f"{name}=={version}" for name, version in oldest().items()), *TOOLS], check=True)
    kernels = VENV / "kernels"
    subprocess.run([*pip, "--no-deps", "--editable", ROOT, "--config-settings", f"build-dir={kernels}"], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the versions, and run nothing")
    if parser.parse_args().list:
        print("\n".join(f"{name}=={version}" for name, version in oldest().items()))
        return 0
    install()
    # Warnings are errors in the normal run alone: old versions warn of what new ones have mended.
    command = [VENV / "bin" / "python", "-m", "pytest", "-q", "-W", "default", "--deselect", NOT, *TESTS]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
