# SPDX-License-Identifier: Apache-2.0
"""All against all: which pairs, their names and chains; what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from af2cpu.errors import InputError
from af2cpu.query import read_pairs
from af2cpu.records import Query

ALL = ">a first protein\nMKV\n>b\nGGL\n>c third\nAAA\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def names(*paths: Path) -> list[str]:
    return [item.query.name for item in read_pairs(paths)]


def test_every_two_of_one_file(tmp_path: Path) -> None:
    path = write(tmp_path / "all.fasta", ALL)
    first, second, third = read_pairs([path])
    assert first.query == Query(
        name="a__b",
        sequence="MKV:GGL",
        description="a first protein, b",
        source=f"{path}, record 1 with {path}, record 2",
        chain_names=("a first protein", "b"),
    )
    assert [(chain.id, chain.name) for chain in first.query.chains] == [("A", "a first protein"), ("B", "b")]
    assert [item.query.name for item in (second, third)] == ["a__c", "b__c"]
    assert [item.pair for item in (first, second, third)] == [("a", "b"), ("a", "c"), ("b", "c")]


def test_sixty_six_pairs_of_twelve(tmp_path: Path) -> None:
    path = write(tmp_path / "all.fasta", "".join(f">p{k}\nMKV\n" for k in range(12)))
    assert len(set(names(path))) == 66


def test_every_bait_with_every_prey(tmp_path: Path) -> None:
    baits, preys = write(tmp_path / "baits.fasta", ALL), write(tmp_path / "preys.csv", "id,sequence\nx,MK\ny,GG\n")
    assert names(baits, preys) == ["a__x", "a__y", "b__x", "b__y", "c__x", "c__y"]


def test_a_record_of_both_files_is_one_partner(tmp_path: Path) -> None:
    """Paired with itself, and with another one of both files once; two copies have the record's own name."""
    baits, preys = write(tmp_path / "baits.fasta", ALL), write(tmp_path / "preys.fasta", ">b\nGGL\n>a first\nMKV\n")
    assert names(baits, preys) == ["a__b", "a__a", "b__b", "c__b", "c__a"]
    twice = next(item.query for item in read_pairs([baits, preys]) if item.query.name == "a__a")
    assert (twice.description, twice.chain_names, twice.sequence) == ("a first protein", (), "MKV:MKV")


def test_a_folder_is_one_list(tmp_path: Path) -> None:
    for name in "xy":
        write(tmp_path / f"{name}.fasta", f">{name}\nMKV\n")
    assert names(tmp_path) == ["x__y"]


def test_names_are_distinct_and_short(tmp_path: Path) -> None:
    long = "l" * 90
    path = write(tmp_path / "all.fasta", f">a\nMK\n>b__c\nMKV\n>a__b\nMKVL\n>c\nMKVLL\n>{long}1\nGG\n>{long}2\nGGG\n")
    found = names(path)
    assert len({name.casefold() for name in found}) == 15
    assert max(map(len, found)) <= 100


def test_notes_of_a_record_stay_with_its_pairs(tmp_path: Path) -> None:
    path = write(tmp_path / "all.fasta", ">a\nMKV*\n>b\nGGL\n>c\nMKL\n")
    assert [bool(item.notes) for item in read_pairs([path])] == [True, True, False]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((">a\nMK\n",), "is the only sequence, and --pairs needs two or more"),
        ((">a\nMK\n>b\nMK:GG\n",), "record 2: is a complex itself"),
        ((">a\nMK\n>b\nM-\n>c\n-M\n",), "is an alignment, and --pairs takes sequences"),
        ((ALL, ALL, ALL), "--pairs: takes one file, .* 3 were given"),
        (
            (">a\nMK\n", ">b\nMK\n>a\nMKV\n"),
            "record 1 and .* record 2 both have the name 'a', and their",
        ),
        ((">a\nMK\n>a\nMK\n",), "both have the name 'a'"),
    ],
)
def test_refused_in_one_line(tmp_path: Path, files: tuple[str, ...], message: str) -> None:
    paths = [write(tmp_path / f"{number}", text) for number, text in enumerate(files)]
    with pytest.raises(InputError, match=message) as error:
        read_pairs(paths)
    assert "\n" not in str(error.value)
