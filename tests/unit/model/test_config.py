# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from af2cpu.errors import InputError
from af2cpu.model import config
from af2cpu.model.config import OFFICIAL_MODELS, model_config


def test_the_ten_published_models() -> None:
    """Supplement Table 5."""
    table = {name: model_config(name) for name in OFFICIAL_MODELS if "multimer" not in name}
    assert len(table) == 10
    for name, c in table.items():
        number = int(name.split("_")[1])
        assert c.template_embedder.enabled == (number in (1, 2))
        assert c.data.max_extra_msa == (1024 if number in (2, 5) else 5120)
        assert c.heads.predicted_aligned_error.enabled == name.endswith("_ptm")
        assert (c.evoformer.n_blocks, c.extra_msa_stack.n_blocks, c.recycles) == (48, 4, 3)


def test_the_five_multimer_models() -> None:
    table = {name: model_config(name) for name in OFFICIAL_MODELS if "multimer" in name}
    assert list(table) == [f"model_{k}_multimer_v3" for k in range(1, 6)]
    for name, c in table.items():
        assert c.template_embedder.enabled
        assert c.heads.predicted_aligned_error.enabled
        assert c.data.max_msa_clusters - c.data.max_templates == 508
        assert c.data.max_extra_msa == (1152 if name[6] in "45" else 2048)
        assert (c.recycles, c.recycle_tolerance, c.structure_module.position_scale) == (20, 0.5, 20.0)


def test_unknown_model() -> None:
    with pytest.raises(InputError, match=r"model_9.*model_1, model_2"):
        model_config("model_9")


def test_unknown_key_in_a_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(config.PRESETS, "wrong", {"evoformer.n_blokcs": 3})
    with pytest.raises(KeyError, match="n_blokcs"):
        model_config("wrong")


def test_configuration_is_frozen() -> None:
    with pytest.raises(AttributeError):
        model_config("tiny").c_m = 3


def test_presets_do_not_share_state() -> None:
    assert model_config("tiny").evoformer.n_blocks == 2
    assert model_config("model_1").evoformer.n_blocks == 48
