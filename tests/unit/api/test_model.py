# SPDX-License-Identifier: Apache-2.0
"""A model in a user's hands: raw and processed features, seeds, what files tell, what is refused."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import af2cpu
from af2cpu.features.draws import Draws
from af2cpu.formats.features import write_features
from af2cpu.ops import dispatch
from af2cpu.plan.models import draw_seed, sampling_of
from af2cpu.records import PredictionId
from af2cpu.settings import RunSettings

SEQUENCE, OTHER = "MKVLATTWYGGHHAAKLMDE", "GSSTPLVWRK"
ROWS = [SEQUENCE, "MKV-ATTFYGGHHAAKLMDE", "MKVggLATTWYGGHHAAK----", "-KVLATSWYGGHHAARLMDE"]


@pytest.fixture(scope="module")
def model() -> af2cpu.Model:
    return af2cpu.load_model("tiny", "synthetic:0", engine="torch")


@pytest.fixture(scope="module")
def features() -> af2cpu.Features:
    return af2cpu.features_from_msa(SEQUENCE, ROWS, name="mine of some length")


def _same(one: af2cpu.Prediction, other: af2cpu.Prediction) -> bool:
    return np.array_equal(one.atom_positions, other.atom_positions) and np.array_equal(one.plddt, other.plddt)


def test_raw_and_processed_features(model: af2cpu.Model, features: af2cpu.Features) -> None:
    raw = model.predict(features, recycles=1, seed=3)
    sampling = sampling_of(model.config, RunSettings())
    draws = Draws(features, sampling, draw_seed(0, PredictionId("tiny", 3, 3)), 2)
    assert _same(raw, model.predict(draws, recycles=1))
    assert _same(raw, model.predict([draws[0], draws[1]], recycles=1))
    assert _same(model.predict(draws[0], recycles=0), model.predict(features, recycles=0, seed=3))
    assert raw.sequence == SEQUENCE
    assert raw.passes == 2
    assert (raw.name, raw.confidence.who.seed) == ("tiny_pred_3", 3)


def test_the_models_own_number_of_recycles(model: af2cpu.Model, features: af2cpu.Features) -> None:
    assert model.predict(features).passes == model.config.recycles + 1
    assert model.predict(features, recycles=0, ensembles=2).passes == 1


def test_seeds(model: af2cpu.Model, features: af2cpu.Features) -> None:
    one, again, other = (model.predict(features, recycles=0, seed=seed) for seed in (0, 0, 1))
    assert _same(one, again)
    assert not _same(one, other)


def test_in_one_line(model: af2cpu.Model, features: af2cpu.Features) -> None:
    assert repr(model) == "<Model tiny, parameters synthetic:0, float32>"
    assert repr(features) == "<Features: 20 residues in 1 chain, 4 rows, 0 templates>"


def test_fewer_rows(model: af2cpu.Model, features: af2cpu.Features) -> None:
    few = model.predict(features, recycles=0, max_msa="6:0", save_all=True)
    assert few.extras["representations/msa"].shape[0] == 6 - model.config.data.max_templates
    with pytest.raises(af2cpu.InputError, match="--max-msa takes CLUSTERS:EXTRA"):
        model.predict(features, max_msa="many")


def test_features_of_a_file(model: af2cpu.Model, features: af2cpu.Features, tmp_path: Path) -> None:
    write_features(tmp_path / "features.npz", features)
    read = af2cpu.read_features(str(tmp_path / "features.npz"))
    assert _same(model.predict(read, recycles=0), model.predict(features, recycles=0))


def test_what_files_tell(
    model: af2cpu.Model, features: af2cpu.Features, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The name, and that the parameters mean nothing: in the log once for a model, in every file."""
    fresh = af2cpu.load_model("tiny", "synthetic:0", engine="torch")
    with caplog.at_level(logging.WARNING, "af2cpu"):
        one = fresh.predict(features, recycles=0)
        fresh.predict(features, recycles=0)
    assert [record.message.split(":")[1].strip() for record in caplog.records] == ["SYNTHETIC PARAMETERS"]
    assert "SYNTHETIC PARAMETERS" in one.to_pdb().splitlines()[0]
    cif = one.to_cif()
    assert "SYNTHETIC PARAMETERS" in cif
    assert "data_mine\n" in cif
    assert "mine of some length" in cif
    assert not one.provenance.network_templates


