# SPDX-License-Identifier: Apache-2.0
"""The report of a complex: what is computed by chain, what of the whole, and what the page holds."""

from __future__ import annotations

import base64
import gzip
import json
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from output_cases import complex_features, features
from prediction_cases import prediction
from report_cases import results

from af2cpu.formats.chain_templates import joined_names
from af2cpu.geometry.copies import corresponding
from af2cpu.geometry.similarity import similarities
from af2cpu.outputs.coverage import coverage
from af2cpu.outputs.layout import LAYOUTS
from af2cpu.outputs.report import write_index, write_report
from af2cpu.outputs.report.chains import chain_rows, chains_of, entities_of
from af2cpu.outputs.report.domains import domains
from af2cpu.outputs.report.frames import view_frames
from af2cpu.outputs.report.neff import effective_depth
from af2cpu.outputs.report.pack import MOST_CELLS, block_means, cell_starts, pae_map
from af2cpu.outputs.report.trace import trace
from af2cpu.records import Chains, Features, Prediction
from af2cpu.runs.records import DatabaseUsed

ONE, OTHER = "MKVLATTWYGGHHAAKLM", "GSSTPLVWRKAEDFNMQY"
RNG = np.random.default_rng(5)
TURN = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
TURN *= np.sign(np.linalg.det(TURN))
TRIMER = [ONE, OTHER, ONE]


def _moved(first: Prediction, order: list[int]) -> Prediction:
    """The same complex elsewhere, its residues in another order."""
    return replace(
        first,
        model="model_2_multimer_v3",
        atom_positions=(first.atom_positions[order] @ TURN.T + 9).astype(np.float32),
        plddt=first.plddt[order],
    )


def _chain_order(sequence: str, chains: list[int]) -> list[int]:
    """Residues of a complex with its chains in another order."""
    asym_id = Chains.of(sequence.split(":")).asym_id
    return [int(k) for number in chains for k in np.flatnonzero(asym_id == number)]


@pytest.mark.parametrize(
    ("sequence", "chains"),
    [
        (f"{ONE}:{ONE}", [2, 1]),
        (f"{ONE}:{OTHER}:{ONE}", [3, 2, 1]),
        (f"{ONE}:{ONE}:{ONE}:{ONE}", [2, 3, 4, 1]),
        (f"{ONE}:{OTHER}:{ONE}:{OTHER}", [3, 4, 1, 2]),
    ],
)
def test_copies_that_changed_places_are_the_same_structure(sequence: str, chains: list[int]) -> None:
    first = prediction(sequence, model="model_1_multimer_v3")
    order = _chain_order(sequence, chains)
    second = _moved(first, order)
    assert [order[k] for k in corresponding(second, first)] == list(range(len(order)))
    distances, scores = similarities([first, second])
    assert distances[0, 1] == pytest.approx(0, abs=1e-4)
    assert scores[0, 1] == pytest.approx(1)
    assert view_frames([first, second])[1][1] == pytest.approx(0, abs=1e-4)


def test_chains_of_other_sequences_never_change_places() -> None:
    """Also where that would fit better."""
    sequence = f"{ONE}:{OTHER}"
    first = prediction(sequence)
    second = _moved(first, _chain_order(sequence, [2, 1]))
    np.testing.assert_array_equal(corresponding(second, first), np.arange(len(first.aatype)))
    assert similarities([first, second])[0][0, 1] > 1


def test_copies_stay_where_they_are_if_nothing_fits_better() -> None:
    first = prediction(f"{ONE}:{ONE}")
    second = replace(first, atom_positions=first.atom_positions + RNG.normal(0, 0.3, first.atom_positions.shape))
    np.testing.assert_array_equal(corresponding(second, first), np.arange(len(first.aatype)))


def test_each_copy_is_taken_once() -> None:
    """Also where one lies nearest to several."""
    predictions = [prediction(":".join(["MKV"] * 4), seed=k) for k in range(12)]
    for one, other in pairwise(predictions):
        assert sorted(corresponding(one, other).tolist()) == list(range(12))


@pytest.mark.parametrize("sequence", ["M:M", "XX:XX", "X:MK:X", "MK:X:MK"])
def test_odd_chains_correspond_too(sequence: str) -> None:
    predictions = [prediction(sequence, seed=k) for k in range(2)]
    order = corresponding(*predictions)
    assert sorted(order.tolist()) == list(range(len(order)))
    np.testing.assert_array_equal(predictions[0].aatype[order], predictions[1].aatype)


