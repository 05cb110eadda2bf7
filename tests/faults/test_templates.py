# SPDX-License-Identifier: Apache-2.0
"""Faults 20-22: templates that are missing, obsolete, broken, or none at all."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from feature_cases import alignment, random_sequence
from mmcif_cases import protein, write_mmcif

from af2cpu.errors import InputError
from af2cpu.features.config import SamplingConfig
from af2cpu.features.draws import Draws
from af2cpu.features.raw import make_features
from af2cpu.features.template import TemplateSource, hit_templates
from af2cpu.formats.obsolete import current_entry, read_obsolete
from af2cpu.records import Query, TemplateHit, Templates

SEQUENCE = random_sequence(np.random.default_rng(0), 40)
QUERY = Query("q", "GGGG" + SEQUENCE[:-4], "q", "test")


def hit(entry: str, letters: str = SEQUENCE) -> TemplateHit:
    """A hit whose columns are the query's from the fifth on."""
    n = len(letters) - 4
    row = "----" + letters[:n]
    indices = (-1,) * 4 + tuple(range(n))
    return TemplateHit(1, f"{entry}_A", n, None, QUERY.sequence, row, tuple(range(QUERY.n_res)), indices)


def entry(folder: Path, name: str, seed: int = 1, released: tuple[str, ...] = ("2009-01-02",)) -> Path:
    return write_mmcif(folder / f"{name}.cif", [protein("A", "A", SEQUENCE, seed)], released)


def names(templates: Templates) -> list[bytes]:
    return templates.template_domain_names.tolist()


@pytest.mark.fault(20, "skipped with a line in the report; successors are followed")
def test_missing_file_is_skipped_aloud(tmp_path: Path) -> None:
    entry(tmp_path, "2abc")
    found = hit_templates(QUERY, [hit("1abc"), hit("2abc")], TemplateSource(tmp_path))
    assert names(found) == [b"2abc_A"]
    assert len(found.notes) == 1
    assert "1abc_A skipped" in found.notes[0]
    assert "1abc.cif" in found.notes[0]


OBSOLETE = """ LIST OF OBSOLETE COORDINATE ENTRIES AND SUCCESSORS
OBSLTE    31-JUL-94 1ABC     2ABC
OBSLTE    26-SEP-06 2ABC     3ABC 9ABC
OBSLTE    06-NOV-19 6G9Y
OBSLTE    06-NOV-19 7ABC     8ABC
OBSLTE    06-NOV-19 8ABC     7ABC
OBSLTE    06-NOV-19 5ABC     6G9Y
"""


@pytest.mark.fault(20)
def test_chains_of_successors_are_followed(tmp_path: Path) -> None:
    (tmp_path / "obsolete.dat").write_text(OBSOLETE)
    obsolete = read_obsolete(tmp_path / "obsolete.dat")
    assert [current_entry(e, obsolete) for e in ("1abc", "2abc", "3abc", "4abc")] == ["3abc", "3abc", "3abc", "4abc"]
    assert [current_entry(e, obsolete) for e in ("6g9y", "5abc", "7abc")] == [None] * 3
    entry(tmp_path, "3abc")
    hits = [hit(name) for name in ("6g9y", "7abc", "1abc")]
    found = hit_templates(QUERY, hits, TemplateSource(tmp_path, obsolete))
    assert names(found) == [b"3abc_A"]
    assert [note.split(":")[0] for note in found.notes] == [
        "template 6g9y_A skipped",
        "template 7abc_A skipped",
        "template 1abc_A",
    ]
    assert "replaced by 3abc" in found.notes[2]


def test_an_unreadable_list_of_obsolete_entries_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"obsolete\.dat"):
        read_obsolete(tmp_path / "obsolete.dat")
    (tmp_path / "obsolete.dat").write_text("<html>not found</html>\n")
    with pytest.raises(InputError, match=r"obsolete\.dat"):
        read_obsolete(tmp_path / "obsolete.dat")


def cut_in_a_line(text: str) -> str:
    return text[: text.index("ATOM 50 ") + 30]


def cut_between_lines(text: str) -> str:
    return text[: text.index("ATOM 50 ")]


