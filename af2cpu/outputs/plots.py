# SPDX-License-Identifier: Apache-2.0
"""PNG plots: MSA coverage, pLDDT, PAE. The same records give the same bytes: no dates, no versions, no user's style.

Residues of a complex count on through its chains, whose borders are lines. matplotlib loads when the first plot is
drawn; its figures are made directly, without pyplot's global list of them.
"""

from __future__ import annotations

import io
import logging
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import platformdirs

from af2cpu.outputs.classes import BOUNDS, COLOURS, NAMES
from af2cpu.outputs.coverage import coverage
from af2cpu.records import Chains, Features, Prediction

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Ranked = Sequence[tuple[str, Prediction]]  # name and prediction, best first

MOST_SHOWN = 10  # predictions in one plot
_MOST_ROWS = 1000  # of an alignment; more than the picture has lines
# Okabe and Ito's colours: distinct for colour-blind readers too. Line styles tell those apart that repeat.
_LINES = ("#000000", "#d55e00", "#0072b2", "#009e73", "#cc79a7")
_STYLES = ("-", "--")
_DPI = 150
_MIN_SHARE = 0.025  # of a picture's width: chains that take less have no room for their letter


def coverage_png(features: Features) -> bytes:
    """The rows of the MSA, most alike on top, coloured by identity to the query, and how many cover each residue.

    Of a complex the rows that pair its sequences are on top, then each sequence has its own.
    """
    shown = coverage(features, _MOST_ROWS)
    picture = np.where(shown.aligned, shown.identity[:, None], np.nan)
    residues = np.arange(1, features.n_res + 1)
    with _figure(7.0, 4.2) as (figure, out):
        axes = figure.add_subplot()
        extent = (0.5, features.n_res + 0.5, 0, features.n_seq)
        image = axes.imshow(
            picture, "viridis", aspect="auto", interpolation="nearest", origin="lower", vmin=0, vmax=1, extent=extent
        )
        for colour, width in (("white", 3.0), ("black", 1.2)):  # legible on any of the map's colours
            axes.step(residues, shown.depth, where="mid", color=colour, linewidth=width)
        paired = f", {shown.n_paired:,} of them paired" if shown.n_paired else ""
        axes.set(xlabel="Residue", ylabel="Sequences", title=f"Sequence coverage, {features.n_seq:,} sequences{paired}")
        axes.set_xlim(0.5, features.n_res + 0.5)
        axes.set_ylim(0, max(features.n_seq, 1) * 1.03)
        _whole_numbers(axes)
        _mark_chains(axes, features.chains)
        if shown.n_paired:  # below the query's row
            axes.axhline(features.n_seq - 1 - shown.n_paired, color="black", linewidth=0.8)
        figure.colorbar(image, ax=axes, label="Identity to the query")
    return out.getvalue()


def plddt_png(ranked: Ranked) -> bytes:
    """pLDDT along the chain, one line per prediction, on AlphaFold DB's colours."""
    with _figure(7.0, 4.2) as (figure, out):
        axes = figure.add_subplot()
        for low, high, colour in zip((0.0, *BOUNDS), (*BOUNDS, 100.0), COLOURS, strict=True):
            axes.axhspan(low, high, color=colour, alpha=0.25, linewidth=0)
        for name, (low, high) in zip(NAMES, ((0, 50), (50, 70), (70, 90), (90, 100)), strict=True):
            axes.text(1.01, (low + high) / 200, name, transform=axes.transAxes, fontsize=7, va="center")
        for rank, (name, prediction) in enumerate(ranked[:MOST_SHOWN]):
            colour, style = _LINES[rank % len(_LINES)], _STYLES[rank // len(_LINES) % len(_STYLES)]
            residues = np.arange(1, len(prediction.plddt) + 1)
            marker = "o" if len(residues) == 1 else ""
            axes.plot(residues, prediction.plddt, style, color=colour, linewidth=1, marker=marker, label=name)
        axes.set(xlabel="Residue", ylabel="pLDDT", title=f"Predicted lDDT per residue{_best_of(ranked)}", ylim=(0, 100))
        axes.margins(x=0.01)
        _whole_numbers(axes)
        _mark_chains(axes, ranked[0][1].chains)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=7, frameon=False)
    return out.getvalue()


