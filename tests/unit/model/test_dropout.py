# SPDX-License-Identifier: Apache-2.0
"""Dropout: what its masks are like, what they follow from, where they act, and that there are none without it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from af2cpu.model.alphafold import AlphaFold
from af2cpu.model.config import model_config
from af2cpu.model.dropout import Dropout, DropoutSeed, draw_mask
from af2cpu.ops import dispatch, isa
from af2cpu.ops.slicing import memory_budget
from af2cpu.records import ProcessedFeatures
from af2cpu.validate.synthetic import synthetic_features
from af2cpu.weights.network import load_network

SEED = DropoutSeed(7, 0, 0)
PLACE = "evoformer.blocks.3.triangle_attention_starting.dropout/0"
ROW, PAIR = 0.15, 0.25  # rates
ENGINES = ["torch", *(["native"] if isa.built() else [])]


def _draws(name: str = "tiny", n: int = 2, chains: tuple[int, ...] = (11,), **sizes: int) -> list[ProcessedFeatures]:
    given = {"n_seq": 5, "n_extra": 6, "n_templ": 2} | sizes
    return [synthetic_features(model_config(name), chains, seed=seed, **given) for seed in range(n)]


def network(name: str, precision: str = "fp32") -> AlphaFold:
    """Without the layer of the Python API, which makes a seed of its own."""
    return load_network(model_config(name), "synthetic:0", precision)


@pytest.fixture(scope="module")
def net() -> AlphaFold:
    return network("tiny")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[DropoutSeed, str, float, tuple[int, ...]]]:
    """The masks that are drawn."""
    found = []

    def drawn(seed: DropoutSeed, place: str, rate: float, shape: tuple[int, ...]) -> np.ndarray:
        found.append((seed, place, rate, shape))
        return draw_mask(seed, place, rate, shape)

    monkeypatch.setattr("af2cpu.model.dropout.draw_mask", drawn)
    return found


@pytest.mark.parametrize("rate", [0.0, ROW, PAIR, 0.5])
def test_masks_have_their_rate_everywhere(rate: float) -> None:
    """In all, in each channel and at each residue, within five standard deviations."""
    n, c = 801, 1001
    dropped = ~draw_mask(SEED, PLACE, rate, (n, c))
    sigma = (rate * (1 - rate)) ** 0.5
    assert abs(dropped.mean() - rate) <= 5 * sigma / (n * c) ** 0.5
    assert np.abs(dropped.mean(axis=0) - rate).max() <= 5 * sigma / n**0.5
    assert np.abs(dropped.mean(axis=1) - rate).max() <= 5 * sigma / c**0.5


def test_neighbours_are_independent() -> None:
    dropped = (~draw_mask(SEED, PLACE, PAIR, (600, 600))).astype(float) - PAIR
    for shifted in (np.roll(dropped, 1, axis=0), np.roll(dropped, 1, axis=1), np.roll(dropped, 2, axis=1)):
        correlation = (dropped * shifted).mean() / (PAIR * (1 - PAIR))
        assert abs(correlation) < 5 / 600


def test_a_mask_follows_from_seed_pass_member_and_layer_alone() -> None:
    shape = (40, 64)
    mask = draw_mask(SEED, PLACE, PAIR, shape)
    assert np.array_equal(mask, draw_mask(DropoutSeed(7, 0, 0), PLACE, PAIR, shape))
    others = [
        draw_mask(SEED._replace(seed=8), PLACE, PAIR, shape),
        draw_mask(SEED._replace(recycle=1), PLACE, PAIR, shape),
        draw_mask(SEED._replace(member=1), PLACE, PAIR, shape),
        draw_mask(SEED, PLACE.replace("3", "4"), PAIR, shape),
        draw_mask(SEED, PLACE.replace("starting", "ending"), PAIR, shape),
        draw_mask(SEED, PLACE.replace("/0", "/1"), PAIR, shape),
    ]
    for k, other in enumerate(others):  # as many agree as do by chance
        for one in (mask, *others[:k]):
            assert abs((one == other).mean() - (PAIR**2 + (1 - PAIR) ** 2)) < 5 * 0.5 / (40 * 64) ** 0.5


def test_the_words_of_a_mask_are_numpys_philox() -> None:
    """The masks of a seed are the same in every version: hash and generator are written down here once more."""
    import hashlib

    key = int.from_bytes(hashlib.blake2b(b"7/2/1/here", digest_size=16).digest(), "little")
    raw = np.random.Generator(np.random.Philox(key=key)).integers(0, 2**64, 6, np.uint64, endpoint=False)
    words = np.stack([raw & np.uint64(2**32 - 1), raw >> np.uint64(32)], axis=1).ravel()[:11]
    expected = words / 2**32 >= 0.5
    assert np.array_equal(draw_mask(DropoutSeed(7, 2, 1), "here", 0.5, (11, 1))[:, 0], expected)
    assert 0 < expected.sum() < 11


def test_factors_keep_the_mean() -> None:
    layer = Dropout(PAIR)
    layer.start("here", SEED)
    factors = layer(torch.zeros(3, 200, 100))
    assert factors is not None
    assert factors.unique().tolist() == [0.0, pytest.approx(4 / 3)]
    assert float(factors.mean()) == pytest.approx(1, abs=0.02)


def test_none_without_a_seed(net: AlphaFold, asked: list[object]) -> None:
    assert Dropout(PAIR)(torch.zeros(3, 4, 5)) is None
    net.predict(_draws(n=1), recycles=0, dropout_seed=1)
    assert asked
    asked.clear()
    net.predict(_draws(n=1), recycles=0)  # also not what the prediction before it had
    assert asked == []


def test_every_pass_draws_a_mask_for_each_layer_once(net: AlphaFold, asked: list[tuple]) -> None:
    """Two passes with two members each; each template has masks of its own."""
    net.predict(_draws(n=4), recycles=1, ensembles=2, dropout_seed=3)
    assert len(set(asked)) == len(asked)
    pair = {
        "triangle_multiplication_outgoing",
        "triangle_multiplication_incoming",
        "triangle_attention_starting",
        "triangle_attention_ending",
    }
    stacks = {"evoformer.blocks": (1, 2, 24), "extra_msa_stack.blocks": (1, 2, 24)}
    stacks["template_embedder.pair.stack.blocks"] = (2, model_config("tiny").template_embedder.n_blocks, 16)
    expected = {
        (DropoutSeed(3, index, member), f"{stack}.{block}.{layer}.dropout/{call}", PAIR, (11, width))
        for stack, (calls, blocks, width) in stacks.items()
        for block in range(blocks)
        for layer in pair
        for call in range(calls)
        for index in range(2)
        for member in range(2)
    }
    expected |= {
        (DropoutSeed(3, index, member), f"{stack}.blocks.{block}.msa_row_attention.dropout/0", ROW, (11, width))
        for stack, width in (("evoformer", 32), ("extra_msa_stack", 16))
        for block in range(2)
        for index in range(2)
        for member in range(2)
    }
    assert set(asked) == expected


def test_empty_templates_of_a_multimer_model_differ_with_dropout(asked: list[tuple]) -> None:
    net = network("tiny_multimer")
    (draw,) = _draws("tiny_multimer", 1, (6, 5), n_templ=1)
    from af2cpu.validate.synthetic import padded

    net.predict([padded(draw, 5, 6, 4)], recycles=0, dropout_seed=3)
    calls = {place.rpartition("/")[2] for _, place, _, _ in asked if place.startswith("template_embedder")}
    assert calls == {"0", "1", "2", "3"}


def _layers(net: AlphaFold) -> Iterator[tuple[str, Tensor, Tensor, int]]:
    """Name, update without and with dropout, and the axis that shares the mask."""
    block, generator = net.evoformer.blocks[0], torch.Generator().manual_seed(0)
    m, z = (torch.randn(*shape, generator=generator) for shape in ((9, 13, 32), (13, 13, 24)))
    msa_mask, pair_mask = torch.ones(9, 13), torch.ones(13, 13)
    runs = {
        "msa_row_attention": lambda: block.msa_row_attention(m.clone(), z, msa_mask) - m,
        "triangle_multiplication_outgoing": lambda: block.triangle_multiplication_outgoing(z.clone(), pair_mask) - z,
        "triangle_multiplication_incoming": lambda: block.triangle_multiplication_incoming(z.clone(), pair_mask) - z,
        "triangle_attention_starting": lambda: block.triangle_attention_starting(z.clone(), pair_mask) - z,
        "triangle_attention_ending": lambda: block.triangle_attention_ending(z.clone(), pair_mask) - z,
    }
    for name, run in runs.items():
        dropout = block.get_submodule(f"{name}.dropout")
        dropout.start(name, None)
        plain = run()
        dropout.start(name, SEED)
        dropped = run()
        dropout.start(name, None)
        yield name, plain, dropped, int(name.endswith("ending"))


@pytest.mark.parametrize("engine", ENGINES)
@torch.no_grad()
def test_rows_share_a_mask_and_the_ending_node_s_columns(net: AlphaFold, engine: str) -> None:
    """The update times 0 or 1 / (1 - rate), before it is added; the same for all sequences or rows, or all columns."""
    dispatch.use_engine(engine)
    seen = []
    for name, plain, dropped, axis in _layers(net):
        rate = ROW if "row" in name else PAIR
        kept = draw_mask(SEED, f"{name}/0", rate, (plain.shape[1 - axis], plain.shape[2]))
        factors = torch.from_numpy(kept).unsqueeze(axis) / (1 - rate)
        torch.testing.assert_close(dropped, plain * factors, atol=2e-6, rtol=1e-5)
        assert float(plain.abs().mean()) > 0.01
        seen.append(name)
    assert len(seen) == 5


@torch.no_grad()
def test_slices_and_budgets_change_nothing(net: AlphaFold) -> None:
    draws = _draws()
    whole = net.predict(draws, recycles=1, dropout_seed=5)
    with memory_budget(1):
        sliced = net.predict(draws, recycles=1, dropout_seed=5)
    np.testing.assert_allclose(sliced.atom_positions, whole.atom_positions, atol=2e-3)
    other = net.predict(draws, recycles=1, dropout_seed=6)
    assert np.abs(other.atom_positions - whole.atom_positions).max() > 0.5


@torch.no_grad()
def test_gradients_see_the_same_update(net: AlphaFold) -> None:
    for layer in ("triangle_multiplication_outgoing", "triangle_attention_ending"):
        module = net.evoformer.blocks[0].get_submodule(layer)
        z = torch.randn(7, 7, 24, generator=torch.Generator().manual_seed(1))
        module.dropout.start("x", SEED)
        in_place = module(z.clone(), torch.ones(7, 7))
        module.dropout.start("x", SEED)
        with torch.enable_grad():
            torch.testing.assert_close(module(z.clone(), torch.ones(7, 7)), in_place, atol=1e-5, rtol=1e-5)
        module.dropout.start("x", None)


@pytest.mark.skipif(not isa.built(), reason="the native kernels are not built in this installation")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_engines_and_threads_have_the_same_masks(precision: str) -> None:
    model = network("tiny", precision)
    found = {}
    before = torch.get_num_threads()
    try:
        for engine, threads in (("torch", 1), ("native", 1), ("native", 3)):
            dispatch.use_engine(engine)
            torch.set_num_threads(threads)
            found[engine, threads] = model.predict(_draws(), recycles=1, dropout_seed=5, save_all=True)
    finally:
        torch.set_num_threads(before)
    one, three = found["native", 1], found["native", 3]
    assert np.array_equal(one.atom_positions, three.atom_positions)
    z, expected = (x.extras["representations/pair"] for x in (one, found["torch", 1]))
    error = np.linalg.norm(z - expected) / np.linalg.norm(expected)
    assert error < (1e-4 if precision == "fp32" else 0.05)
