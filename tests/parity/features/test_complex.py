# SPDX-License-Identifier: Apache-2.0
"""Pairing and merging of chains against DeepMind's own code, array by array.

The reference sorts with unstable sorts, which the newest version of that code no longer does: here they are stable.
"""

from __future__ import annotations

import copy
import gzip
import io
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from colabfold_a3m import Row, colabfold_reads
from feature_cases import random_alignment
from shared_data import shared_data

from af2cpu.chemistry.residues import HHBLITS_ORDER
from af2cpu.features.complex import merge_chains, names_of_rows, pair_as_given, pair_by_species
from af2cpu.features.config import SamplingConfig
from af2cpu.features.msa import msa_features, species
from af2cpu.features.pairing import NamedRows
from af2cpu.features.raw import make_features
from af2cpu.features.sample import _TO_AATYPE, Sampler
from af2cpu.features.template import stack_templates
from af2cpu.formats.a3m import read_a3m, read_joined
from af2cpu.formats.fasta import FastaRecord, read_fasta
from af2cpu.formats.features import read_features, write_features
from af2cpu.formats.stockholm import read_stockholm
from af2cpu.outputs.alignment import a3m_text
from af2cpu.outputs.pickles import write_features_pickle
from af2cpu.records import Alignment, Features, Query

SPECIES = ("HUMAN", "MOUSE", "YEAST", "ECOLI", "THET8")


class Chain:
    """A chain with an alignment of its own, one to pair by, and templates."""

    def __init__(self, alignment: Alignment, to_pair: Alignment, n_templ: int = 0) -> None:
        self.sequence = "".join(HHBLITS_ORDER[code] for code in alignment.msa[0])
        query = Query("chain", self.sequence, "a chain", "test")
        self.features = _with_templates(make_features(query, [alignment]), n_templ)
        self.to_pair = to_pair


def _with_templates(features: Features, n_templ: int) -> Features:
    rng, n_res = np.random.default_rng(n_templ), features.n_res
    arrays = vars(stack_templates([], n_res)) | {
        "template_aatype": np.eye(22, dtype=np.float32)[rng.integers(0, 22, (n_templ, n_res))],
        "template_all_atom_positions": rng.standard_normal((n_templ, n_res, 37, 3)).astype(np.float32),
        "template_all_atom_masks": rng.integers(0, 2, (n_templ, n_res, 37)).astype(np.float32),
        "template_domain_names": np.array([f"{k}abc_A".encode() for k in range(n_templ)], None if n_templ else "S1"),
        "template_sequence": np.array([b"G" * n_res] * n_templ, None if n_templ else "S1"),
        "template_sum_probs": np.zeros((n_templ, 1), np.float32),
    }
    kept = {name: array for name, array in arrays.items() if name in vars(features)}
    return Features(**{**vars(features), **kept})


def _made(seed: int, n_res: int, n_seq: int, counts: Sequence[int], n_templ: int = 0) -> Chain:
    """`counts` rows of each species; rows of the alignment to pair by are its own rows again where they are few."""
    rng = np.random.default_rng(seed)
    own = random_alignment(rng, n_seq, n_res)
    names = [
        "query",
        *(f"tr|A0A{k:07}|A0A{k:07}_{s}/1-9" for s, n in zip(SPECIES, counts, strict=True) for k in range(n)),
    ]
    names += ["UniRef100_X", "tr|broken"]
    rows = np.concatenate([own.msa[:1], rng.permutation(own.msa[1:])])[: len(names)]
    rows = np.where((rng.random(rows.shape) < 0.2) & (np.arange(len(rows)) > 0)[:, None], 21, rows).astype(np.uint8)
    rows[1] = own.msa[1]  # also a row of its own alignment: dropped there
    deletions = np.where(rng.random(rows.shape) < 0.1, 3, 0).astype(np.uint16)
    return Chain(own, Alignment("uniprot", tuple(names[: len(rows)]), rows, deletions), n_templ)


