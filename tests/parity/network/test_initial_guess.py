# SPDX-License-Identifier: Apache-2.0
"""An initial guess against the reference that is given the same positions as those of a pass before the first."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from af2cpu.model.alphafold import _UNKNOWN
from af2cpu.ops import dispatch, isa
from af2cpu.records import InitialGuess, ProcessedFeatures
from af2cpu.validate.compare import output_rows
from af2cpu.validate.reference import run_passes
from af2cpu.validate.synthetic import padded, synthetic_features
from af2cpu.validate.torsions import shared_torsions

N_RES = 19
ENGINES = ["torch", *(["native"] if isa.built() else [])]


def _draws(both: SimpleNamespace, chains: tuple[int, ...], n: int) -> list[ProcessedFeatures]:
    sizes = {"n_seq": 20, "n_extra": 24, "n_templ": 2}
    return [padded(synthetic_features(both.config, chains, seed=k, **sizes), 20, 24, 4) for k in range(n)]


def _guess(known: np.ndarray) -> InitialGuess:
    """Distances of all bins."""
    rng = np.random.default_rng(5)
    trace = np.cumsum(rng.normal(0, 2.2, (N_RES, 1, 3)), axis=0)
    return InitialGuess((trace + rng.normal(0, 1.2, (N_RES, 37, 3))).astype(np.float32), known)


@pytest.mark.parametrize("recycles", [0, 1])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("name", ["tiny", "tiny_multimer"])
def test_network(name: str, whole: bool, recycles: int, request: pytest.FixtureRequest) -> None:
    """Of residues that are not known the reference gets positions so far away that no bin has their distances."""
    both = request.getfixturevalue(name)
    multimer = name == "tiny_multimer"
    draws = _draws(both, (10, 9) if multimer else (N_RES,), recycles + 1)
    guess = _guess(np.ones(N_RES, bool) if whole else np.arange(N_RES) % 5 > 1)
    positions = np.where(guess.known[:, None, None], guess.positions, np.float32(_UNKNOWN))
    torsions = [{} if multimer else shared_torsions(draw)[0] for draw in draws]
    *_, theirs = run_passes(both.config, both.parameters, draws, torsions, positions)
    for engine in ENGINES:
        dispatch.use_engine(engine)
        ours = both.model.predict(draws, recycles=recycles, tolerance=0.0, initial_guess=guess, save_all=True)
        assert [(engine, row) for row in output_rows(ours, theirs, draws[-1]) if not row.passed] == []
        plain = both.model.predict(draws, recycles=recycles, tolerance=0.0, save_all=True)
        assert [row for row in output_rows(plain, theirs, draws[-1]) if not row.passed], "the guess changes nothing"


def test_unknown_residues_say_nothing(tiny: SimpleNamespace) -> None:
    """A guess of which nothing but one residue is known is no guess; the first change counts what is known."""
    draws = _draws(tiny, (N_RES,), 1)
    known = np.zeros(N_RES, bool)
    known[3] = True
    ours = tiny.model.predict(draws, recycles=0, initial_guess=_guess(known))
    assert np.array_equal(ours.atom_positions, tiny.model.predict(draws, recycles=0).atom_positions)
    assert ours.changes[0] < 1e-3
    some = tiny.model.predict(draws, recycles=0, initial_guess=_guess(np.arange(N_RES) < 9))
    assert 0 < some.changes[0] < 100


def test_of_another_length(tiny: SimpleNamespace) -> None:
    guess = _guess(np.ones(N_RES, bool))
    with pytest.raises(ValueError, match="an initial guess of 18 residues for a protein of 19"):
        tiny.model.predict(
            _draws(tiny, (N_RES,), 1), recycles=0, initial_guess=InitialGuess(guess.positions[:18], guess.known[:18])
        )
