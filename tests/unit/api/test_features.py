# SPDX-License-Identifier: Apache-2.0
"""Features from an alignment in memory are those of the same alignment in a file."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prediction_cases import prediction

import af2cpu
from af2cpu.features.complex import merge_chains
from af2cpu.features.own_template import own_templates
from af2cpu.features.raw import make_features
from af2cpu.formats.a3m import read_joined
from af2cpu.outputs.atoms import predicted_atoms
from af2cpu.outputs.structure import pdb_text
from af2cpu.records import Chains, Features, Query

SEQUENCE, OTHER = "MKVLATTWYGGHHAAKLMDE", "GSSTPLVWRKAEDFNMQYGG"
ROWS = [SEQUENCE, "MKV-ATTFYGGHHAAKLMDE", "MKVggLATTWYGGHHAAK----", SEQUENCE, "MKVLATTWYGGHHAAKLMBE"]


def _of_file(sequence: str, rows: list[str], files: tuple[Path, ...] = (), name: str = "query") -> Features:
    text = "".join(f">{k}\n{row}\n" for k, row in enumerate(rows))
    (alignment,) = read_joined(io.BytesIO(text.encode())).own
    query = Query(name, sequence, name, "test")
    return make_features(query, [alignment], own_templates(query, files))


def _assert_equal(one: Features, other: Features) -> None:
    for field in fields(Features):
        mine, its = getattr(one, field.name), getattr(other, field.name)
        assert np.array_equal(mine, its), field.name
        assert mine.dtype == its.dtype, field.name


@pytest.fixture
def structures(tmp_path: Path) -> dict[str, Path]:
    """A structure file of each sequence."""
    found = {}
    for k, sequence in enumerate((SEQUENCE, OTHER)):
        found[sequence] = tmp_path / f"template{k}.pdb"
        found[sequence].write_text(pdb_text(predicted_atoms(prediction(sequence, seed=k))))
    return found


def test_as_from_a_file(structures: dict[str, Path]) -> None:
    files = tuple(structures.values())[:1]
    made = af2cpu.features_from_msa(SEQUENCE, ROWS, templates=files[0], name="mine")
    assert (made.n_seq, made.n_templ) == (4, 1)  # one row repeats the first, one differs by a letter
    _assert_equal(made, _of_file(SEQUENCE, ROWS, files, "mine"))
    _assert_equal(made, af2cpu.features_from_msa(SEQUENCE, ROWS, templates=[str(files[0])], name="mine"))


def test_the_sequence_alone() -> None:
    _assert_equal(af2cpu.features_from_msa(f" {SEQUENCE.lower()}\n", [SEQUENCE]), _of_file(SEQUENCE, [SEQUENCE]))


def test_rows_of_a_complex_are_taken_as_they_are(structures: dict[str, Path]) -> None:
    """Paired, of one chain alone, and in an array; templates go to the chains that they resemble."""
    rows = [SEQUENCE + OTHER, f"MKV-ATTFYGGHHAAKLMDE:{OTHER}", "-" * 20 + OTHER]
    made = af2cpu.features_from_msa(f"{SEQUENCE}:{OTHER}", rows, templates=list(structures.values()))
    assert made.n_seq == 3
    array = np.array([list(row.replace(":", "")) for row in rows])
    _assert_equal(made, af2cpu.features_from_msa(f"{SEQUENCE}:{OTHER}", array, templates=[*structures.values()]))
    expected = vars(Chains.of([SEQUENCE, OTHER]))
    assert all(np.array_equal(getattr(made, name), value) for name, value in expected.items())
    assert (made.msa[2, :20] == 21).all()
    assert (made.msa[2, 20:] == made.msa[0, 20:]).all()
    assert made.residue_index.tolist() == [*range(20), *range(20)]
    assert bytes(made.template_sequence[0]).decode() == SEQUENCE + OTHER


def test_rows_by_chain_are_those_of_the_merge(structures: dict[str, Path]) -> None:
    """Copies share the rows of a chain; a chain without has itself."""
    sequence = f"{SEQUENCE}:{OTHER}:{SEQUENCE}"
    made = af2cpu.features_from_msa(sequence, {"C": ROWS}, templates={"B": structures[OTHER]})
    a, b = _of_file(SEQUENCE, ROWS), _of_file(OTHER, [OTHER], (structures[OTHER],))
    _assert_equal(made, merge_chains([a, b, a]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((7, [SEQUENCE]), "sequence: a int where a string is expected"),
        (("MK1", ["MK1"]), "sequence, position 3: '1' is no amino acid"),
        (("", [""]), "sequence: the sequence is empty"),
        (("MK-V", ["MK-V"]), "sequence, position 3: '-' is no amino acid; gaps belong to alignments"),
        ((f"{SEQUENCE}:", [SEQUENCE]), "sequence, chain 2: the sequence is empty"),
        ((SEQUENCE, ROWS[1:]), "rows, row 1: is not the sequence"),
        ((f"{SEQUENCE}:{OTHER}", [SEQUENCE]), "rows, row 1: 20 columns where the sequence has 40 residues"),
        ((f"{SEQUENCE}:{OTHER}", {"X": [SEQUENCE]}), "rows: there is no chain 'X'; the chains are A, B"),
        ((f"{SEQUENCE}:{OTHER}", {"B": [SEQUENCE]}), "rows of chain B, row 1: is not the sequence"),
        (
            (f"{SEQUENCE}:{SEQUENCE}", {"A": [SEQUENCE], "B": [SEQUENCE]}),
            "rows: chain B is a copy of chain A, and copies share",
        ),
    ],
)
def test_refused(arguments: tuple[Any, Any], message: str) -> None:
    with pytest.raises(af2cpu.InputError, match=message):
        af2cpu.features_from_msa(*arguments)


def test_templates_that_fit_nothing(tmp_path: Path) -> None:
    stranger, broken = tmp_path / "stranger.pdb", tmp_path / "broken.pdb"
    stranger.write_text(pdb_text(predicted_atoms(prediction("WWWWWWWWCCCCCCCC"))))
    broken.write_text("no structure\n")
    both = f"{SEQUENCE}:{OTHER}"
    with pytest.raises(af2cpu.InputError, match=r"stranger.pdb: resembles no chain closely enough.*templates=\{'A': "):
        af2cpu.features_from_msa(both, [both], templates=stranger)
    with pytest.raises(af2cpu.InputError, match=r"broken\.pdb"):
        af2cpu.features_from_msa(SEQUENCE, [SEQUENCE], templates=broken)
    with pytest.raises(af2cpu.InputError, match="templates: there is no chain 'C'"):
        af2cpu.features_from_msa(both, [both], templates={"C": stranger})


def test_no_pytorch() -> None:
    """Neither for the package nor for features: it takes a second or two to import."""
    code = (
        "import sys, af2cpu; dir(af2cpu); af2cpu.features_from_msa('MKV', ['MKV']); af2cpu.Prediction; af2cpu.Outcome; "
        "print([name for name in sys.modules if name.split('.')[0] in ('torch', 'openmm', 'jax')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