@pytest.fixture(scope="module", autouse=True)
def _stable_sorts() -> Iterator[None]:
    """And the sum of a generator, which numpy no longer takes."""
    import pandas
    from alphafold.data import msa_pairing

    argsort, numpy_sum, sort_values = np.argsort, np.sum, pandas.DataFrame.sort_values
    patch = pytest.MonkeyPatch()
    numpy = type("numpy", (), {name: getattr(np, name) for name in dir(np) if not name.startswith("__")})
    numpy.argsort = staticmethod(lambda a: argsort(a, kind="stable"))
    numpy.sum = staticmethod(lambda a, **rest: numpy_sum(a if hasattr(a, "shape") else np.array(list(a)), **rest))
    patch.setattr(msa_pairing, "np", numpy)
    patch.setattr(
        pandas.DataFrame, "sort_values", lambda self, by, **rest: sort_values(self, by, kind="stable", **rest)
    )
    yield
    patch.undo()


def _theirs(chains: Sequence[Chain]) -> dict[str, np.ndarray]:
    from alphafold.data import feature_processing, pipeline_multimer

    homomer = len({chain.sequence for chain in chains}) == 1
    examples: dict[str, Any] = {}
    for number, chain in enumerate(chains):
        raw = {name: array for name, array in vars(chain.features).items() if not name.endswith("_id")}
        raw |= {"msa": raw["msa"].astype(np.int32), "deletion_matrix_int": raw["deletion_matrix_int"].astype(np.int32)}
        example = pipeline_multimer.convert_monomer_features(raw, chr(65 + number))
        if not homomer:
            paired = msa_features(chain.sequence, [chain.to_pair])
            for name in ("msa", "deletion_matrix_int"):
                example[f"{name}_all_seq"] = paired[name].astype(np.int32)
            example["msa_species_identifiers_all_seq"] = paired["msa_species_identifiers"].astype(object)
        if not chain.features.n_templ:  # the featurizer's one template of zeros
            for name in ("template_aatype", "template_all_atom_positions", "template_all_atom_mask"):
                example[name] = np.zeros((1, *example[name].shape[1:]), example[name].dtype)
        examples[chr(65 + number)] = example
    examples = pipeline_multimer.add_assembly_features(examples)
    return feature_processing.pair_and_merge(examples)


def _merged(chains: Sequence[Chain]) -> Features:
    paired = pair_by_species([c.sequence for c in chains], {c.sequence: c.to_pair for c in chains})
    return merge_chains([c.features for c in chains], paired)


def _check(chains: Sequence[Chain]) -> Features:
    return _compare(_merged(chains), _theirs(chains))


def _compare(ours: Features, theirs: dict[str, np.ndarray]) -> Features:
    # Theirs has the copies of an entity side by side.
    order = np.lexsort([np.arange(ours.n_res), ours.sym_id, ours.entity_id])
    padded = {name: np.pad(a, [(0, 4 - len(a))] + [(0, 0)] * (a.ndim - 1)) for name, a in _templates(ours).items()}
    mine = {
        "aatype": ours.aatype.argmax(-1),
        "residue_index": ours.residue_index,
        "entity_id": ours.entity_id,
        "sym_id": ours.sym_id,
        "msa": _TO_AATYPE[ours.msa].T,
        "deletion_matrix": ours.deletion_matrix_int.T,
        **{name: np.moveaxis(array, 1, 0) for name, array in padded.items()},
    }
    for name, array in mine.items():
        expected = theirs[name]
        expected = np.moveaxis(expected, 1, 0) if expected.ndim > 1 else expected
        assert np.array_equal(array[order], expected), name
    assert (np.diff(ours.asym_id[order]) != 0).tolist() == (np.diff(theirs["asym_id"]) != 0).tolist()
    assert theirs["cluster_bias_mask"].tolist() == [1.0] + [0.0] * (len(ours.msa) - 1)
    assert theirs["msa_mask"].all()
    return ours


def _templates(features: Features) -> dict[str, np.ndarray]:
    return {
        "template_aatype": _TO_AATYPE[features.template_aatype.argmax(-1)],
        "template_all_atom_positions": features.template_all_atom_positions,
        "template_all_atom_mask": features.template_all_atom_masks,
    }


A = _made(1, 11, 60, (3, 1, 0, 5, 2), n_templ=2)
B = _made(2, 7, 40, (1, 4, 2, 2, 0))
C = _made(3, 9, 30, (0, 2, 3, 1, 1), n_templ=5)
D = _made(4, 5, 20, (2, 0, 1, 4, 3), n_templ=1)