def test_files_tell_templates(model: af2cpu.Model, features: af2cpu.Features, tmp_path: Path) -> None:
    template = tmp_path / "relative.cif"
    template.write_text(model.predict(features, recycles=0).to_cif())
    with_template = af2cpu.features_from_msa(SEQUENCE, ROWS, templates=template)
    one, without = model.predict(with_template, recycles=0), model.predict(features, recycles=0)
    assert not _same(one, without)
    assert [used.name for used in one.provenance.network_templates] == ["relative_A"]
    assert "relative" in one.to_cif()


def test_a_complex(tmp_path: Path) -> None:
    both = f"{SEQUENCE}:{OTHER}"
    features = af2cpu.features_from_msa(both, [both, f"{ROWS[1]}:----------"], name="pair")
    multimer = af2cpu.load_model("tiny_multimer", "synthetic:0", engine="torch")
    one = multimer.predict(features, recycles=0)
    assert one.sequence == both
    assert one.iptm is not None
    assert [(pair.a, pair.b) for pair in one.confidence.interfaces] == [("A", "B")]
    chains = {line[21] for line in one.to_pdb().splitlines() if line.startswith("ATOM")}
    assert chains == {"A", "B"}
    assert len(one.save(tmp_path)) == 5


def test_complexes_need_aligned_errors() -> None:
    both = f"{SEQUENCE}:{OTHER}"
    features = af2cpu.features_from_msa(both, [both])
    with torch.device("meta"):
        model = af2cpu.Model("model_1", "synthetic:0")  # without its parameters: refused before anything runs
    with pytest.raises(af2cpu.InputError, match="model_1 predicts no aligned errors, by which complexes are ranked"):
        model.predict(features)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"aatype": np.zeros(3)}, "a dict can't be predicted from"),
        ([], "a list can't be predicted from"),
        (["features.npz"], "a list can't be predicted from"),
        (None, "a NoneType can't be predicted from"),
    ],
)
def test_other_things_are_no_features(model: af2cpu.Model, given: Any, message: str) -> None:
    with pytest.raises(af2cpu.InputError, match=message):
        model.predict(given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed=-1: must be 0 or more"),
        ({"recycles": -1}, "recycles must be 0 to 20, not -1"),
        ({"recycles": 21}, "recycles must be 0 to 20, not 21"),
        ({"ensembles": 0}, "ensembles must be 1 or more, not 0"),
        ({"tolerance": -0.5}, "tolerance must be 0 angstrom or more"),
    ],
)
def test_numbers_out_of_range(
    model: af2cpu.Model, features: af2cpu.Features, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        model.predict(features, **arguments)


def test_parameters_of_a_folder_and_of_none(tmp_path: Path) -> None:
    with pytest.raises(af2cpu.InputError, match=r"params_tiny\.npz: no such parameter file"):
        af2cpu.load_model("tiny", tmp_path)
    with pytest.raises(af2cpu.InputError, match="params: model_1_ptm needs a parameter file"):
        af2cpu.load_model("model_1_ptm")
    assert af2cpu.load_model("demo", engine="torch").source == "demo"


def test_engine(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """That of the process; the native kernels by default, where they were built."""
    af2cpu.load_model("tiny", "synthetic:0", engine="torch")
    assert dispatch.engine() == "torch"
    assert not caplog.records
    monkeypatch.setattr("af2cpu.ops.isa.built", lambda: False)
    af2cpu.load_model("tiny", "synthetic:0")
    assert dispatch.engine() == "torch"
    assert "no native kernels in this installation" in caplog.text
    monkeypatch.undo()
    if dispatch.chosen("auto") == "native":
        af2cpu.load_model("tiny", "synthetic:0")
        assert dispatch.engine() == "native"
    with pytest.raises(af2cpu.InputError, match="engine=fast: must be one of"):
        af2cpu.load_model("tiny", "synthetic:0", engine="fast")


def test_precision_auto_is_what_the_processor_multiplies(monkeypatch: pytest.MonkeyPatch) -> None:
    for in_hardware, expected in ((True, "torch.bfloat16"), (False, "torch.float32")):
        monkeypatch.setattr("af2cpu.ops.isa.multiplies_bf16", lambda value=in_hardware: value)
        monkeypatch.setattr(
            "torch.cpu.get_capabilities", lambda value=in_hardware: {"avx512_bf16": value, "amx_bf16": value}
        )
        assert str(af2cpu.load_model("tiny", "synthetic:0", precision="auto").dtype) == expected
