# SPDX-License-Identifier: Apache-2.0
"""The report in a real browser, opened from the disk: it draws, answers to mouse and keys, and fetches nothing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from browser_cases import count, errors, magenta, pixels, text, wait
from output_cases import features
from prediction_cases import prediction
from report_cases import bundle_results, bundle_sequence, results

pytest.importorskip("selenium", reason="the Python package selenium is not installed")

import screenshots
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from af2cpu.outputs.arrays import read_result
from af2cpu.outputs.layout import AlphaFoldLayout
from af2cpu.outputs.report import write_comparison, write_index, write_report
from af2cpu.runs.failures import record_failure
from af2cpu.runs.records import Failure

pytestmark = pytest.mark.skipif(
    not (screenshots.program("browser") and screenshots.program("driver")),
    reason="no Chromium with chromedriver is installed (Debian: apt-get install chromium-driver)",
)
NAME = "<img src=x onerror=\"document.title='ran'\"><b>bold</b>"
N_RES = len(bundle_sequence(2))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results")
    for job in ("bundle", "another"):
        place = AlphaFoldLayout(out / job, job)
        place.folder.mkdir()
        described = replace(features(bundle_sequence(2), 30), domain_name=np.array([NAME.encode()]))
        bundle_results(place, place.folder, 2, 2, given=described, notes=[NAME])
        write_report(place, place.folder)
    (out / "failed").mkdir()
    record_failure(out / "failed", Failure("search", NAME), "")
    write_index(out)
    return out


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    with screenshots.browser(1280, 1000) as driver:
        yield driver


@pytest.fixture
def page(chrome: Chrome, folder: Path) -> Chrome:
    for kind in ("browser", "performance"):
        chrome.get_log(kind)
    screenshots.open_report(chrome, folder / "bundle" / "report.html")
    return chrome


def _pae(folder: Path, model: str) -> np.ndarray:
    file = folder / "bundle" / f"pae_{model}.json"
    return np.array(json.loads(file.read_text())[0]["predicted_aligned_error"])


def test_no_error_and_no_request(page: Chrome, folder: Path) -> None:
    screenshots.point_at_map(page, 0.3, 0.6)
    page.find_element(By.ID, "sides").click()
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    urls = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert (folder / "bundle" / "report.html").as_uri() in urls
    assert [url for url in urls[1:] if not url.startswith(("data:", "blob:"))] == []
    assert errors(page) == []


def test_the_policy_lets_no_other_script_run(page: Chrome) -> None:
    page.execute_script(
        "const script = document.createElement('script');"
        "script.textContent = \"document.title = 'ran'\";"
        "document.body.append(script);"
    )
    assert page.title == "bundle – af2cpu"
    assert "Content Security Policy" in " ".join(errors(page))


def test_the_structure_is_drawn_in_the_classes_colours(page: Chrome) -> None:
    seen = pixels(page, "view")
    blue = count(seen, (0, 30, 110), (60, 120, 255))
    assert blue > 0.02 * seen[..., 0].size
    assert count(seen, (180, 140, 0), (255, 230, 90)) > 50  # the loop
    assert magenta(seen) == 0


def test_the_mouse_on_the_structure_marks_the_residue(page: Chrome) -> None:
    seen = pixels(page, "view")
    blue = ((seen >= (0, 30, 110)) & (seen <= (60, 120, 255))).all(axis=-1)
    y, x = np.argwhere(blue)[blue.sum() // 3]
    view = page.find_element(By.ID, "view")
    corner = -(view.size["width"] // 2), -(view.size["height"] // 2)
    ActionChains(page).move_to_element_with_offset(view, corner[0] + int(x), corner[1] + int(y)).perform()
    wait(lambda: ": pLDDT" in text(page, "readout-chain"))
    assert page.find_elements(By.CSS_SELECTOR, "#plddt .cursor")
    assert magenta(pixels(page, "view"))


def test_names_stay_text(page: Chrome) -> None:
    assert page.title == "bundle – af2cpu"
    assert NAME in page.find_element(By.TAG_NAME, "header").text
    assert NAME in page.find_element(By.CLASS_NAME, "notes").text
    assert page.find_elements(By.CSS_SELECTOR, "img, header b, .notes b") == []


def test_the_map_marks_the_pair_in_the_structure(page: Chrome, folder: Path) -> None:
    before = pixels(page, "view")
    screenshots.point_at_map(page, (9 + 0.5) / N_RES, (39 + 0.5) / N_RES)
    sequence = bundle_sequence(2)
    readout = wait(lambda: "expected to be off" in text(page, "readout") and text(page, "readout"))
    pae = _pae(folder, "model_1_ptm_pred_0")
    ca = read_result(folder / "bundle" / "result_model_1_ptm_pred_0.npz", "model_1_ptm").atom_positions[:, 1]
    assert readout == (
        f"Aligned on {sequence[9]}10, {sequence[39]}40 is expected to be off by {pae[9, 39]:.1f} Å. "
        f"Cα–Cα {np.linalg.norm(ca[9] - ca[39]):.1f} Å. The other way round {pae[39, 9]:.1f} Å."
    )
    after = pixels(page, "view")
    assert magenta(before) == 0
    assert magenta(after) > 30
    screenshots.point_at_map(page, 0.9, 0.1)
    wait(lambda: text(page, "readout") != readout)
    assert (pixels(page, "view") != after).any()
    ActionChains(page).move_to_element(page.find_element(By.TAG_NAME, "h1")).perform()
    wait(lambda: "Move over the map" in text(page, "readout"))
    assert magenta(pixels(page, "view")) == 0


def test_dragging_selects_two_ranges(page: Chrome, folder: Path) -> None:
    area = page.find_element(By.ID, "pae")
    cell = area.size["width"] / N_RES
    start = ActionChains(page).move_to_element_with_offset(area, round((4.5 - N_RES / 2) * cell), round(-20 * cell))
    start.click_and_hold().move_by_offset(round(10 * cell), round(6 * cell)).release().perform()
    ActionChains(page).move_to_element(page.find_element(By.TAG_NAME, "h1")).perform()
    readout = wait(lambda: "mean PAE" in text(page, "readout") and text(page, "readout"))
    cols, rows = slice(4, 15), slice(N_RES // 2 - 20, N_RES // 2 - 13)
    assert f"mean PAE {_pae(folder, 'model_1_ptm_pred_0')[rows, cols].mean():.1f}" in readout
    assert "mean pLDDT" in text(page, "readout-chain")
    assert magenta(pixels(page, "view")) > 100
    page.find_element(By.ID, "clear").click()
    wait(lambda: "Move over the map" in text(page, "readout"))
    assert magenta(pixels(page, "view")) == 0


def test_keys_move_over_map_and_curve(page: Chrome, folder: Path) -> None:
    area = page.find_element(By.ID, "pae")
    area.send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_RIGHT)
    value = f"{_pae(folder, 'model_1_ptm_pred_0')[2, 1]:.1f}"
    wait(lambda: f"off by {value} Å" in text(page, "readout"))
    area.send_keys(Keys.ESCAPE)
    curve = page.find_element(By.ID, "plddt")
    curve.send_keys(Keys.END)
    wait(lambda: f"{bundle_sequence(2)[-1]}{N_RES}: pLDDT" in text(page, "readout-chain"))
    curve.send_keys(Keys.SHIFT + Keys.ARROW_LEFT + Keys.ARROW_LEFT)
    curve.send_keys(Keys.NULL)
    wait(lambda: page.find_elements(By.CSS_SELECTOR, "#plddt .selected"))
    curve.send_keys(Keys.ESCAPE)
    wait(lambda: not page.find_elements(By.CSS_SELECTOR, "#plddt .selected, #plddt .cursor"))
    before = pixels(page, "view")
    page.find_element(By.ID, "view").send_keys(Keys.ARROW_LEFT)
    wait(lambda: not np.array_equal(pixels(page, "view"), before))


def test_tab_reaches_every_control(page: Chrome) -> None:
    reached = []
    for _ in range(40):
        ActionChains(page).send_keys(Keys.TAB).perform()
        reached.append(page.execute_script("const e = document.activeElement; return e.id || e.name || e.tagName"))
    order = ["theme", "model", "form", "view", "sides", "spin", "reset", "picture", "pae", "plddt", "copy", "rank"]
    assert [name for name in dict.fromkeys(reached) if name in order] == order


def test_switching_models_and_states(page: Chrome) -> None:
    def shown() -> str:
        return str(page.find_element(By.ID, "view").get_attribute("data-shown"))

    relaxed, unrelaxed = page.find_elements(By.CSS_SELECTOR, "#form input")
    assert shown() == "model_1_ptm_pred_0 relaxed"
    best = pixels(page, "view")
    page.execute_script("arguments[0].click()", unrelaxed)
    wait(lambda: shown() == "model_1_ptm_pred_0 unrelaxed")
    page.find_element(By.CSS_SELECTOR, "#ranking tr[data-model='1']").click()
    wait(lambda: shown() == "model_2_ptm_pred_0 unrelaxed")
    assert not relaxed.is_enabled()
    assert page.find_element(By.ID, "model").get_attribute("value") == "1"
    page.execute_script("scrollTo(0, 0)")
    assert (pixels(page, "view") != best).any()
    page.find_element(By.ID, "model").send_keys(Keys.ARROW_UP)
    wait(lambda: shown() == "model_1_ptm_pred_0 unrelaxed")
    assert page.find_element(By.CSS_SELECTOR, "#ranking tr.current .name").text == "model_1_ptm_pred_0"
    page.execute_script("arguments[0].click()", relaxed)
    wait(lambda: shown() == "model_1_ptm_pred_0 relaxed")
    page.execute_script("scrollTo(0, 0)")
    assert np.array_equal(pixels(page, "view"), best)  # the others are gone, the view is where it was


def test_downloads_are_the_files(page: Chrome, folder: Path, tmp_path: Path) -> None:
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    buttons = page.find_elements(By.CSS_SELECTOR, "#downloads button")
    assert len(buttons) == 6
    for button in buttons:
        name = str(button.get_attribute("title"))
        button.click()
        wait((tmp_path / name).is_file)
        source = folder / "bundle" / name.removeprefix("bundle_")
        wait(lambda name=name, source=source: (tmp_path / name).read_bytes() == source.read_bytes())


def _choose(page: Chrome, name: str, value: str) -> None:
    Select(page.find_element(By.ID, name)).select_by_value(value)


def test_representations_and_colours(page: Chrome) -> None:
    """Each shows another picture, and the way back shows the first one again."""
    seen = [pixels(page, "view")]
    for name, value in (("colour", "domain"), ("colour", "order"), ("shape", "sticks"), ("shape", "surface")):
        _choose(page, name, value)
        wait(lambda: not np.array_equal(pixels(page, "view"), seen[-1]))
        seen.append(pixels(page, "view"))
        if name == "colour":
            assert page.find_element(By.ID, "legend").text.startswith("D1" if value == "domain" else "N terminus")
    _choose(page, "shape", "cartoon")
    _choose(page, "colour", "plddt")
    wait(lambda: np.array_equal(pixels(page, "view"), seen[0]))
    assert errors(page) == []


def test_the_table_of_domains_selects_them(page: Chrome) -> None:
    row = page.find_element(By.CSS_SELECTOR, "#domain-table tbody tr")
    name, residues, size, *_ = [cell.text for cell in row.find_elements(By.TAG_NAME, "td")]
    assert (name, residues, size) == ("D1", f"1–{N_RES}", str(N_RES))
    assert len(page.find_elements(By.CSS_SELECTOR, "#domains rect")) == 1
    page.execute_script("arguments[0].click()", row)
    wait(lambda: f"{N_RES} residues, mean pLDDT" in text(page, "readout-chain"))


def test_tables_and_plots_are_saved(page: Chrome, tmp_path: Path) -> None:
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})

    def saved(name: str) -> str:
        button = page.find_element(By.CSS_SELECTOR, f"button[title='{name}']")
        page.execute_script("arguments[0].click()", button)
        return str(wait(lambda: (tmp_path / name).is_file() and (tmp_path / name).read_text()))

    rows = list(csv.reader(io.StringIO(saved("bundle_ranking.csv"))))
    assert [row[1] for row in rows[1:]] == ["model_1_ptm_pred_0", "model_2_ptm_pred_0"]
    assert len({len(row) for row in rows}) == 1
    matrix = list(csv.reader(io.StringIO(saved("bundle_similarity.csv"))))
    assert float(matrix[1][2]) > 0.5
    cited = page.find_elements(By.CSS_SELECTOR, "[aria-labelledby=h-cite] dd a")
    assert len(cited) >= 4
    assert saved("bundle.bib").count("@article{") == len(cited)
    for kind, wanted in (("plddt", "path"), ("coverage", "image"), ("pae", "image")):
        root = ElementTree.fromstring(saved(f"bundle_{kind}.svg"))
        (first, *_) = root.iter("{http://www.w3.org/2000/svg}" + wanted)
        assert not [one for one in root.iter() if "class" in one.attrib], kind
        assert first.attrib["stroke" if wanted == "path" else "href"]


def test_light_and_dark(page: Chrome) -> None:
    def background() -> str:
        return str(page.execute_script("return getComputedStyle(document.documentElement).backgroundColor"))

    light = background()
    page.find_element(By.ID, "theme").click()
    dark = background()
    page.find_element(By.ID, "theme").click()
    assert background() == light != dark


def test_fits_a_phone(folder: Path) -> None:
    with screenshots.browser(360, 740) as phone:
        screenshots.open_report(phone, folder / "bundle" / "report.html")
        assert phone.execute_script("return document.documentElement.scrollWidth") == 360
        for page in (folder / "index.html", write_comparison([folder, folder], folder / "compare.html")):
            phone.get(page.as_uri())
            assert phone.execute_script("return document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize(("sequence", "ptm"), [("M", 0.5), ("MKVLAXTT", None)])
def test_odd_targets_open_too(chrome: Chrome, tmp_path: Path, sequence: str, ptm: float | None) -> None:
    """One residue; one without atoms and a model without PAE."""
    place = AlphaFoldLayout(tmp_path, "odd")
    results(place, tmp_path, [prediction(sequence, model="model_1", ptm=ptm)], sequence)
    chrome.get_log("browser")
    screenshots.open_report(chrome, write_report(place, tmp_path))
    chrome.find_element(By.ID, "plddt").send_keys(Keys.END)
    chrome.find_element(By.ID, "sides").click()
    wait(lambda: f"{sequence[-1]}{len(sequence)}: pLDDT" in text(chrome, "readout-chain"))
    assert magenta(pixels(chrome, "view"))
    assert errors(chrome) == []


def test_the_index_sorts_and_filters(chrome: Chrome, folder: Path) -> None:
    chrome.get((folder / "index.html").as_uri())

    def names() -> list[str]:
        cells = chrome.find_elements(By.CSS_SELECTOR, "#targets tbody .name")
        return [cell.text for cell in cells if cell.is_displayed()]

    assert names() == ["another", "bundle", "failed"]
    assert NAME in chrome.find_element(By.ID, "targets").text
    head = chrome.find_element(By.CSS_SELECTOR, "#targets thead button")
    head.click()
    head.click()
    assert names() == ["failed", "bundle", "another"]
    chrome.find_element(By.ID, "filter").send_keys("bund")
    assert names() == ["bundle"]
    chrome.find_element(By.LINK_TEXT, "bundle").click()
    wait(lambda: chrome.title == "bundle – af2cpu")