@pytest.mark.parametrize("chains", [[A], [A, A], [A, B], [A, B, A], [B, B, A], [A, B, C, D]], ids=len)
def test_made_alignments(chains: list[Chain]) -> None:
    merged = _check(chains)
    assert merged.n_res == sum(len(chain.sequence) for chain in chains)
    entities = {chain.sequence: chain for chain in chains}
    if len(entities) > 1:
        real = [(merged.msa[:, merged.entity_id == k + 1] != 21).any(axis=1) for k in range(len(entities))]
        n_paired = int((np.sum(real, axis=0) > 1).sum())
        assert n_paired > 3
        assert merged.n_seq < n_paired + sum(chain.features.n_seq for chain in entities.values())  # some were dropped


def test_large_alignments_are_cropped() -> None:
    """More paired rows than 1,024, a species with over 600 rows, more own rows than 2,048."""
    many = [_made(seed, 6, 2500, (601, 400, 590, 300, 0)) for seed in (5, 6)]
    merged = _check(many)
    assert merged.n_seq < 2 * 2048
    _check([many[0]] * 2)


def _given_rows(chains: Sequence[Chain], n_seq: int) -> dict[str, Alignment]:
    """Rows side by side, the queries first: some with gaps only in one of the sequences, one that is there twice, one
    with a part that is a row of the sequence's own alignment."""
    rng, found = np.random.default_rng(n_seq), {}
    for number, chain in enumerate({chain.sequence: chain for chain in chains}.values()):
        rows = random_alignment(rng, n_seq, len(chain.sequence))
        msa = np.where((np.arange(n_seq) % 5 == number + 1)[:, None], 21, rows.msa)
        msa[0], msa[3], msa[-1] = chain.features.msa[0], chain.features.msa[5], msa[7]
        names = ("101", *(f"tr|A0A{k:07}|A0A{k:07}_{SPECIES[k % 5]}" for k in range(1, n_seq)))
        found[chain.sequence] = Alignment("ab", names, msa.astype(np.uint8), rows.deletions)
    return found


