# SPDX-License-Identifier: Apache-2.0
"""Dropout against the reference: its rates and shapes, and the whole network given the same masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from af2cpu.model.alphafold import AlphaFold
from af2cpu.model.config import OFFICIAL_MODELS, model_config
from af2cpu.model.dropout import DropoutSeed, draw_mask
from af2cpu.ops import dispatch, isa
from af2cpu.records import ProcessedFeatures
from af2cpu.validate import reference
from af2cpu.validate.compare import output_rows
from af2cpu.validate.synthetic import padded, synthetic_features
from af2cpu.validate.torsions import shared_torsions

SEED = 11
PADDED = (20, 24, 4)  # rows, extra rows, templates
ENGINES = ["torch", *(["native"] if isa.built() else [])]
OURS = {  # by the reference's name
    "msa_row_attention_with_pair_bias": "msa_row_attention",
    "triangle_multiplication_outgoing": "triangle_multiplication_outgoing",
    "triangle_multiplication_incoming": "triangle_multiplication_incoming",
    "triangle_attention_starting_node": "triangle_attention_starting",
    "triangle_attention_ending_node": "triangle_attention_ending",
}


@pytest.mark.parametrize("name", OFFICIAL_MODELS)
def test_rates_and_shapes_are_those_of_the_reference(name: str) -> None:
    theirs, config = reference.load_reference().config.model_config(name).model, model_config(name)
    evoformer = theirs.embeddings_and_evoformer.evoformer
    stacks = [(evoformer, config.evoformer), (evoformer, config.extra_msa_stack)]
    if config.template_embedder.enabled:
        templates = theirs.embeddings_and_evoformer.template.template_pair_stack
        stacks.append((templates, config.template_embedder))
    for stack, ours in stacks:
        for layer, layer_config in stack.items():
            if layer == "num_block":
                continue
            own = OURS.get(layer, layer).removesuffix("_starting").removesuffix("_ending")
            own = own.removesuffix("_outgoing").removesuffix("_incoming")
            assert layer_config.shared_dropout
            assert layer_config.dropout_rate == ours.get(own, {}).get("dropout", 0.0), layer
            if layer_config.dropout_rate:
                assert (layer_config.orientation == "per_column") == (layer == "triangle_attention_ending_node")
    # The structure module's dropout follows is_training, which use_dropout leaves as it is: none at inference.
    assert theirs.heads.structure_module.dropout == 0.1
    assert theirs.global_config.eval_dropout is False


class _Masks:
    """Our masks for the reference's layers, in the order in which it asks for them in a pass."""

    def __init__(self, n_template_blocks: int) -> None:
        self.index = -1
        self.n_template_blocks = n_template_blocks
        self.calls: Counter[str] = Counter()

    def start_pass(self) -> None:
        self.index += 1
        self.calls.clear()

    def get(self, module: str, rate: float, shape: Sequence[int], axis: int, _: Any) -> np.ndarray:
        layer, count = OURS[module.rpartition("/")[2]], self.calls[module]
        self.calls[module] += 1
        if "template" in module:
            call, block = divmod(count, self.n_template_blocks)
            place = f"template_embedder.pair.stack.blocks.{block}.{layer}.dropout/{call}"
        else:
            stack = "extra_msa_stack" if "extra_msa_stack" in module else "evoformer"
            place = f"{stack}.blocks.{count}.{layer}.dropout/0"
        own = tuple(size for k, size in enumerate(shape) if k != axis)
        mask = draw_mask(DropoutSeed(SEED, self.index, 0), place, rate, own)
        return np.expand_dims(mask, axis).astype(np.float32)


@contextmanager
def _given(masks: _Masks, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The reference with ColabFold's use_dropout, and our masks in the place of its own."""
    from jax.experimental import io_callback

    r = reference.load_reference()
    wrapper, within, plain_config = r.modules.dropout_wrapper, [], reference.reference_config

    def dropout_wrapper(module: Any, *args: Any, **kwargs: Any) -> Any:
        within.append(module.module_name)
        try:
            return wrapper(module, *args, **kwargs)
        finally:
            within.pop()

    def apply_dropout(
        *, tensor: Any, safe_key: Any, rate: float, is_training: bool, broadcast_dim: int | None = None
    ) -> Any:
        if not is_training or rate == 0.0:  # not in training: the structure module
            return tensor
        assert broadcast_dim is not None
        shape = [1 if k == broadcast_dim else size for k, size in enumerate(tensor.shape)]
        of_host = partial(masks.get, within[-1], rate, shape, broadcast_dim)
        # The operand makes each call wait for the one before it.
        keep = io_callback(of_host, r.jax.ShapeDtypeStruct(shape, np.float32), tensor[0, 0, 0])
        return keep * tensor / (1.0 - rate)

    def with_dropout(config: Any) -> Any:
        c = plain_config(config)
        c.global_config.eval_dropout = True
        return c

    compiled: dict[Any, Any] = {}

    def compiled_network(config: Any) -> Any:
        apply = compiled.setdefault(config, unpatched.__wrapped__(config))

        def counted(*args: Any) -> Any:
            masks.start_pass()
            return r.jax.block_until_ready(apply(*args))

        return counted

    unpatched = reference._compiled_network
    with monkeypatch.context() as patch:
        patch.setattr(r.modules, "dropout_wrapper", dropout_wrapper)
        patch.setattr(r.modules, "apply_dropout", apply_dropout)
        patch.setattr(reference, "reference_config", with_dropout)
        patch.setattr(reference, "_compiled_network", compiled_network)
        yield


def _theirs(
    both: SimpleNamespace, draws: Sequence[ProcessedFeatures], torsions: Sequence[dict], patch: pytest.MonkeyPatch
) -> dict:
    masks = _Masks(both.config.template_embedder.n_blocks)
    with _given(masks, patch):
        *_, last = reference.run_passes(both.config, both.parameters, draws, torsions)
    asked = {module.rpartition("/")[2] for module in masks.calls}
    assert asked == set(OURS)
    return last


def _check(both: SimpleNamespace, draws: list[ProcessedFeatures], theirs: dict) -> None:
    for engine in ENGINES:
        dispatch.use_engine(engine)
        given: dict[str, Any] = {"recycles": len(draws) - 1, "tolerance": 0.0, "save_all": True}
        ours = AlphaFold.predict(both.model, draws, dropout_seed=SEED, **given)
        rows = list(output_rows(ours, theirs, draws[-1]))
        assert [(engine, row) for row in rows if not row.passed] == []
        other = AlphaFold.predict(both.model, draws, dropout_seed=SEED + 1, **given)  # the masks decide
        assert [row for row in output_rows(other, theirs, draws[-1]) if not row.passed]
        assert len(rows) >= 12


def test_whole_network(tiny: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"n_seq": 20, "n_extra": 24, "n_templ": 3}
    draws = [padded(synthetic_features(tiny.config, 19, seed=k, **sizes), *PADDED) for k in range(2)]
    _check(tiny, draws, _theirs(tiny, draws, [shared_torsions(draw)[0] for draw in draws], monkeypatch))


def test_whole_multimer_network(tiny_multimer: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the masks of the rows of zeros in the place of templates."""
    sizes = {"n_seq": 20, "n_extra": 24, "n_templ": 2}
    draws = [padded(synthetic_features(tiny_multimer.config, (10, 9), seed=k, **sizes), *PADDED) for k in range(2)]
    _check(tiny_multimer, draws, _theirs(tiny_multimer, draws, [{}, {}], monkeypatch))
