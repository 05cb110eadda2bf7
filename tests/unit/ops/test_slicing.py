# SPDX-License-Identifier: Apache-2.0
"""Slices change nothing but rounding, and gradients flow where they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

import af2cpu
from af2cpu.model.alphafold import AlphaFold
from af2cpu.ops.sizes import DEFAULT_BUDGET, budget_within
from af2cpu.ops.slicing import build_rows, memory_budget, slices, update_rows

N_RES, N_SEQ = 13, 9


def _layers(net: AlphaFold) -> Iterator[tuple[str, Callable[[], Tensor]]]:
    """Every sliced operation of the network on fresh inputs."""
    block, extra = net.evoformer.blocks[0], net.extra_msa_stack.blocks[0]
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    m, e, z = normal(N_SEQ, N_RES, 32), normal(N_SEQ, N_RES, 16), normal(N_RES, N_RES, 24)
    t, s = normal(2, N_RES, N_RES, 16), normal(N_RES, 40)
    msa_mask = (torch.rand(N_SEQ, N_RES, generator=generator) > 0.2).float()
    pair_mask = (torch.rand(N_RES, N_RES, generator=generator) > 0.2).float()
    yield "row attention", lambda: block.msa_row_attention(m.clone(), z, msa_mask)
    yield "column attention", lambda: block.msa_column_attention(m.clone(), msa_mask)
    yield "global attention", lambda: extra.msa_column_attention(e.clone(), msa_mask)
    yield "transition", lambda: block.msa_transition(m.clone())
    yield "outer product mean", lambda: block.outer_product_mean(m, msa_mask, z.clone())
    yield "outgoing", lambda: block.triangle_multiplication_outgoing(z.clone(), pair_mask)
    yield "incoming", lambda: block.triangle_multiplication_incoming(z.clone(), pair_mask)
    yield "starting", lambda: block.triangle_attention_starting(z.clone(), pair_mask)
    yield "ending", lambda: block.triangle_attention_ending(z.clone(), pair_mask)
    asym = torch.arange(N_RES) // 4
    yield "template attention", lambda: net.template_embedder.attention(t, z.clone())
    yield "structure module", lambda: net.structure_module(s, z, torch.arange(N_RES), torch.ones(N_RES)).s
    yield "aligned error", lambda: net.heads.predicted_aligned_error.pae_and_ptm(z, torch.ones(N_RES), asym)[0]


@pytest.fixture(scope="module")
def net() -> AlphaFold:
    return af2cpu.load_model("tiny", "synthetic:0", engine="torch")


def test_one_row_at_a_time_gives_the_same(net: AlphaFold) -> None:
    with torch.no_grad():
        for name, run in _layers(net):
            whole = run()
            with memory_budget(1):
                torch.testing.assert_close(
                    run(), whole, atol=1e-5, rtol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
                )


def test_gradients_are_those_of_the_unsliced_operation(net: AlphaFold) -> None:
    """With gradients on, layers work out of place, and slices join."""
    for name, run in _layers(net):
        if name in ("structure module", "aligned error"):
            continue
        with torch.no_grad():
            in_place = run()
        with torch.enable_grad(), memory_budget(1):
            torch.testing.assert_close(run(), in_place, atol=1e-5, rtol=1e-5)


def test_training_reaches_every_parameter(net: AlphaFold) -> None:
    block = net.evoformer.blocks[0]
    block.requires_grad_(True)
    try:
        m, z = torch.randn(4, 6, 32), torch.randn(6, 6, 24)
        m, z = block(m, z, torch.ones(4, 6), torch.ones(6, 6))
        (m.square().sum() + z.square().sum()).backward()
        assert [name for name, p in block.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
    finally:
        block.requires_grad_(False)
        for p in block.parameters():
            p.grad = None


def test_slices_cover_all_rows_within_the_budget() -> None:
    with memory_budget(100):
        cuts = list(slices(10, 30))
    assert [(cut.start, cut.stop) for cut in cuts] == [(0, 3), (3, 6), (6, 9), (9, 10)]


def test_budget_bounds_the_rows_given_to_an_operation() -> None:
    seen = []
    with memory_budget(64), torch.no_grad():
        update_rows(torch.zeros(10, 2), 16, lambda rows: seen.append(rows.stop - rows.start) or torch.ones(1))
        build_rows(10, 16, lambda rows: seen.append(rows.stop - rows.start) or torch.ones(rows.stop - rows.start, 1))
    assert max(seen) == 4


def test_update_is_in_place_without_gradients() -> None:
    x = torch.zeros(3, 2)
    with torch.no_grad():
        assert update_rows(x, 8, lambda rows: torch.ones(1)) is x
    assert x.sum() == 6


def test_no_rows() -> None:
    assert build_rows(0, 8, lambda rows: torch.zeros(0, 5)).shape == (0, 5)


def test_less_memory_gives_smaller_slices_and_never_larger_ones() -> None:
    assert budget_within(None) == budget_within(2**40) == DEFAULT_BUDGET
    assert budget_within(4 * 2**30) == 16 * 2**20
    assert budget_within(1) == 2**20
