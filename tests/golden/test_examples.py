# SPDX-License-Identifier: Apache-2.0
"""The scripts and the notebook of examples/, and the code on the pages about Python: all of it runs as it is."""

from __future__ import annotations

import csv
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import gemmi
import nbclient
import nbformat
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _environment() -> dict[str, str]:
    """The package of this checkout, no window for plots."""
    return os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg", "OMP_WAIT_POLICY": "passive"}


def _python(folder: Path, *arguments: object) -> str:
    """What a script prints, run in a folder of its own."""
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_own_msa(tmp_path: Path) -> None:
    printed = _python(tmp_path, EXAMPLES / "own_msa.py")
    assert re.search(r"<Prediction demo_pred_0: 20 residues, pLDDT [89]\d\.\d, pTM 0\.\d\d>", printed)
    written = {path.name for path in (tmp_path / "out/own_msa").iterdir()}
    assert all(name in printed for name in written)
    structure = gemmi.read_pdb(str(tmp_path / "out/own_msa/unrelaxed_demo_pred_0.pdb"))
    assert gemmi.one_letter_code([residue.name for residue in structure[0]["A"]]) == "NLYIQWLKDGGPSSGRPPPS"


def test_compare_models(tmp_path: Path) -> None:
    header, *lines = _python(tmp_path, EXAMPLES / "compare_models.py").splitlines()
    assert header.startswith("prediction")
    rows = [line.split() for line in lines]
    assert [row[0] for row in rows] == [f"demo_pred_{seed}" for seed in range(5)]
    scores = np.array([row[2:] for row in rows], float)
    assert scores.shape == (5, 5)
    np.testing.assert_array_equal(np.diag(scores), 1)
    np.testing.assert_allclose(scores, scores.T, atol=0.02)
    assert (scores > 0.5).all()  # the demo network knows the protein


def test_seeds(tmp_path: Path) -> None:
    printed = _python(tmp_path, EXAMPLES / "seeds.py")
    with (tmp_path / "out/seeds/seeds.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert sorted(int(row["seed"]) for row in rows) == list(range(10))
    assert len({row["plddt"] for row in rows}) > 5  # seeds differ
    assert float(rows[0]["rmsd_to_best"]) == 0
    assert all(0 < float(row["rmsd_to_best"]) < 3 for row in rows[1:])
    assert "rmsd_to_best" in printed


def test_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = nbformat.read(EXAMPLES / "own_msa.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # as it is kept
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [output for output in outputs if "image/png" in output.get("data", {})]  # pLDDT and PAE
    texts = "".join(output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in outputs)
    assert texts.count("TM-score") == 5
    viewed = any("3dmol" in output.get("data", {}).get("text/html", "").lower() for output in outputs)
    assert viewed if importlib.util.find_spec("py3Dmol") else "py3Dmol is not installed" in texts
    assert len(list((tmp_path / "out/notebook").iterdir())) == 5


@pytest.mark.parametrize("page", ["docs/python.md", "README.md"])
def test_code_on_pages(page: str, tmp_path: Path) -> None:
    """The blocks of a page one after the other, as a reader would type them beside the repository's examples."""
    blocks = _BLOCK.findall((ROOT / page).read_text())
    assert blocks
    (tmp_path / "examples").symlink_to(EXAMPLES)
    (tmp_path / "page.py").write_text("\n".join(blocks))
    _python(tmp_path, "page.py")
    assert list(tmp_path.rglob("unrelaxed_demo_pred_0.pdb"))
