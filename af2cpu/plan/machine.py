# SPDX-License-Identifier: Apache-2.0
"""What predictions run on: engine, precision and speed of this machine. Engine native needs no PyTorch for it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from af2cpu.cores import available_cores, available_memory
from af2cpu.ops import isa
from af2cpu.ops.sizes import budget_within
from af2cpu.settings import RunSettings

# The share of the machine's rate that a whole pass reaches: measured, benchmarks/end_to_end.py.
_EFFICIENCY = {"native": 0.8}
_EFFICIENCY_OF_PYTORCH = 0.35


@dataclass(frozen=True)
class EngineChoice:
    """What the network is computed with."""

    engine: str  # native, torch, compile or ipex
    isa: str | None  # instruction set of engine native
    precision: str  # bf16 or fp32
    budget: int  # bytes, for the intermediates of one operation

    def decisive(self) -> dict[str, object]:
        """What a prediction depends on, to the last bit: the native kernels' results do not depend on the slices."""
        return {name: value for name, value in vars(self).items() if name != "budget" or self.engine != "native"}

    def __str__(self) -> str:
        """As in keys and log lines."""
        return f"{self.engine} ({self.isa})" if self.isa else self.engine


@dataclass(frozen=True)
class Machine:
    """The machine as the plan of a run sees it."""

    cores: int
    memory: int  # bytes that the run may take
    choice: EngineChoice
    known_rate: float | None = None  # operations per second of a matrix product with this engine and precision

    @cached_property
    def rate(self) -> float:
        """`known_rate`; where it is not known it is measured now (0.03 s), which a search does without."""
        return self.known_rate or matrix_rate(self.choice)

    @property
    def pass_rate(self) -> float:
        """Operations per second that a whole pass of the network reaches."""
        return self.rate * _EFFICIENCY.get(self.choice.engine, _EFFICIENCY_OF_PYTORCH)


def this_machine(settings: RunSettings) -> Machine:
    """This machine with these settings. Raises InputError for an unknown engine."""
    choice = engine_choice(settings)
    memory = settings.memory or available_memory()
    return Machine(settings.threads or available_cores(), memory, choice)


def engine_choice(settings: RunSettings) -> EngineChoice:
    """What `auto` means on this machine. Raises InputError for an engine that is unknown or was not built."""
    engine = isa.chosen(settings.engine)
    level = isa.level() if engine == "native" else None
    return EngineChoice(engine, level, _precision(settings.precision, level), budget_within(settings.memory))


def _precision(wanted: str, level: str | None) -> str:
    """bf16 where the processor multiplies it in hardware and AF2CPU_ISA allows that."""
    if wanted != "auto":
        return wanted
    if level is not None:
        return "bf16" if isa.multiplies_bf16() else "fp32"
    return "bf16" if {"avx512_bf16", "amx_bf16"} & set(instructions()) else "fp32"


def instructions() -> tuple[str, ...]:
    """Vector and matrix instructions of the processor, by PyTorch's names.

    PyTorch tells them from 2.9 on; before that, the flags that Linux gives are taken, which have the same names.
    """
    import torch

    ask = getattr(torch.cpu, "get_capabilities", None)
    if ask is not None:
        return tuple(name for name, has in ask().items() if has is True and name != "architecture")
    flags = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    names = flags[1].split() if flags else []
    return tuple(name for name in names if name.startswith(("avx", "amx", "fma", "f16c")))


def matrix_rate(choice: EngineChoice) -> float:
    """Operations per second of a matrix product, measured now."""
    if choice.engine == "native":
        return isa.rate(choice.precision)
    import torch

    a = torch.ones(1024, 1024, dtype=torch.bfloat16 if choice.precision == "bf16" else torch.float32)
    torch.mm(a, a)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < 0.1:
        torch.mm(a, a)
        count += 1
    return count * 2 * 1024**3 / (time.perf_counter() - start)
