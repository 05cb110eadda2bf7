# SPDX-License-Identifier: Apache-2.0
"""The report as text: escaping, size, the same bytes twice, nothing that would be fetched, damaged folders."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from output_cases import features
from prediction_cases import prediction
from report_cases import bundle_results, results
from typer.testing import CliRunner

from af2cpu.cli import app
from af2cpu.outputs.arrays import read_result
from af2cpu.outputs.layout import LAYOUTS, Layout
from af2cpu.outputs.report import find_targets, write_index, write_report
from af2cpu.records import Prediction
from af2cpu.runs.failures import forget_failure, record_failure
from af2cpu.runs.records import DatabaseUsed, Failure

SEQUENCE = "MKVLAXTTWYGGHH"
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&amp;'\""


class _Page(HTMLParser):
    """Elements with their attributes, and the text in scripts, styles and headings."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(path.read_text())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements:
            self.texts.append((self.elements[-1][0], data))

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def inside(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]


def _layout(name: str, out: Path, job: str = "job") -> tuple[Layout, Path]:
    work = out / job
    work.mkdir(parents=True)
    return LAYOUTS[name](work if name == "af2" else out, job), work


def _made_up(sequence: str, n_models: int, **changes: Any) -> list[Prediction]:
    return [prediction(sequence, seed=k, model=f"model_{k + 1}_ptm", **changes) for k in range(n_models)]


def _written(tmp_path: Path, layout: str = "af2", sequence: str = SEQUENCE, **facts: Any) -> Path:
    place, work = _layout(layout, tmp_path)
    results(place, work, _made_up(sequence, 2), sequence, **facts)
    return write_report(place, work)


def _targets_links(index: Path) -> list[str]:
    """The reports that an index page links to, in order."""
    hrefs = [a["href"] or "" for a in _Page(index).attributes("a")]
    return list(dict.fromkeys(href for href in hrefs if href.endswith(".html")))


def _data(page: Path) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text())
    assert match
    assert not set(match[1]) & set("<>&")  # browsers and parsers differ in what ends a script
    return json.loads(match[1])


def _unpacked(text: str) -> bytes:
    return gzip.decompress(base64.b64decode(text))


@pytest.mark.fault(27, "shown as text")
def test_text_of_users_stays_text(tmp_path: Path) -> None:
    described = replace(features(SEQUENCE, 5), domain_name=np.array([EVIL.encode()]))
    page = _written(
        tmp_path,
        given=described,
        warnings=[EVIL],
        notes=[EVIL],
        not_relaxed={"model_2_ptm_pred_0": EVIL},
        settings={"seed": 0, "models": [EVIL], EVIL: EVIL},
        versions={"af2cpu": EVIL},
        databases=[DatabaseUsed(EVIL, EVIL, EVIL, sequences=9, residues=99, too_long_skipped=0, hits=1, seconds=1.0)],
        parameters={EVIL: {"source": EVIL, "fingerprint": EVIL}},
    )
    found = _Page(page)
    assert len(found.attributes("script")) == 3  # data, 3Dmol.js, ours
    assert not found.attributes("img")
    assert found.inside("title")[0] == "job – af2cpu"
    assert sum(EVIL in text for _, text in found.texts) >= 10


@pytest.mark.fault(27)
def test_data_can_not_end_its_script(tmp_path: Path) -> None:
    place, work = _layout("af2", tmp_path, "a<!--<script>&")
    results(place, work, _made_up(SEQUENCE, 1), SEQUENCE)
    run = work / "run.json"
    run.write_text(run.read_text().replace(SEQUENCE, "</script <b>&"))
    page = write_report(place, work)
    assert (_data(page)["name"], _data(page)["sequence"]) == ("a<!--<script>&", "</script <b>&")
    assert len(_Page(page).attributes("script")) == 3
    index = write_index(tmp_path)
    assert index is not None
    assert _targets_links(index) == ["a%3C%21--%3Cscript%3E%26/report.html"]


