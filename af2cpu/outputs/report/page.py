# SPDX-License-Identifier: Apache-2.0
"""The pages: a target's report, the index of a batch, pairs, runs compared. One file each, nothing fetched.

All text of users goes through jinja2's autoescape or `json_text`. The content security policy lets only the scripts and
styles run that are written here, known by their hashes, so that no text could run even if it got through.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from urllib.parse import quote

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from af2cpu.outputs.classes import NAMES
from af2cpu.outputs.references import bibtex
from af2cpu.outputs.report import tables
from af2cpu.outputs.report.chains import chain_rows
from af2cpu.outputs.report.compare import Comparison
from af2cpu.outputs.report.content import Content, page_data
from af2cpu.outputs.report.elsewhere import searches_elsewhere
from af2cpu.outputs.report.pack import json_text
from af2cpu.outputs.report.pairs import PairTable
from af2cpu.outputs.report.summary import Row
from af2cpu.outputs.report.templates import NETWORK_TAKES, skipped_in_words, skipped_rows, used_rows
from af2cpu.outputs.report.trace import HEIGHT, WIDTH
from af2cpu.words import shown

# Joined in this order into one module: a file may use names of the files before it.
_SCRIPTS = (
    "state",
    "data",
    "theme",
    "tables",
    "chains",
    "interfaces",
    "tracks",
    "domains",
    "plddt",
    "coverage",
    "sequence",
    "pae",
    "viewer",
    "controls",
    "export",
    "main",
)
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
        bibtex=bibtex(tables.citations(content)),
        chains=chain_rows(content.chains, content.features, content.effective),
        entities=content.entities,
        n_entities=len(content.entities),
        similarity=tables.similarity_rows(content),
        templates=used_rows(content),
        skipped=skipped_rows(content),
        skipped_words=skipped_in_words(content.run.template_choice.skipped),
        network_takes=NETWORK_TAKES,
        elsewhere=searches_elsewhere(content.entities),
        effective=content.effective,
        description=tables.description(content),
        classes=list(zip(NAMES, ("under 50", "50–70", "70–90", "90+"), strict=True)),
        has_pae=content.shown[0].pae is not None,
        has_coverage=content.features is not None,
        data=json_text(page_data(content)),
    ).encode()


def index_html(rows: Sequence[Row], pairs_page: str | None = None) -> bytes:
    """The table of all targets of a run; links are relative to its folder. pairs_page: the run's, if any."""
    return _render(
        "index.html.j2",
        scripts=[_joined(_INDEX_SCRIPTS)],
        style=asset("base.css") + asset("index.css"),
        rows=rows,
        complexes=any(row.summary.iptm is not None for row in rows),
        failed=sum(1 for row in rows if row.summary.error),
        warnings=by_warning(rows),
        pairs_page=pairs_page,
        size=(WIDTH, HEIGHT),
    ).encode()


def pairs_html(table: PairTable, warnings: Mapping[str, Sequence[str]], index_page: str | None = None) -> bytes:
    """The matrix and the table of pairs; links are relative to the page's folder. warnings: each with its targets."""
    return _render(
        "pairs.html.j2",
        scripts=[_joined((*_INDEX_SCRIPTS, "pairs"))],
        style=asset("base.css") + asset("index.css") + asset("pairs.css"),
        table=table,
        without=sum(1 for row in table.rows if not row.scores),
        names=json_text({"down": table.down, "across": table.across}),
        warnings=warnings,
        index_page=index_page,
    ).encode()


def compare_html(comparison: Comparison) -> bytes:
    """The table of several runs."""
    return _render(
        "compare.html.j2",
        scripts=[_joined(_INDEX_SCRIPTS)],
        style=asset("base.css") + asset("index.css"),
        runs=comparison.runs,
        targets=comparison.targets,
        complexes=any(one and one.iptm is not None for target in comparison.targets for one in target.cells),
        size=(WIDTH, HEIGHT),
    ).encode()


def by_warning(rows: Iterable[Row]) -> dict[str, list[str]]:
    """Each warning and the targets that it is about."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for warning in row.summary.warnings:
            found.setdefault(warning, []).append(row.summary.target)
    return found


@cache
def asset(name: str) -> str:
    """A file of static/."""
    return resources.files("af2cpu.outputs.report").joinpath("static", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    environment.filters["hash"] = _hash
    environment.filters["link"] = quote
    environment.filters["plddt_class"] = tables.plddt_class
    environment.filters["duration"] = tables.duration
    return environment


def _finalized(value: object) -> object:
    """A value as it goes into a page; scripts, styles and icons of ours are left alone."""
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _render(template: str, **values: object) -> str:
    return _environment().get_template(template).render(values)


def _hash(text: str) -> str:
    """The hash by which a content security policy names an inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _viewer_library() -> str:
    """3Dmol.js, unchanged, below its licence."""
    return f"/*\n{asset('3Dmol.LICENSE')}*/\n{asset('3Dmol-min.js')}"


@cache
def _joined(names: tuple[str, ...]) -> str:
    return "\n".join(f"// {name}.js\n{asset(f'{name}.js')}" for name in names)
