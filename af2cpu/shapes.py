# SPDX-License-Identifier: Apache-2.0
"""Shapes in signatures: jaxtyping's annotations, which only tests and type checkers evaluate.

jaxtyping is a development dependency. Modules that use these names postpone the evaluation of annotations, so that a
user's installation works without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
else:
    try:
        from jaxtyping import Bool, Float, Int
    except ModuleNotFoundError:
        Bool = Float = Int = None

__all__ = ["Bool", "Float", "Int"]