def test_neff_is_that_of_each_sequence() -> None:
    """Copies count once, and a row of one chain alone is as deep there as in the chain's own alignment."""
    own = features(ONE, 30)
    alone = effective_depth(own.msa).per_residue
    found = effective_depth(np.tile(own.msa, 2), Chains.of([ONE, ONE]))
    np.testing.assert_allclose(found.per_residue, np.tile(alone, 2))
    msa = np.full((31, 2 * len(ONE)), 21, np.uint8)
    msa[:30, : len(ONE)], msa[[0, 30], len(ONE) :] = own.msa, 3
    found = effective_depth(msa, Chains.of([ONE, "R" * len(ONE)]))
    np.testing.assert_allclose(found.per_residue, np.concatenate([alone, np.ones(len(ONE))]))
    assert found.rows == found.total == (own.msa != 21).any(axis=1).sum() + 2


def test_paired_rows_stand_below_the_query_then_those_of_each_sequence() -> None:
    made = complex_features([ONE, OTHER, ONE], 10, 20)
    shown = coverage(made, 10**6)
    numbers = made.entity_id
    covers = np.stack([shown.aligned[:, numbers == entity].any(axis=1) for entity in (1, 2)], axis=1)[::-1]
    kinds = ["both" if row.all() else "first" if row[0] else "second" if row[1] else "none" for row in covers]
    assert list(dict.fromkeys(kind for kind in kinds if kind != "none")) == ["both", "first", "second"]
    assert shown.identity[-1] == 1
    both = kinds.count("both")
    assert (shown.n_paired, shown.paired.sum()) == (both - 1, both - 1)
    np.testing.assert_array_equal(np.flatnonzero(shown.paired[::-1]), np.arange(1, both))