def cut_before_the_atoms(text: str) -> str:
    return text[: text.index("_atom_site.")]


BROKEN = {
    "cut in a line": cut_in_a_line,
    "cut between lines": cut_between_lines,
    "cut before the atoms": cut_before_the_atoms,
    "empty": lambda _: "",
    "blank": lambda _: "\n\n",
    "a web page": lambda _: "<html>404</html>",
    "no protein": lambda text: text.replace("peptide", "saccharide"),
    "no number in a coordinate": lambda text: text.replace(" 1.00 20.00", " ? 20.00"),
    "an unknown residue": lambda text: text.replace("_chem_comp.id", "_chem_comp.name"),
    "a bad date": lambda text: text.replace("2009-01-02", "02-JAN-09"),
    "a column of atoms missing": lambda text: text.replace("_atom_site.Cartn_x", "_atom_site.x"),
    "no bytes of text": lambda _: "\x00\x01\x02",
}


@pytest.mark.fault(21, "skipped with a line in the report")
@pytest.mark.parametrize("kind", BROKEN)
def test_malformed_file_is_skipped_aloud(tmp_path: Path, kind: str) -> None:
    path = entry(tmp_path, "1abc")
    path.write_text(BROKEN[kind](path.read_text()))
    entry(tmp_path, "2abc")
    found = hit_templates(QUERY, [hit("1abc"), hit("2abc")], TemplateSource(tmp_path))
    assert names(found) == [b"2abc_A"]
    assert len(found.notes) == 1
    assert "1abc_A skipped" in found.notes[0]
    assert "\n" not in found.notes[0]


@pytest.mark.fault(21)
def test_cut_gzip_is_skipped_aloud(tmp_path: Path) -> None:
    import gzip

    path = entry(tmp_path, "1abc")
    packed = gzip.compress(path.read_bytes())
    path.unlink()
    zipped = tmp_path / "1abc.cif.gz"
    zipped.write_bytes(packed)
    assert names(hit_templates(QUERY, [hit("1abc")], TemplateSource(tmp_path))) == [b"1abc_A"]
    zipped.write_bytes(packed[: len(packed) // 2])
    assert "skipped" in hit_templates(QUERY, [hit("1abc")], TemplateSource(tmp_path)).notes[0]


@pytest.mark.fault(22)
def test_cutoff_date(tmp_path: Path) -> None:
    """The oldest revision counts, the day itself is allowed, a file without a date is skipped."""
    entry(tmp_path, "1abc", 1, ("2011-07-13", "2009-01-02"))
    entry(tmp_path, "2abc", 2, ())
    hits = [hit("1abc"), hit("2abc", SEQUENCE[:30] + "X" * 10)]
    for last, expected in ((date(2009, 1, 2), [b"1abc_A"]), (date(2009, 1, 1), []), (None, [b"1abc_A", b"2abc_A"])):
        found = hit_templates(QUERY, hits, TemplateSource(tmp_path, max_date=last))
        assert names(found) == expected
        assert len(found.notes) == 2 - len(expected)


@pytest.mark.fault(22, "no template row: the network is told that there is none")
def test_no_template_gives_zero_rows(tmp_path: Path) -> None:
    """DEVIATION from AlphaFold-Multimer's featurizer, which puts in an active template of zeros."""
    entry(tmp_path, "1abc", released=("2024-01-01",))
    too_young = hit_templates(QUERY, [hit("1abc")], TemplateSource(tmp_path, max_date=date(2020, 5, 14)))
    for templates in (hit_templates(QUERY, [], TemplateSource(tmp_path)), too_young, None):
        features = make_features(QUERY, [alignment("uniref90", [QUERY.sequence])], templates)
        assert features.n_templ == 0
        assert features.template_aatype.shape == (0, QUERY.n_res, 22)
        assert features.template_all_atom_positions.shape == (0, QUERY.n_res, 37, 3)
        assert features.template_sum_probs.shape == (0, 1)
        draw = Draws(features, SamplingConfig(), seed=0)[0]
        assert draw.template_mask.sum() == 0
        assert draw.template_mask.shape == (0,)
        assert draw.template_pseudo_beta.shape == (0, QUERY.n_res, 3)
