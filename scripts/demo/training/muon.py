# SPDX-License-Identifier: Apache-2.0
"""The optimiser: Muon (Jordan et al. 2024) for the matrices of the network, Adam for all else.

Muon steps along the orthogonal part of a matrix's momentum: a few hundred steps where Adam takes thousands.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

_MOMENTUM = 0.9
_BETAS = (0.9, 0.99)


def orthogonalised(matrix: Tensor, iterations: int = 5) -> Tensor:
    """About U V^T of the matrix's singular value decomposition U S V^T, by a quintic Newton-Schulz iteration."""
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = x / (x.norm() + 1e-7)
    for _ in range(iterations):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x if wide else x.T


class Optimiser:
    """Steps of the two kinds; `state` holds the moments of each parameter by its name."""

    def __init__(self, named: Iterable[tuple[str, nn.Parameter]], matrix_rate: float, rate: float) -> None:
        self._named = list(named)
        self._matrix_rate, self._rate = matrix_rate, rate
        self.state = {
            name: torch.zeros(1 if _is_matrix(name, p) else 2, *p.shape, dtype=p.dtype) for name, p in self._named
        }

    @torch.no_grad()
    def step(self, number: int, factor: float) -> None:
        """Step `number` (from 1), with the rates times `factor`; clears the gradients."""
        for name, parameter in self._named:
            if parameter.grad is None:
                continue
            if _is_matrix(name, parameter):
                self._matrix_step(parameter, self.state[name], factor * self._matrix_rate)
            else:
                self._adam_step(parameter, self.state[name], number, factor * self._rate)
            parameter.grad = None

    @staticmethod
    def _matrix_step(parameter: nn.Parameter, state: Tensor, rate: float) -> None:
        state[0].lerp_(parameter.grad, 1 - _MOMENTUM)
        update = torch.lerp(parameter.grad, state[0], _MOMENTUM)
        rows = parameter.shape[0]
        update = orthogonalised(update.reshape(rows, -1))
        scale = max(1.0, rows / update.shape[1]) ** 0.5
        parameter.add_(update.reshape(parameter.shape), alpha=-rate * scale)

    @staticmethod
    def _adam_step(parameter: nn.Parameter, state: Tensor, number: int, rate: float) -> None:
        state[0].lerp_(parameter.grad, 1 - _BETAS[0])
        state[1].lerp_(parameter.grad.square(), 1 - _BETAS[1])
        first, second = (moment / (1 - beta**number) for moment, beta in zip(state, _BETAS, strict=True))
        parameter.addcdiv_(first, second.sqrt() + 1e-8, value=-rate)


def _is_matrix(name: str, parameter: Tensor) -> bool:
    """Layers within the network; those that end in logits have their own scale."""
    return parameter.ndim >= 2 and not name.startswith("heads")
