# SPDX-License-Identifier: Apache-2.0
"""The demo parameters: what they know, how they are asked for, what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from make_databases import chains, example_files

import af2cpu
from af2cpu.errors import InputError, ParameterError
from af2cpu.model.config import model_config
from af2cpu.query import read_inputs
from af2cpu.settings import MULTIMER_MODELS, PTM_MODELS, load_settings
from af2cpu.shipped import is_shipped, shipped
from af2cpu.weights.demo import DEMO_NETWORKS, demo_file, is_known, known_proteins
from af2cpu.weights.source import caution, find_parameters, fingerprint


def test_they_are_small_and_come_with_the_program() -> None:
    for model in DEMO_NETWORKS:
        assert demo_file(model).stat().st_size < 8e6
        assert is_shipped(demo_file(model))
    assert not is_shipped(Path(__file__))


def test_they_know_a_handful_of_proteins() -> None:
    sequences = [protein.sequence for protein in known_proteins()]
    assert len(set(sequences)) == len(sequences) > 3
    assert all(protein.source.startswith("PDB ") for protein in known_proteins())
    assert is_known("NLYIQWLKDGGPSSGRPPPS")
    assert not is_known("NLYIQWLKDGGPSSGRPPP")


def test_they_know_complexes_of_which_the_order_of_the_chains_is_no_part() -> None:
    complexes = [known for known in known_proteins() if known.model == "demo_multimer"]
    assert {len(set(known.sequence.split(":"))) for known in complexes} == {1, 2}  # a homodimer and a heterodimer
    for known in complexes:
        one, other = known.sequence.split(":")
        assert is_known(known.sequence, "demo_multimer")
        assert is_known(f"{other}:{one}", "demo_multimer")
        assert not is_known(known.sequence)  # the monomer network does not
        assert not is_known(f"{one}:{other}:{one}", "demo_multimer")
        assert not is_known(one, "demo_multimer")
        assert not is_known(f"{one}:{other[1:]}", "demo_multimer")
    assert not is_known("NLYIQWLKDGGPSSGRPPPS", "demo_multimer")


def test_examples_that_they_know_and_one_that_is_longer() -> None:
    queries = [item.query for item in read_inputs(example_files())]
    known = [protein.sequence for protein in known_proteins() if protein.model == "demo"]
    assert {query.sequence for query in queries} >= set(known)
    assert max(query.n_res for query in queries) > max(map(len, known))
    parts = {chain for protein in known_proteins() if protein.model != "demo" for chain in protein.sequence.split(":")}
    assert {sequence.decode() for _, sequence in chains()} > parts


def _complex(name: str) -> str:
    return next(known.sequence for known in known_proteins() if known.name == name)


def test_what_is_said_of_parameters() -> None:
    known, unknown = known_proteins()[0].sequence, "MKTAYIAKQRQ"
    assert "not for science" in str(caution("demo", "demo", known))
    assert "means nothing" not in str(caution("demo", "demo", known))
    assert "the structure means nothing" in str(caution("demo", "demo", unknown))
    assert "the structure means nothing" in str(caution("demo", str(demo_file()), unknown))  # under its file's name too
    assert "drawn at random" in str(caution("demo", "synthetic:0", known))
    assert "drawn at random" in str(caution("model_1", "synthetic:0", unknown))
    dimer = f"{known}:{known}"
    assert "they know this complex by heart" in str(caution("demo_multimer", "demo", _complex("2q2k_dimer")))
    assert "ON A COMPLEX THAT THEY DO NOT KNOW" in str(caution("demo_multimer", "demo", dimer))
    assert "ON A COMPLEX THAT THEY DO NOT KNOW" in str(caution("demo", "demo", _complex("2q2k_dimer")))
    assert "ON A PROTEIN THAT THEY DO NOT KNOW" in str(caution("demo_multimer", "demo", known))
    assert caution("model_1_ptm", "params_model_1_ptm.npz", unknown) is None


def test_they_are_found_by_name_whatever_folder_we_are_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    assert find_parameters("demo", None, "demo") == "demo"
    assert fingerprint("demo", model_config("demo")) == fingerprint(str(demo_file()), model_config("demo"))
    assert find_parameters(str(demo_file()), None, "demo") == str(demo_file())
    assert find_parameters("demo", None, "demo_multimer") == "demo"
    prints = [
        fingerprint(source, model_config("demo_multimer")) for source in ("demo", str(demo_file("demo_multimer")))
    ]
    assert prints[0] == prints[1] != fingerprint("demo", model_config("demo"))


def test_they_are_never_taken_unasked_or_for_another_model() -> None:
    with pytest.raises(ParameterError, match=r"no parameters given; .*params download.*--params demo"):
        find_parameters(None, None, "model_1_ptm")
    with pytest.raises(ParameterError, match="model_1_ptm: does not fit --params demo"):
        find_parameters("demo", None, "model_1_ptm")
    with pytest.raises(ParameterError, match="not the parameters of tiny"):
        af2cpu.load_model("tiny", "demo")


def test_their_model_is_the_default_with_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def models(values: dict[str, object], file: Path | None = None, n_chains: int = 1) -> tuple[str, ...]:
        return load_settings(values, file).models_for(n_chains)

    assert models({}) == PTM_MODELS
    assert models({}, n_chains=2) == MULTIMER_MODELS
    assert models({"params": "demo"}) == ("demo",)
    assert models({"params": "demo"}, n_chains=2) == ("demo_multimer",)
    assert models({"params": "demo", "models": ["tiny"]}, n_chains=2) == ("tiny",)
    toml = tmp_path / "run.toml"
    toml.write_text('params = "demo"\n')
    assert models({}, toml) == ("demo",)
    monkeypatch.setenv("AF2CPU_PARAMS", "demo")
    assert models({}) == ("demo",)
    with pytest.raises(InputError, match="unknown model"):
        model_config("demos")


def test_shipped_files_are_inside_the_package_or_beside_it() -> None:
    assert shipped("demo.toml").is_file()
    assert shipped("demo_databases", "uniref90", "uniref90.fasta").is_file()


@pytest.mark.parametrize(
    ("given", "meant"),
    [("synthetic", "synthetic:0"), ("synthetic:x", "synthetic:0"), ("Demo", "demo"), ("dem", "demo")],
)
def test_a_misspelt_source_suggests_the_near_one(given: str, meant: str) -> None:
    with pytest.raises(ParameterError, match=rf"^--params {given}: no such file or folder; did you mean {meant}\?$"):
        find_parameters(given, None, "model_1_ptm")


def test_demo_parameters_fit_the_demo_model_only() -> None:
    with pytest.raises(ParameterError, match=r"^--models model_1_ptm: does not fit --params demo.*leave out --models"):
        find_parameters("demo", None, "model_1_ptm")


def test_a_folder_may_be_named_like_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "synthetic").mkdir()
    (tmp_path / "synthetic" / "params_model_1_ptm.npz").touch()
    assert find_parameters("synthetic", None, "model_1_ptm") == "synthetic/params_model_1_ptm.npz"
