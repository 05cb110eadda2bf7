# SPDX-License-Identifier: Apache-2.0
"""Plots: the same bytes whatever the surroundings, what they show, odd sizes."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread
from output_cases import complex_features, features
from prediction_cases import prediction

from af2cpu.outputs import plots
from af2cpu.records import Prediction


def _ranked(n_res: int, n: int) -> list[tuple[str, Prediction]]:
    return [(f"model_{k}_ptm_pred_0", prediction("A" * n_res, seed=k)) for k in range(1, n + 1)]


def _all(n_res: int = 20, n_seq: int = 9, n: int = 2) -> dict[str, bytes]:
    ranked = _ranked(n_res, n)
    return {
        "coverage": plots.coverage_png(features("A" * n_res, n_seq)),
        "plddt": plots.plddt_png(ranked),
        "pae": plots.pae_png(ranked),
    }


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        name, content = png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        assert zlib.crc32(name + content) == struct.unpack(">I", png[place + 8 + length : place + 12 + length])[0]
        yield name, content
        place += 12 + length


def _pixels(png: bytes) -> np.ndarray:
    return (imread(io.BytesIO(png))[..., :3] * 255).round().astype(int)


def _count(png: bytes, colour: tuple[int, int, int]) -> int:
    return int((np.abs(_pixels(png) - colour).max(axis=-1) <= 1).sum())


def test_the_same_bytes_twice_and_no_date_or_version() -> None:
    first = _all()
    assert _all() == first
    for png in first.values():
        assert {name for name, _ in _chunks(png)} <= {b"IHDR", b"pHYs", b"IDAT", b"IEND"}


def test_the_user_s_style_changes_nothing_and_is_left_alone() -> None:
    expected = _all()
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.bbox": "tight"}):
        assert _all() == expected
        assert matplotlib.rcParams["font.size"] == 30


def test_pyplot_is_not_loaded_and_matplotlib_only_when_it_draws() -> None:
    code = (
        "import sys; from af2cpu import outputs; assert 'matplotlib' not in sys.modules;"
        "from af2cpu.outputs import plots; import numpy as np; from types import SimpleNamespace as S;"
        "from af2cpu.records import Chains;"
        "plots.plddt_png([('a', S(plddt=np.ones(3), chains=Chains.one(3)))]);"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_run_that_goes_on_from_its_files_draws_the_same() -> None:
    ranked = _ranked(30, 1)
    kept = [
        (name, replace(p, pae=None if p.pae is None else p.pae.astype(np.float16).astype(np.float32)))
        for name, p in ranked
    ]
    assert plots.pae_png(kept) == plots.pae_png(ranked)


@pytest.mark.parametrize(("n_res", "n_seq", "n"), [(1, 1, 1), (2, 3000, 12), (40, 2, 6)])
def test_odd_sizes(n_res: int, n_seq: int, n: int) -> None:
    for png in _all(n_res, n_seq, n).values():
        assert _pixels(png).shape[0] > 300


def test_rows_of_pae_are_rows_of_the_picture() -> None:
    """The first residue of the frame on top; low errors are dark."""
    pae = np.full((40, 40), 31.75, np.float32)
    pae[:10] = 0
    pixels = _pixels(plots.pae_png([("x", prediction("A" * 40, pae=pae))]))
    dark = np.abs(pixels - (0, 68, 27)).max(axis=-1) <= 1
    panel = dark[:, : int(pixels.shape[1] * 0.7)]  # the colour bar stands to the right
    rows, columns = np.flatnonzero(panel.any(axis=1)), np.flatnonzero(panel.any(axis=0))
    assert len(rows) < len(columns) / 3
    assert rows.max() < pixels.shape[0] / 2


def test_gaps_stay_white_and_the_query_is_on_top() -> None:
    f = features("A" * 20, 2)
    msa = f.msa.copy()
    msa[1, :] = 21
    msa[1, 10:] = 3
    yellow, violet = (253, 231, 37), (68, 1, 84)  # viridis at 1 and 0
    pixels = _pixels(plots.coverage_png(replace(f, msa=msa)))
    panel = pixels[:, : int(pixels.shape[1] * 0.8)]
    top = np.flatnonzero((np.abs(panel - yellow).max(axis=-1) <= 1).any(axis=1))
    bottom = np.argwhere(np.abs(panel - violet).max(axis=-1) <= 1)
    assert top.max() < bottom[:, 0].max()
    assert bottom[:, 1].min() > panel.shape[1] * 0.4


def test_plddt_stands_on_alphafold_db_s_colours() -> None:
    png = plots.plddt_png([("x", prediction("AAA", plddt=np.array([10.0, 60.0, 95.0], np.float32)))])
    for colour in plots.COLOURS:
        rgb = tuple(int(colour[k : k + 2], 16) for k in (1, 3, 5))
        blended = tuple(round(255 - 0.25 * (255 - value)) for value in rgb)
        assert _count(png, blended) > 1000, colour  # type: ignore[arg-type]


def _black(panel: np.ndarray) -> np.ndarray:
    return (np.abs(panel) < 90).all(axis=-1)


def _full_lines(png: bytes, axis: int, share: float = 0.6) -> int:
    """Dark lines that cross most of the picture, the frame among them, counted once where they are several pixels."""
    dark = _black(_pixels(png)).mean(axis=axis) > share
    return int((np.diff(dark.astype(int), prepend=0) == 1).sum())


def _of_chains(sequence: str, n: int = 1) -> list[tuple[str, Prediction]]:
    n_res = len(sequence.replace(":", ""))
    pae = np.full((n_res, n_res), 31.75, np.float32)  # white
    return [(f"model_{k}_multimer_v3_pred_0", prediction(sequence, seed=k, pae=pae)) for k in range(1, n + 1)]


def test_borders_of_chains_are_lines_in_every_picture() -> None:
    """Two more for three chains: upright ones everywhere, and across in PAE."""
    one, three = "A" * 60, ":".join(["A" * 20] * 3)
    for draw in (plots.plddt_png, plots.pae_png):
        assert _full_lines(draw(_of_chains(three)), 0) == _full_lines(draw(_of_chains(one)), 0) + 2
    assert (
        _full_lines(plots.pae_png(_of_chains(three)), 1, 0.5) == _full_lines(plots.pae_png(_of_chains(one)), 1, 0.5) + 2
    )
    single = features(one, 40)
    several = complex_features(["A" * 20, "G" * 20, "A" * 20], 10, 10)
    blank = replace(several, msa=np.where(np.arange(31)[:, None] > 0, 21, several.msa))  # lines only
    assert _full_lines(plots.coverage_png(blank), 0) == _full_lines(plots.coverage_png(single), 0) + 2


def test_paired_rows_are_on_top_however_unlike_they_are() -> None:
    """Paired rows without a residue of the query's above rows of one sequence that are the query."""
    f = complex_features(["A" * 30, "G" * 30], 20, 20)
    paired = np.arange(f.n_seq)[:, None] <= 20
    whole = np.where(paired, 7, np.where(f.msa != 21, f.msa[0], 21)).astype(np.uint8)
    whole[21:41, :30], whole[41:, 30:] = f.msa[0, :30], f.msa[0, 30:]
    whole[0] = f.msa[0]
    order = np.random.default_rng(0).permutation(np.arange(1, f.n_seq))  # the picture sorts them
    pixels = _pixels(plots.coverage_png(replace(f, msa=whole[[0, *order]])))
    panel = pixels[:, : int(pixels.shape[1] * 0.8)]  # without the colour bar
    violet, yellow = (
        (np.abs(panel - colour).max(axis=-1) <= 1).sum(axis=1) for colour in ((68, 1, 84), (253, 231, 37))
    )
    unlike, alike = np.flatnonzero(violet > 10), np.flatnonzero((yellow > 10) & (yellow < yellow.max() * 0.6))
    assert violet[unlike].min() > violet.max() * 0.9  # the whole width
    assert unlike.max() < alike.min()
    assert len(unlike) / (len(unlike) + len(alike)) == pytest.approx(20 / 60, abs=0.05)


def test_many_chains_are_drawn_without_letters() -> None:
    for draw in (plots.plddt_png, plots.pae_png):
        assert _pixels(draw(_of_chains(":".join(["AG"] * 70)))).shape[0] > 300


def test_one_chain_is_drawn_as_ever() -> None:
    """No line, no letter, no mark of pairs: the same bytes as those of numbers without chains."""
    f = features("A" * 20, 9)
    assert plots.coverage_png(replace(f, asym_id=np.full(20, 7), entity_id=np.full(20, 3))) == plots.coverage_png(f)