@pytest.mark.parametrize("kind", ["report", "index"])
def test_nothing_is_fetched_and_only_known_scripts_run(tmp_path: Path, kind: str) -> None:
    page = _written(tmp_path)
    if kind == "index":
        page = write_index(tmp_path) or page
    found = _Page(page)
    assert not [a for _, a in found.elements if "src" in a or "srcset" in a or "action" in a or "style" in a]
    assert [a["href"] for a in found.attributes("link")] == ["data:,"]
    assert not [text for text in found.inside("style") if "url(" in text or "@import" in text]
    policy = found.attributes("meta")[1]["content"] or ""
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert "unsafe" not in policy
    assert "http" not in policy
    for element, text in re.findall(r"<(script|style)(?: type=\"module\")?>(.*?)</\1>", page.read_text(), re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in directives[f"{element}-src"].split()


def test_three_hundred_residues_stay_under_3_mb(tmp_path: Path) -> None:
    """Random PAE and coordinates, which compress worse than real ones."""
    sequence = "ACDEFGHIKLMNPQRSTVWY" * 15
    place, work = _layout("af2", tmp_path)
    results(place, work, _made_up(sequence, 5), sequence, given=features(sequence, 2000))
    page = write_report(place, work)
    assert page.stat().st_size < 3_000_000
    models = _data(page)["models"]
    assert [list(model["structures"]) for model in models] == [["relaxed", "unrelaxed"], *[["unrelaxed"]] * 4]


@pytest.mark.parametrize("layout", ["af2", "colabfold"])
def test_the_same_folder_gives_the_same_bytes(tmp_path: Path, layout: str) -> None:
    page = _written(tmp_path, layout)
    first = page.read_bytes()
    for path in tmp_path.rglob("*"):  # a copy has other times of files
        path.touch()
    place, work = LAYOUTS[layout](page.parent, "job"), tmp_path / "job"
    assert write_report(place, work).read_bytes() == first


def test_other_times_change_only_the_section_with_times(tmp_path: Path) -> None:
    pages = [
        _written(tmp_path / name, timings={"predict_and_compile_model_1_ptm_pred_0": seconds}).read_text()
        for name, seconds in (("a", 3.0), ("b", 4000.0))
    ]
    assert pages[0] != pages[1]
    without = [re.sub(r'<section id="times">.*?</section>', "", page, flags=re.DOTALL) for page in pages]
    assert without[0] == without[1]


def test_no_second_counts_twice(tmp_path: Path) -> None:
    """`features` in timings.json holds the searches."""
    timings = {"features": 15.5, "search_uniref90": 12.5, "process_features_a": 1.0, "predict_and_compile_a": 100.0}
    (section,) = re.findall(r'<section id="times">.*?</section>', _written(tmp_path, timings=timings).read_text(), re.S)
    rows = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', section)
    stages = [("search uniref90", "12 s"), ("features", "3.0 s"), ("draws a", "1.0 s"), ("network a", "1 min 40 s")]
    assert rows == [*stages, ("all together", "1 min 56 s")]


@pytest.mark.parametrize("layout", ["af2", "colabfold"])
def test_structures_are_the_files_of_the_folder(tmp_path: Path, layout: str) -> None:
    page = _written(tmp_path, layout)
    assert page.name == {"af2": "report.html", "colabfold": "job_report.html"}[layout]
    files = {path.name: path.read_bytes() for path in page.parent.iterdir() if path.is_file()}
    models = _data(page)["models"]
    for model in models:
        for kinds in model["structures"].values():
            for file in kinds.values():
                name = file["name"].removeprefix("job_") if layout == "af2" else file["name"]
                assert _unpacked(file["gzip"]) == files[name]
    if layout == "af2":
        name = models[0]["confidence"]["name"].removeprefix("job_")
        assert _unpacked(models[0]["confidence"]["gzip"]) == files[name]


@pytest.mark.parametrize("layout", ["af2", "colabfold"])
def test_pae_keeps_its_decimal(tmp_path: Path, layout: str) -> None:
    page = _written(tmp_path, layout)
    (best,) = [m for m in _data(page)["models"] if "relaxed" in m["structures"]]
    pae = best["pae"]
    planes = np.frombuffer(_unpacked(pae["tenths"]), np.uint8).reshape(2, pae["cells"], pae["cells"]).astype(np.uint16)
    tenths = np.cumsum(planes[0] + 256 * planes[1], axis=1, dtype=np.uint16)
    expected = prediction(SEQUENCE, seed=int(best["name"][6]) - 1).pae
    assert expected is not None
    assert pae["step"] == 1
    np.testing.assert_allclose(tenths / 10, expected, atol=0.0501 if layout == "af2" else 0.0551)
    if layout == "af2":
        file = json.loads((page.parent / f"pae_{best['name']}.json").read_text())
        np.testing.assert_array_equal(tenths, np.round(np.array(file[0]["predicted_aligned_error"]) * 10))


def test_a_long_chain_has_a_map_of_blocks() -> None:
    from af2cpu.outputs.report.pack import MOST_CELLS, pae_map

    n_res = MOST_CELLS + 3
    pae = np.add.outer(np.arange(n_res), np.zeros(n_res)) / 100
    packed = pae_map(pae, 31.75)
    assert (packed.step, packed.cells) == (2, MOST_CELLS // 2 + 2)
    planes = np.frombuffer(_unpacked(packed.tenths), np.uint8).reshape(2, packed.cells, packed.cells)
    values = np.cumsum(planes[0].astype(np.uint16) + 256 * planes[1].astype(np.uint16), axis=1, dtype=np.uint16)
    assert values[500, 3] == round((1000 + 1001) / 2 / 10)
    assert values[-1, -1] == round((n_res - 1) / 10)


def test_all_predictions_lie_in_one_frame(tmp_path: Path) -> None:
    """The same structure turned and moved: it comes back onto the first, which lies along x."""
    first = prediction(SEQUENCE, model="model_1_ptm")
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    moved = (first.atom_positions @ turn.T + 7).astype(np.float32)
    second = replace(first, model="model_2_ptm", atom_positions=moved)
    place, work = _layout("af2", tmp_path)
    results(place, work, [first, second], SEQUENCE)
    page = write_report(place, work)
    shown = []
    for model, one in zip(_data(page)["models"], (first, second), strict=True):
        frame = np.array(model["frame"]).reshape(3, 4)
        shown.append(one.atom_positions[:, 1][one.atom_mask[:, 1] > 0] @ frame[:, :3].T + frame[:, 3])
    np.testing.assert_allclose(shown[0], shown[1], atol=1e-3)
    spread = np.ptp(shown[0], axis=0)
    assert spread[0] > spread[2]
    assert np.linalg.det(np.array(_data(page)["models"][0]["frame"]).reshape(3, 4)[:, :3]) == pytest.approx(1, abs=1e-5)
    assert "<td>0.00</td>" in page.read_text()


def test_what_is_absent_is_said(tmp_path: Path) -> None:
    """No PAE, no features.npz, one sequence, a relaxation that failed, more predictions than the page holds."""
    place, work = _layout("af2", tmp_path)
    many = [prediction("M", model=f"model_1_a{k}", seed=k, ptm=None) for k in range(12)]
    results(place, work, many, "M", given=features("M", 1), not_relaxed={"model_1_a3_pred_0": "it would not"})
    text = write_report(place, work).read_text()
    assert "These models predict no PAE" in text
    assert "model_1_a3_pred_0: not relaxed: it would not" in text
    assert "The alignment has 1 sequence," in text
    assert "The page holds the best 10 of 12 predictions." in text
    assert all(one.model in text for one in many)
    (work / "features.npz").unlink()
    assert "features.npz is not in the folder" in write_report(place, work).read_text()


def _report(*arguments: object) -> Any:
    result = CliRunner().invoke(app, ["report", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_batch_in_both_layouts(tmp_path: Path) -> None:
    for layout, job in (("af2", "first"), ("colabfold", "second")):
        place, work = _layout(layout, tmp_path, job)
        results(place, work, _made_up(SEQUENCE, 1), SEQUENCE)
    for job, files in {
        "third": (),
        "fourth": ("search.json",),
        "fifth": ("search.json",),
        "notours": ("other.json",),
    }.items():
        (tmp_path / job).mkdir()
        for name in files:
            (tmp_path / job / name).write_text("{}")
    messages = {"third": "x<b>.a3m: another sequence", "fourth": "RuntimeError: <i>no</i>", "fifth": "once"}
    for job, message in messages.items():
        record_failure(tmp_path / job, Failure("features", message), "")
    forget_failure(tmp_path / "fifth")  # a later run was interrupted and did not fail
    result = _report(tmp_path)
    assert result.exit_code == 0, result.output
    written = {Path(line).relative_to(tmp_path).as_posix() for line in result.stdout.split()}
    assert written == {"first/report.html", "second_report.html", "index.html"}
    index = _Page(tmp_path / "index.html")
    assert _targets_links(tmp_path / "index.html") == ["first/report.html", "second_report.html"]
    texts = [text for _, text in index.texts]
    for expected in ("failed: x<b>.a3m: another sequence", "failed: RuntimeError: <i>no</i>", "no prediction yet"):
        assert expected in texts
    assert not {"notours", "failed: once"} & set(texts)


def test_one_target_s_folder(tmp_path: Path) -> None:
    page = _written(tmp_path)
    page.unlink()
    result = _report(page.parent)
    assert result.stdout.split() == [str(page)]
    assert page.is_file()
    assert not (tmp_path / "index.html").exists()


@pytest.mark.parametrize(("folder", "message"), [("nowhere", "no such folder"), (".", "no results of af2cpu predict")])
def test_a_folder_without_results_is_one_line(tmp_path: Path, folder: str, message: str) -> None:
    result = _report(tmp_path / folder)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("run.json", b"{"),
        ("run.json", b'{"name": "x"}'),
        ("unrelaxed_model_1_ptm_pred_0.cif", None),
        ("result_model_1_ptm_pred_0.npz", b"PK"),
        ("pae_model_1_ptm_pred_0.json", b"[]"),
        ("relax_metrics.json", b"[]"),
    ],
)
def test_a_damaged_target_is_named_and_the_others_go_on(tmp_path: Path, file: str, content: bytes | None) -> None:
    page = _written(tmp_path)
    shutil.copytree(page.parent, tmp_path / "good")
    if content is None:
        (page.parent / file).unlink()
    else:
        (page.parent / file).write_bytes(content)
    page.unlink()
    result = _report(tmp_path)
    assert result.exit_code == 1
    assert str(page.parent / file) in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not page.exists()
    assert (tmp_path / "good" / "report.html").is_file()
    assert (tmp_path / "index.html").is_file()


def test_targets_in_the_order_of_their_names(tmp_path: Path) -> None:
    for job in ("b", "a", "c"):
        _layout("af2", tmp_path, job)[1].joinpath("search.json").write_text("{}")
    assert [one.name for one in find_targets(tmp_path)] == ["a", "b", "c"]


def test_the_bundle_is_a_protein(tmp_path: Path) -> None:
    """What pictures and the browser's test are made from: helices with bonds of the right length."""
    place, work = _layout("af2", tmp_path)
    bundle_results(place, work, n_helices=2, n_models=1)
    ca = read_result(work / "result_model_1_ptm_pred_0.npz", "model_1_ptm").atom_positions[:, 1]
    np.testing.assert_allclose(np.linalg.norm(np.diff(ca, axis=0), axis=1), 3.8, atol=0.15)
    np.testing.assert_allclose(np.linalg.norm(ca[3:20] - ca[:17], axis=1), 5.0, atol=0.6)