def test_identity_is_that_of_the_chains_that_a_row_covers() -> None:
    made = complex_features([ONE, OTHER], 1, 0)
    msa = np.full((3, made.n_res), 21, np.uint8)
    msa[0], msa[1, : len(ONE)], msa[2] = made.msa[0], made.msa[0, : len(ONE)], made.msa[0]
    msa[2, : made.n_res // 2] = (msa[2, : made.n_res // 2] + 1) % 20
    shown = coverage(replace(made, msa=msa), 10)
    assert sorted(shown.identity.tolist()) == [0.5, 1.0, 1.0]
    assert shown.n_paired == 1


def test_rows_of_a_single_chain_are_ordered_by_identity_alone() -> None:
    made = features(ONE, 40)
    shown = coverage(made, 100)
    identity = (made.msa == made.msa[0]).mean(axis=1)
    np.testing.assert_array_equal(shown.identity, np.sort(identity))
    assert (shown.n_paired, shown.paired.any()) == (0, False)


def test_no_cell_of_the_map_is_of_two_chains() -> None:
    lengths = [MOST_CELLS - 3, 5, 1]
    starts = cell_starts(lengths)
    assert {0, lengths[0], lengths[0] + 5} <= set(starts.tolist())
    assert np.diff(starts, append=sum(lengths)).max() == 2
    chain = np.repeat([0, 10, 20], lengths)
    means = block_means(np.broadcast_to(chain, (sum(lengths), sum(lengths))), starts)
    assert set(means.ravel()) == {0, 10, 20}
    packed = pae_map(means[:1].repeat(sum(lengths), 0)[:, :1].repeat(sum(lengths), 1), 31.75, lengths)
    assert (packed.cells, packed.step) == (len(starts), 2)
    assert len(gzip.decompress(base64.b64decode(packed.tenths))) == 2 * len(starts) ** 2


def test_domains_of_a_large_complex_end_with_its_chains() -> None:
    lengths = [601, 500]
    chain = np.repeat([0, 1], lengths)
    pae = np.where(chain[:, None] == chain, 2.0, 25.0)
    np.testing.assert_array_equal(domains(pae, lengths), chain)


def test_no_stroke_of_the_picture_joins_two_chains() -> None:
    first = prediction(f"{ONE}:{ONE}:{ONE}")
    apart = first.atom_positions + 1000.0 * first.asym_id[:, None, None]
    strokes = trace(replace(first, atom_positions=apart.astype(np.float32)))
    points = [np.array(re.findall(r"(-?[\d.]+),(-?[\d.]+)", one.d), float) for one in strokes]
    assert max(np.linalg.norm(np.diff(one, axis=0), axis=1).max() for one in points) < 5
    assert len({tuple(one[0].round(-1)) for one in points}) >= 3


def test_names_of_chains_are_their_own_or_that_of_the_whole() -> None:
    sequence = f"{ONE}:{OTHER}:{ONE}"
    unnamed = complex_features(sequence.split(":"), 1, 1)
    named = replace(unnamed, domain_name=np.array([b"kinase", b"inhibitor", b"kinase"]))
    assert [(chain.id, chain.name) for chain in chains_of(sequence, named)] == [
        ("A", "kinase"),
        ("B", "inhibitor"),
        ("C", "kinase"),
    ]
    assert {chain.name for chain in chains_of(sequence, unnamed)} == {""}
    assert {chain.name for chain in chains_of(sequence, None)} == {""}
    assert [one.words for one in entities_of(chains_of(sequence, named))] == ["chains A, C", "chain B"]
    many = entities_of(chains_of(":".join([ONE] * 70), None))
    assert [one.words for one in many] == ["chains A, B, C, D, E, …, HA"]


def test_the_table_of_chains_counts_rows_by_chain() -> None:
    sequence = f"{ONE}:{OTHER}:{ONE}"
    made = complex_features(sequence.split(":"), 10, 20)
    rows = chain_rows(chains_of(sequence, made), made, effective_depth(made.msa, made.chains))
    covered = [(made.msa[:, made.asym_id == number] != 21).any(axis=1).sum() for number in (1, 2, 3)]
    assert [row.n_seq for row in rows] == covered
    assert covered[0] < made.n_seq
    assert [row.copy_of for row in rows] == [None, None, "A"]
    assert rows[0].neff == rows[2].neff != rows[1].neff
    assert [row.n_seq for row in chain_rows(chains_of(sequence, None), None, None)] == [None] * 3


def _page(folder: Path, layout: str = "af2", n_models: int = 2, **facts: Any) -> str:
    place = LAYOUTS[layout](folder / "job" if layout == "af2" else folder, "job")
    models = [prediction(":".join(TRIMER), seed=k, model=f"model_{k + 1}_multimer_v3") for k in range(n_models)]
    results(place, folder / "job", models, ":".join(TRIMER), **facts)
    return write_report(place, folder / "job").read_text()


def _table(page: str, name: str) -> list[list[str]]:
    """The cells of a table's body as text."""
    (body,) = re.findall(rf'<table id="{name}".*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", body, re.DOTALL)
    return [
        [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)]
        for row in rows
    ]


def _named(names: list[str]) -> Features:
    return replace(complex_features(TRIMER, 10, 20), domain_name=np.array([name.encode() for name in names]))


@pytest.mark.parametrize("layout", ["af2", "colabfold"])
def test_the_page_holds_chains_and_interfaces(tmp_path: Path, layout: str) -> None:
    page = _page(tmp_path, layout, given=_named(["x</script>", "y", "x</script>"]))
    data = json.loads(re.findall(r'id="data">(.*?)</script>', page)[0])
    assert data["sequence"] == "".join(TRIMER)
    assert data["chains"] == [
        {"id": "A", "name": "x</script>", "start": 0, "length": len(ONE)},
        {"id": "B", "name": "y", "start": len(ONE), "length": len(OTHER)},
        {"id": "C", "name": "x</script>", "start": len(ONE) + len(OTHER), "length": len(ONE)},
    ]
    for model in data["models"]:
        made = prediction(":".join(TRIMER), seed=int(model["name"][6]) - 1)
        assert made.chain_pairs is not None
        assert [(one["a"], one["b"]) for one in model["interfaces"]] == [("A", "B"), ("A", "C"), ("B", "C")]
        assert model["interfaces"][1]["iptm"] == pytest.approx(made.chain_pairs.chain_pair_iptm[0, 2], abs=1e-5)
        assert [one["id"] for one in model["chains"]] == ["A", "B", "C"]
        assert len(model["plddt"]) == len(data["sequence"])
    assert (data["coverage"]["n_paired"], data["coverage"]["paired"]) == (10, 10)
    assert [row[:3] for row in _table(page, "chain-table")] == [
        ["", "x&lt;/script&gt;", str(len(ONE))],
        ["", "y", str(len(OTHER))],
        ["", "x&lt;/script&gt;", str(len(ONE))],
    ]
    assert "A, C x&lt;/script&gt; · B y" in page
    assert "Copies of one sequence: chains A, C." in page


def test_iptm_stands_beside_ptm(tmp_path: Path) -> None:
    page = _page(tmp_path, n_models=12)
    assert {(row[3], row[4]) for row in _table(page, "ranking")} == {("0.375", "0.625")}
    index = write_index(tmp_path)
    assert index is not None
    text = index.read_text()
    assert '<td class="score" data-label="ipTM" data-value="0.375">0.375' in text
    assert "in 3 chains" in text


def test_a_single_chain_has_nothing_of_a_complex(tmp_path: Path) -> None:
    place = LAYOUTS["af2"](tmp_path / "job", "job")
    results(place, place.folder, [prediction(ONE)], ONE)
    text = write_report(place, place.folder).read_text()
    body = text[text.index("<body>") : text.index("3Dmol.js")]
    for word in ("ipTM", "chain-table", "interface-table", "pae-rows", 'id="chains"', "of-chains", "paired"):
        assert word not in body, word
    index = write_index(tmp_path)
    assert index is not None
    assert "ipTM" not in index.read_text()


def test_what_is_said_of_chains(tmp_path: Path) -> None:
    database = DatabaseUsed("uniref90", "/data/x", "5f", 9, 99, 0, hits=1, seconds=1.0, chains=("A", "C"))
    page = _page(tmp_path, given=complex_features(TRIMER, 0, 12), databases=[database])
    assert page.count("The alignment of chain A has 13 sequences") == 1
    assert page.count("The alignment of chain B has 13 sequences") == 1
    assert "The alignment of chain C" not in page
    assert re.findall(r'<td class="text">uniref90</td><td class="text">(.*?)</td>', page) == ["A, C"]


def test_templates_are_those_of_each_chain(tmp_path: Path) -> None:
    """Copies have the same; the same entry may be a template of two sequences."""
    n_res, other = len(ONE) * 2 + len(OTHER), "-" * (len(OTHER) - 4)
    half = ONE[:9] + "-" * (len(ONE) - 9)
    letters = [ONE + OTHER[:4] + other + ONE, half + "-" * len(OTHER) + half]
    names = [joined_names([b"2q2k_A", b"2q2k_A", b"2q2k_A"]), joined_names([b"1abc_B", b"", b"1abc_B"])]
    given = replace(
        complex_features(TRIMER, 5, 5),
        template_aatype=np.zeros((2, n_res, 22), np.float32),
        template_all_atom_positions=np.zeros((2, n_res, 37, 3), np.float32),
        template_all_atom_masks=np.zeros((2, n_res, 37), np.float32),
        template_domain_names=np.array(names),
        template_sequence=np.array([one.encode() for one in letters]),
        template_sum_probs=np.zeros((2, 1), np.float32),
    )
    choice = {
        "used": [
            {"name": "2q2k_A", "identity": 1.0, "coverage": 1.0, "release_date": "2007-06-12", "chain": "A"},
            {"name": "2q2k_A", "identity": 1.0, "coverage": 0.2, "remark": "realigned", "chain": "B"},
        ],
        "skipped": [{"name": "3xyz_C", "reason": "too short", "chain": "B"}],
    }
    page = _page(tmp_path, given=given, template_choice=choice, notes=["chain B: template 3xyz_C skipped: too short"])
    assert "3xyz_C skipped" not in page
    assert _table(page, "templates") == [
        ["A, C", "1", "2Q2K", "A", "100 %", "100 %", "2007-06-12", ""],
        ["A, C", "2", "1ABC", "B", "100 %", "50 %", "–", ""],
        ["B", "1", "2Q2K", "A", "100 %", "22 %", "–", "realigned"],
    ]
    assert _table(page, "skipped") == [["B", "3XYZ", "C", "too short"]]
    assert [row[-1] for row in _table(page, "chain-table")] == ["2", "1", "2"]