def pae_png(ranked: Ranked) -> bytes:
    """PAE of each prediction that has one, in AlphaFold DB's green (dark is good).

    Drawn from float16, the precision that result_*.npz keeps: a run that goes on from there draws the same.
    """
    shown = [(name, p.pae, p.max_pae) for name, p in ranked if p.pae is not None][:MOST_SHOWN]
    chains = ranked[0][1].chains
    columns = min(len(shown), 5)
    rows = math.ceil(len(shown) / columns)
    highest = max(max_pae or 0.0 for _, _, max_pae in shown)
    with _figure(2.5 * columns + 1.2, 2.6 * rows + 0.5) as (figure, out):
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, (name, pae, _) in zip(grid, shown, strict=False):
            n_res = len(pae)
            extent = (0.5, n_res + 0.5, n_res + 0.5, 0.5)
            picture = pae.astype(np.float16).astype(np.float32)
            image = axes.imshow(picture, "Greens_r", vmin=0, vmax=highest, extent=extent)
            axes.set_title(name, fontsize=8)
            axes.tick_params(labelsize=7)
            _whole_numbers(axes)
            axes.yaxis.set_major_locator(axes.xaxis.get_major_locator())
            _mark_chains(axes, chains, both=True)
        for axes in grid[len(shown) :]:
            axes.set_axis_off()
        figure.supxlabel("Scored residue", fontsize=9)
        figure.supylabel("Aligned residue", fontsize=9)
        figure.colorbar(image, ax=grid.tolist(), label="Expected position error (Å)")
    return out.getvalue()


@contextmanager
def _figure(width: float, height: float) -> Iterator[tuple[Figure, io.BytesIO]]:
    """A figure of inches; its PNG is in the buffer when the block ends."""
    load_matplotlib()
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = Figure((width, height), dpi=_DPI, layout="constrained")
        out = io.BytesIO()
        yield figure, out
        # savefig would make the layout twice and draw all twice for it; as Software matplotlib would put its version.
        FigureCanvasAgg(figure).print_png(out, metadata={"Software": None})


def load_matplotlib() -> None:
    """Imports the parts of matplotlib that draw. Without a folder that it can write to it makes a temporary one for its
    cache, and warns: nothing that a user must act on."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with _own_folder():
        import matplotlib.backends.backend_agg
        import matplotlib.figure
        import matplotlib.style  # noqa: F401 - by rcdefaults


@contextmanager
def _own_folder() -> Iterator[None]:
    """Within this block matplotlib takes a folder in our cache for its own, unless the user gives it one.

    It asks once in a process. By itself it makes two folders in the user's home.
    """
    given = os.environ.get("MPLCONFIGDIR")
    with suppress(RuntimeError):  # no HOME, and no entry in the list of users
        folder = Path(platformdirs.user_cache_dir("af2cpu"))
        if not given and folder.is_absolute():
            os.environ["MPLCONFIGDIR"] = str(folder / "matplotlib")
    try:
        yield
        import matplotlib

        matplotlib.get_configdir(), matplotlib.get_cachedir()
    finally:
        if not given:
            os.environ.pop("MPLCONFIGDIR", None)


def _whole_numbers(axes: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))


def _mark_chains(axes: Any, chains: Chains, *, both: bool = False) -> None:
    """Lines between the chains of a complex, and their letters above; both: also across, letters on the right."""
    spans = chains.spans
    if len(spans) == 1:
        return
    room = _MIN_SHARE * len(chains.asym_id) * (2 if both else 1)  # a panel of several is smaller
    for chain, rows in spans.items():
        if rows.start:
            axes.axvline(rows.start + 0.5, color="black", linewidth=0.8)
            if both:
                axes.axhline(rows.start + 0.5, color="black", linewidth=0.8)
        if len(rows) < room:
            continue
        centre = (rows.start + rows.stop + 1) / 2
        if both:
            axes.text(1.03, centre, chain, transform=axes.get_yaxis_transform(), fontsize=7, va="center")
        else:
            axes.text(centre, 1.01, chain, transform=axes.get_xaxis_transform(), fontsize=8, ha="center")
    if not both:
        axes.set_title(axes.get_title(), pad=16)  # above the letters


def _best_of(ranked: Ranked) -> str:
    return f", best {MOST_SHOWN} of {len(ranked)}" if len(ranked) > MOST_SHOWN else ""
