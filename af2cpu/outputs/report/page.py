"""The two pages: a target's report and the index of a batch. One file each, nothing fetched.

All text of users goes through jinja2's autoescape or `json_text`. The content security policy lets only the scripts and
styles run that are written here, known by their hashes, so that no text could run even if it got through.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FunctionLoader, StrictUndefined

from af2cpu.errors import InputError
from af2cpu.outputs.classes import NAMES
from af2cpu.outputs.report import tables
from af2cpu.outputs.report.content import Content, page_data
from af2cpu.outputs.report.find import Found, read_run
from af2cpu.outputs.report.pack import json_text

# Joined in this order into one module; what stands further up is used further down.
_SCRIPTS = ("state", "data", "theme", "tracks", "plddt", "coverage", "sequence", "pae", "viewer", "controls", "main")
_INDEX_SCRIPTS = ("theme", "index")


def report_html(content: Content) -> bytes:
    """The page of one target."""
    return _render(
        "report.html.j2",
        scripts=[_viewer_library(), _joined(_SCRIPTS)],
        style=asset("base.css") + asset("report.css"),
        name=content.name,
        run=content.run,
        headline=tables.headline(content),
        rows=tables.ranking_rows(content),
        notes=tables.notes(content),
        settings=tables.settings_rows(content.run),
        parameters=tables.parameter_rows(content.run),
        databases=tables.database_rows(content.run),
        times=tables.time_rows(content.run),
        citations=tables.citations(content),
        description=tables.description(content),
        classes=list(zip(NAMES, ("under 50", "50–70", "70–90", "90+"), strict=True)),
        has_pae=content.shown[0].pae is not None,
        has_coverage=content.features is not None,
        data=json_text(page_data(content)),
    ).encode()


def index_html(found: list[Found], out: Path) -> bytes:
    """The table of all targets of a run; the page stands in `out`."""
    rows = [_index_row(one, out) for one in found]
    return _render(
        "index.html.j2",
        scripts=[_joined(_INDEX_SCRIPTS)],
        style=asset("base.css") + asset("index.css"),
        rows=rows,
        failed=sum(1 for row in rows if row.error),
        warnings=list(dict.fromkeys(warning for row in rows for warning in row.warnings)),
    ).encode()


@cache
def asset(name: str) -> str:
    """A file of static/."""
    return resources.files("af2cpu.outputs.report").joinpath("static", name).read_text(encoding="utf-8")


@dataclass(frozen=True)
class IndexRow:
    """One target in the table of a run."""

    name: str
    error: str | None
    link: str | None = None  # to its report; None without results, and then the rest is not known
    n_res: int = 0
    best: str = ""
    plddt: float = 0.0
    level: int = 0  # class of pLDDT
    ptm: float | None = None
    predictions: int = 0
    relaxed: bool = False
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def _index_row(found: Found, out: Path) -> IndexRow:
    if not found.done:
        return IndexRow(found.name, found.error)
    try:
        run = read_run(found.layout)
    except InputError as error:
        return IndexRow(found.name, str(error))
    return IndexRow(
        name=found.name,
        error=found.error,
        link=quote(found.layout.page().relative_to(out).as_posix()),
        n_res=len(run.sequence),
        best=run.best.name,
        plddt=run.best.plddt,
        level=tables.plddt_class(run.best.plddt),
        ptm=run.best.ptm,
        predictions=len(run.ranking),
        relaxed=found.layout.document("relax_metrics").is_file() and run.best.name not in run.not_relaxed,
        warnings=run.warnings,
        notes=(*run.notes, *(f"{name}: not relaxed" for name in run.not_relaxed)),
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(asset), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["hash"] = _hash
    return environment


def _render(template: str, **values: object) -> str:
    return _environment().get_template(template).render(values)


def _hash(text: str) -> str:
    """As a content security policy names a script or style that stands in the page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _viewer_library() -> str:
    """3Dmol.js, unchanged, below its licence."""
    return f"/*\n{asset('3Dmol.LICENSE')}*/\n{asset('3Dmol-min.js')}"


@cache
def _joined(names: tuple[str, ...]) -> str:
    return "\n".join(f"// {name}.js\n{asset(f'{name}.js')}" for name in names)
