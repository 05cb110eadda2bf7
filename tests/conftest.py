"""Shapes in the signatures of the network are checked in all tests."""

from __future__ import annotations

from jaxtyping import install_import_hook

install_import_hook(["af2cpu.geometry", "af2cpu.model", "af2cpu.ops"], "beartype.beartype")
