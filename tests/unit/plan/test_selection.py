# SPDX-License-Identifier: Apache-2.0
"""--shard: disjoint, complete, balanced parts that do not depend on the process. --retry-failed: what failed last."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from af2cpu.errors import InputError
from af2cpu.plan.plan import plan_run
from af2cpu.plan.selection import Selection, Shard, read_selection, shard_of
from af2cpu.records import Query
from af2cpu.runs.failures import record_failure
from af2cpu.runs.records import Failure
from af2cpu.settings import load_settings


def queries(count: int, seed: int = 0) -> list[Query]:
    """Of 20 to 2,000 residues, one in ten with the sequence of another."""
    draw = random.Random(seed)
    sequences = ["".join(draw.choices("ACDEFGHIKL", k=round(20 * 100 ** draw.random()))) for _ in range(count)]
    for number in range(0, count, 10):
        sequences[number] = draw.choice(sequences)
    return [Query(f"t{number}", sequence, "", "made up") for number, sequence in enumerate(sequences)]


def cost(query: Query) -> float:
    return 1e6 * query.n_res + query.n_res**2.5


@pytest.mark.parametrize(("count", "shards"), [(1, 3), (7, 7), (100, 3), (1000, 16), (30, 64)])
def test_parts_are_disjoint_complete_and_keep_equal_sequences_together(count: int, shards: int) -> None:
    every = queries(count)
    parts = [shard_of(every, Shard(number, shards), cost) for number in range(1, shards + 1)]
    assert sorted(number for part in parts for number in part) == list(range(count))
    assert all(part == sorted(part) for part in parts)
    owners: dict[str, set[int]] = {}
    for part_number, part in enumerate(parts):
        for number in part:
            owners.setdefault(every[number].sequence, set()).add(part_number)
    assert all(len(found) == 1 for found in owners.values())


def test_parts_cost_the_same_and_share_the_long_ones() -> None:
    every = queries(1000)
    parts = [shard_of(every, Shard(number, 16), cost) for number in range(1, 17)]
    distinct_of = [{every[number].sequence: every[number] for number in part}.values() for part in parts]
    loads = [sum(map(cost, some)) for some in distinct_of]
    assert max(loads) / min(loads) < 1.02
    longest = sorted(range(1000), key=lambda number: -len(every[number].sequence))
    distinct = list({every[number].sequence: number for number in longest}.values())[:16]
    assert len({k for k, part in enumerate(parts) for number in distinct if number in part}) == 16


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/", "a/b", "-1/3", "1/0", "1.5/2"])
def test_a_part_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="must be I/N"):
        read_selection(text, retry_failed=False)


def test_the_plan_has_the_chosen_targets(tmp_path: Path) -> None:
    (tmp_path / "in.fasta").write_text("".join(f">t{k}\nMKTAYIAK{'ACDEFG'[k] * (k + 1)}\n" for k in range(6)))
    settings = load_settings({"models": ["tiny"], "params": "synthetic:0", "db": ["demo"]})

    def planned(selection: Selection) -> list[str]:
        plan = plan_run([tmp_path / "in.fasta"], tmp_path / "out", settings, selection)
        return [job.name for job in plan.jobs]

    parts = [planned(Selection(Shard(number, 4))) for number in (1, 2, 3, 4)]
    assert sorted(name for part in parts for name in part) == [f"t{k}" for k in range(6)]
    assert planned(Selection(retry_failed=True)) == []
    for name in ("t1", parts[0][0]):
        record_failure(tmp_path / "out" / name, Failure("msa", "no luck"), "")
    assert planned(Selection(retry_failed=True)) == sorted({"t1", parts[0][0]})
    assert planned(Selection(Shard(1, 4), retry_failed=True)) == sorted({"t1", parts[0][0]} & set(parts[0]))