@pytest.mark.parametrize("names", ["AB", "BAB", "ABCD"])
@pytest.mark.parametrize("n_seq", [20, 1100])
def test_rows_that_are_paired_already(names: str, n_seq: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As DeepMind's code where its pairing gives these rows."""
    from alphafold.data import msa_pairing

    chains = [{"A": A, "B": B, "C": C, "D": D}[name] for name in names]
    given = _given_rows(chains, n_seq)
    merged = merge_chains([c.features for c in chains], pair_as_given([c.sequence for c in chains], given))

    whole = [row.tobytes() for row in np.concatenate([one.msa for one in given.values()], axis=1)]
    kept = sorted({row: number for number, row in reversed(list(enumerate(whole)))}.values())
    assert len(kept) < n_seq

    def paired(chains: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [_with_pairs(chain, given, kept) for chain in chains]

    monkeypatch.setattr(msa_pairing, "create_paired_features", paired)
    _compare(merged, _theirs(chains))


def _with_pairs(chain: dict[str, Any], given: dict[str, Alignment], kept: Sequence[int]) -> dict[str, Any]:
    """A chain of the reference with these rows as those that its pairing has found."""
    rows = given["".join(HHBLITS_ORDER[code] for code in chain["msa"][0])]
    return {name: array for name, array in chain.items() if not name.endswith("_all_seq")} | {
        "msa_all_seq": rows.msa[kept].astype(np.int32),
        "deletion_matrix_all_seq": rows.deletions[kept].astype(np.float32),
        "num_alignments_all_seq": np.asarray(len(kept)),
    }


def _read(path: Path, database: str) -> Alignment:
    if path.suffix == ".gz":
        return read_a3m(io.BytesIO(gzip.decompress(path.read_bytes())), database=database)
    return (read_stockholm if path.suffix == ".sto" else read_a3m)(path, database=database)


def test_real_alignments() -> None:
    """2q2k with its UniProt hits beside both chains of 3G5O."""
    folder = shared_data("msas", "2q2k_A")
    chains = [Chain(_read(folder / "uniref90_hits.sto", "uniref90"), _read(folder / "uniprot_hits.sto", "uniprot"))]
    folder = shared_data("msas", "3G5O")
    for letter in "AB":
        own, paired = (
            _read(folder / f"unpaired_{letter}.a3m.gz", "uniref90"),
            _read(folder / f"paired_{letter}.a3m", "uniprot"),
        )
        chains.append(Chain(own, paired))
    _check([chains[0]] * 2)
    _check(chains)


def test_a_real_alignment_in_colabfolds_form() -> None:
    """3G5O's four alignments joined as ColabFold joins them are read as the four."""
    folder = shared_data("msas", "3G5O")
    own = [_records(folder / f"unpaired_{letter}.a3m.gz") for letter in "AB"]
    paired = [_records(folder / f"paired_{letter}.a3m") for letter in "AB"]
    lengths = [len(records[0].letters) for records in own]
    lines = [f"#{lengths[0]},{lengths[1]}\t1,1"]
    for a, b in zip(*paired, strict=True):
        lines += [f">{a.header}\t{b.header}", (a.letters + b.letters).decode()]
    for record in own[0]:
        lines += [f">{record.header}", record.letters.decode() + "-" * lengths[1]]
    for record in own[1]:
        lines += [f">{record.header}", "-" * lengths[0] + record.letters.decode()]
    joined = read_joined(io.BytesIO("\n".join(lines).encode()))
    for k, letter in enumerate("AB"):
        for found, path in ((joined.own[k], f"unpaired_{letter}.a3m.gz"), (joined.paired[k], f"paired_{letter}.a3m")):
            expected = _read(folder / path, "a3m")
            rows = slice(1 if path.startswith("unpaired") else 0, None)  # the query comes with the paired rows
            assert found.names[rows] == expected.names
            assert np.array_equal(found.msa[rows], expected.msa)
            assert np.array_equal(found.deletions[rows], expected.deletions)


def _records(path: Path) -> list[FastaRecord]:
    return list(read_fasta(path))


def test_draw_and_file_of_a_complex(tmp_path: Path) -> None:
    """The numbers of the chains go with the features into a draw, and into a file and back."""
    merged = _merged([A, B, A])
    draw = Sampler(merged, SamplingConfig(max_msa_clusters=20, draw="multimer")).draw(np.random.default_rng(0))
    write_features(tmp_path / "features.npz", merged)
    again = read_features(tmp_path / "features.npz")
    n, m = len(A.sequence), len(B.sequence)
    assert draw.asym_id.tolist() == again.asym_id.tolist() == [1] * n + [2] * m + [3] * n
    assert draw.entity_id.tolist() == again.entity_id.tolist() == [1] * n + [2] * m + [1] * n
    assert draw.residue_index.tolist() == [*range(n), *range(m), *range(n)]
    assert draw.template_aatype.shape == (4, 2 * n + m)


def test_without_pairs_the_queries_alone_stand_side_by_side() -> None:
    merged = merge_chains([A.features, B.features])
    n_own = [len(np.unique(c.features.msa[1:], axis=0)) for c in (A, B)]
    assert merged.msa[0].tolist() == [*A.features.msa[0], *B.features.msa[0]]
    assert (merged.msa[1:] == 21).all(axis=1).sum() == 0
    assert merged.n_seq <= 1 + sum(n_own)
    n = len(A.sequence)
    assert ((merged.msa[1:, :n] == 21).all(axis=1) | (merged.msa[1:, n:] == 21).all(axis=1)).all()


def test_one_chain_is_no_complex() -> None:
    assert merge_chains([A.features]) is A.features


@pytest.mark.parametrize("letters", ["AA", "AB", "BBA", "ABCD"])
def test_features_pickle_is_theirs(tmp_path: Path, letters: str) -> None:
    """Under all the names that their network reads, padded to 512 rows and 4 templates."""
    from alphafold.data import pipeline_multimer

    chains = [{"A": A, "B": B, "C": C, "D": D}[letter] for letter in letters]
    merged, theirs = _merged(chains), pipeline_multimer.pad_msa(_theirs(chains), 512)
    write_features_pickle(tmp_path / "features.pkl", merged)
    ours = pickle.loads((tmp_path / "features.pkl").read_bytes())
    order = np.lexsort([np.arange(merged.n_res), merged.sym_id, merged.entity_id])
    unread = {"deletion_mean", "all_atom_mask", "all_atom_positions", "entity_mask"}
    assert set(theirs) - set(ours) <= unread
    along_residues = {
        name: np.ndim(array) - 1 for name, array in ours.items() if name.startswith(("msa", "deletion", "bert"))
    }
    along_residues |= {name: 1 for name in ours if name.startswith("template_")}
    # Of BBA theirs has rows of B beside themselves among the paired ones, which features do not tell from B's own.
    unlike = {"asym_id", "num_templates"} | ({"bert_mask"} if letters == "BBA" else set())
    for name in set(ours) & set(theirs) - unlike:
        array = np.asarray(ours[name])
        if array.ndim:
            axis = along_residues.get(name, 0 if array.shape[0] == merged.n_res else None)
            array = array if axis is None else array.take(order, axis)
        assert np.array_equal(array, theirs[name]), name
        assert array.dtype == theirs[name].dtype, name
    assert (np.diff(ours["asym_id"][order]) != 0).tolist() == (np.diff(theirs["asym_id"]) != 0).tolist()


def test_the_a3m_of_a_complex_gives_its_features_again() -> None:
    """Written from merged features and read by ColabFold's rules, its rows pair and merge to the same MSA."""
    chains = [_without_insertions_in_the_query(chain) for chain in (A, B, A, C)]
    named = [[f"{k}/{row}" for row in range(chain.features.n_seq)] for k, chain in enumerate((A, B, A, C))]
    paired = pair_by_species([c.sequence for c in chains], {c.sequence: c.to_pair for c in chains})
    merged = merge_chains([c.features for c in chains], paired)
    names = names_of_rows([c.features for c in chains], named, paired)
    sequences, copies, pairs, own = colabfold_reads(a3m_text(merged, names).decode())
    assert (sequences, copies) == ([A.sequence, B.sequence, C.sequence], [2, 1, 1])
    again = [_read_again(pairs[k], own[k]) for k in (0, 1, 0, 2)]
    back = merge_chains([features for features, _ in again], [rows for _, rows in again])
    # Rows that paired the copies of one sequence with each other only are its own rows now.
    n_own = [int(((merged.msa != 21)[:, merged.entity_id == k].any(axis=1)).sum()) for k in (1, 2, 3)]
    assert n_own == [int(((back.msa != 21)[:, back.entity_id == k].any(axis=1)).sum()) for k in (1, 2, 3)]
    assert sorted(map(bytes, back.msa)) == sorted(map(bytes, merged.msa))
    assert back.deletion_matrix_int.sum() == merged.deletion_matrix_int.sum()


def _without_insertions_in_the_query(chain: Chain) -> Chain:
    """As files have it."""
    changed = copy.deepcopy(chain)
    changed.features.deletion_matrix_int[0] = changed.to_pair.deletions[0] = 0
    return changed


def _read_again(pairs: list[Row], own: list[Row]) -> tuple[Features, NamedRows]:
    msa, deletions = np.array([row[1] for row in own], np.uint8), np.array([row[2] for row in own], np.uint16)
    features = make_features(
        Query("x", "".join(HHBLITS_ORDER[code] for code in msa[0]), "a chain", "test"),
        [Alignment("own", tuple(row[0] for row in own), msa, deletions)],
    )
    names = np.array([row[0] for row in pairs], object)
    codes, inserted = np.array([row[1] for row in pairs], np.uint8), np.array([row[2] for row in pairs], np.uint16)
    return features, NamedRows(codes, inserted, np.full(len(pairs), b"", "S1"), names)


def test_rows_have_the_names_and_species_of_their_parts() -> None:
    """Those of each sequence stand by its residues; a species is known where any chain has it."""
    chains = [A, B, C]
    named = [[f"{k}/{row}" for row in range(chain.features.n_seq)] for k, chain in enumerate(chains)]
    paired = pair_by_species([c.sequence for c in chains], {c.sequence: c.to_pair for c in chains})
    merged = merge_chains([c.features for c in chains], paired)
    names = names_of_rows([c.features for c in chains], named, paired)
    assert [len(one) for one in names] == [merged.n_seq] * 3
    n_paired = len(paired[0].msa)
    for k, chain in enumerate(chains):
        here = merged.msa[:, merged.asym_id == k + 1]
        assert [bool(name) for name in names[k]] == (here != 21).any(axis=1).tolist()
        for row in range(1, n_paired):
            name = names[k][row]
            if name:
                assert name in chain.to_pair.names
                assert species(name).encode() == merged.msa_species_identifiers[row]
                assert np.array_equal(here[row], chain.to_pair.msa[chain.to_pair.names.index(name)])
        for row in range(n_paired, merged.n_seq):
            if names[k][row]:
                number, _, place = names[k][row].partition("/")
                assert int(number) == k
                assert np.array_equal(here[row], chain.features.msa[int(place)])
    assert (merged.msa_species_identifiers[1:n_paired] != b"").all()
    assert any(not names[0][row] for row in range(1, n_paired))  # pairs of B and C alone
