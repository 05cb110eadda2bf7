# SPDX-License-Identifier: Apache-2.0
"""The report of a complex in a real browser: chains in every panel, interfaces, contacts; the page of pairs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from browser_cases import count, errors, pixels, text, wait
from prediction_cases import prediction
from report_cases import bundle_sequence, complex_results, results

pytest.importorskip("selenium", reason="the Python package selenium is not installed")

import screenshots
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from af2cpu.chemistry.residues import CA, CB
from af2cpu.outputs.arrays import read_result
from af2cpu.outputs.layout import AlphaFoldLayout
from af2cpu.outputs.report import PairRow, PairScore, write_comparison, write_index, write_pairs_page, write_report
from af2cpu.records import Chains, Prediction

pytestmark = pytest.mark.skipif(
    not (screenshots.program("browser") and screenshots.program("driver")),
    reason="no Chromium with chromedriver is installed (Debian: apt-get install chromium-driver)",
)
NAMES = ("alpha <b>unit</b>", "alpha <b>unit</b>", "inhibitor")
CHAINS = [bundle_sequence(2), bundle_sequence(2), bundle_sequence(3)]
STARTS = np.cumsum([0, *map(len, CHAINS)]).tolist()
BEST = "model_1_multimer_v3"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("complexes")
    place = AlphaFoldLayout(out / "trimer", "trimer")
    place.folder.mkdir()
    complex_results(place, place.folder, "2:2:3", 2, NAMES)
    write_report(place, place.folder)
    write_index(out)
    return out


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    with screenshots.browser(1280, 1000) as driver:
        yield driver


@pytest.fixture
def page(chrome: Chrome, folder: Path) -> Chrome:
    chrome.get_log("browser")
    screenshots.open_report(chrome, folder / "trimer" / "report.html")
    return chrome


def _best(folder: Path) -> Prediction:
    return read_result(folder / "trimer" / f"result_{BEST}_pred_0.npz", BEST)


def _pae(folder: Path) -> np.ndarray:
    file = folder / "trimer" / f"pae_{BEST}_pred_0.json"
    return np.array(json.loads(file.read_text())[0]["predicted_aligned_error"])


def _choose(page: Chrome, name: str, value: str) -> None:
    Select(page.find_element(By.ID, name)).select_by_value(value)


def _cells(page: Chrome, table: str) -> list[list[str]]:
    """In one call: the page may write the table anew between two."""
    text = "cell => cell.checkVisibility() ? cell.innerText.trim() : ''"
    cells = f"row => [...row.querySelectorAll('td')].map({text})"
    code = f"return [...document.querySelectorAll(arguments[0])].map({cells})"
    found: list[list[str]] = page.execute_script(code, f"#{table} tbody tr")
    return found


def _click_row(page: Chrome, table: str, number: int) -> None:
    row = page.find_elements(By.CSS_SELECTOR, f"#{table} tbody tr")[number]
    page.execute_script("arguments[0].click()", row)


def test_each_chain_has_its_letter_its_name_and_its_own_numbers(page: Chrome) -> None:
    heads = [head.text for head in page.find_elements(By.CLASS_NAME, "chain-head")]
    lengths = list(map(len, CHAINS))
    assert heads == [f"Chain {a} {name} · {n} residues" for a, name, n in zip("ABC", NAMES, lengths, strict=True)]
    numbers = [int(one.text) for one in page.find_elements(By.CSS_SELECTOR, "#sequence small")]
    assert numbers == [min(k + 10, n) for n in lengths for k in range(0, n, 10)]
    letters = page.find_elements(By.CSS_SELECTOR, "#sequence i")
    assert "".join(one.text for one in letters) == "".join(CHAINS)
    assert [row[:3] for row in _cells(page, "chain-table")] == [
        [a, name, str(n)] for a, name, n in zip("ABC", NAMES, lengths, strict=True)
    ]
    assert page.find_elements(By.CSS_SELECTOR, "header b, #chain-table b, #sequence b") == []
    assert errors(page) == []


def test_the_structure_is_coloured_by_chain(page: Chrome) -> None:
    colours = {
        "A": ((20, 50, 80), (90, 165, 215)),
        "B": ((90, 40, 0), (225, 130, 60)),
        "C": ((10, 60, 30), (70, 160, 100)),
    }
    before = pixels(page, "view")
    _choose(page, "colour", "chain")
    wait(lambda: text(page, "legend").startswith("chain A alpha"))
    seen = pixels(page, "view")
    for chain, (low, high) in colours.items():
        assert count(seen, low, high) > 300, chain
    assert count(before, *colours["B"]) < count(seen, *colours["B"]) / 3
    _choose(page, "colour", "plddt")
    wait(lambda: np.array_equal(pixels(page, "view"), before))


def test_the_map_shows_a_block_of_two_chains(page: Chrome, folder: Path) -> None:
    strip = "#pae-chains-x span"
    assert [one.text for one in page.find_elements(By.CSS_SELECTOR, strip)] == ["A", "B", "C"]
    assert len(page.find_elements(By.CSS_SELECTOR, "#pae-marks .border:not(.under)")) == 4
    whole = pixels(page, "pae")
    _choose(page, "pae-rows", "1")
    _choose(page, "pae-cols", "2")
    wait(lambda: page.find_element(By.ID, "clear").is_displayed())
    wait(lambda: [one.text for one in page.find_elements(By.CSS_SELECTOR, strip)] == ["C"])
    assert not page.find_elements(By.CSS_SELECTOR, "#pae-marks .border")
    pae, b, c = _pae(folder), slice(*STARTS[1:3]), slice(*STARTS[2:4])
    i, j = np.unravel_index(abs(pae[b, c] - pae[c, b].T).argmax(), (len(CHAINS[1]), len(CHAINS[2])))
    screenshots.point_at_map(page, (i + 0.5) / len(CHAINS[1]), (j + 0.5) / len(CHAINS[2]))
    value = pae[b, c][i, j]
    readout = wait(lambda: "expected to be off" in text(page, "readout") and text(page, "readout"))
    assert readout.startswith(
        f"Aligned on B/{CHAINS[1][i]}{i + 1}, C/{CHAINS[2][j]}{j + 1} is expected to be off by {value:.1f} Å."
    )
    page.find_element(By.ID, "pae").send_keys(Keys.END, Keys.ARROW_RIGHT)
    wait(lambda: f"C/{CHAINS[2][-1]}{len(CHAINS[2])}" in text(page, "readout"))
    page.find_element(By.ID, "clear").click()
    ActionChains(page).move_to_element(page.find_element(By.TAG_NAME, "h1")).perform()
    wait(lambda: np.array_equal(pixels(page, "pae"), whole))
    assert page.find_element(By.ID, "pae-rows").get_attribute("value") == ""


def test_the_table_of_interfaces_shows_its_chains(page: Chrome, folder: Path) -> None:
    run = json.loads((folder / "trimer" / "run.json").read_text())
    (known,) = [one for one in run["ranking"][0]["interfaces"] if (one["a"], one["b"]) == ("A", "C")]
    cells = _cells(page, "interface-table")
    assert [row[0] for row in cells] == ["A – B", "A – C", "B – C"]
    shown = [f"{round(known[name], 6):.3f}" for name in ("iptm", "ipsae", "pdockq", "pdockq2", "lis")]
    assert cells[1][1:] == [*shown, f"{known['mean_pae']:.1f}", f"{known['mean_plddt']:.1f}", str(known["contacts"])]
    _click_row(page, "interface-table", 1)
    rows, cols = slice(*STARTS[0:2]), slice(*STARTS[2:4])
    there, back = _pae(folder)[rows, cols].mean(), _pae(folder)[cols, rows].mean()
    wait(lambda: text(page, "readout").startswith("chain A and chain C"))
    assert text(page, "readout") == f"chain A and chain C: mean PAE {there:.1f} Å, the other way round {back:.1f} Å."
    assert page.find_element(By.ID, "pae-cols").get_attribute("value") == "2"
    assert page.find_element(By.CSS_SELECTOR, "#interface-table .current").text.startswith("A – C")
    dimmed = page.find_elements(By.CSS_SELECTOR, "#sequence .dim")
    assert [int(one.get_attribute("data-k") or 0) for one in dimmed] == list(range(*STARTS[1:3]))


def test_interfaces_follow_the_model_and_the_order(page: Chrome, folder: Path) -> None:
    run = json.loads((folder / "trimer" / "run.json").read_text())
    for number in (1, 0):
        _choose(page, "model", str(number))
        known = run["ranking"][number]["interfaces"]
        wait(
            lambda known=known: (
                [row[1] for row in _cells(page, "interface-table")] == [f"{round(one['iptm'], 6):.3f}" for one in known]
            )
        )
    contacts = [one["contacts"] for one in known]
    page.find_element(By.CSS_SELECTOR, "[data-key=contacts] button").click()
    assert [int(row[-1]) for row in _cells(page, "interface-table")] == sorted(contacts, reverse=True)
    page.find_element(By.CSS_SELECTOR, "[data-key=contacts] button").click()
    assert [int(row[-1]) for row in _cells(page, "interface-table")] == sorted(contacts)
    assert len(set(contacts)) > 1


def test_contacts_with_other_chains_show_under_the_pointer(page: Chrome, folder: Path) -> None:
    """The relaxed structure is the predicted one, moved."""
    best = _best(folder)
    beta = np.where(best.atom_mask[:, CB, None] > 0, best.atom_positions[:, CB], best.atom_positions[:, CA])
    near = np.linalg.norm(beta[:, None] - beta, axis=-1) <= 8
    near &= best.asym_id[:, None] != best.asym_id
    k = int(near.sum(axis=1).argmax())
    partners = np.flatnonzero(near[k]).tolist()
    assert partners
    before = count(pixels(page, "view"), (90, 50, 150), (160, 120, 255))
    letter = page.find_element(By.CSS_SELECTOR, f"#sequence [data-k='{k}']")
    ActionChains(page).move_to_element(letter).perform()
    chain = Chains.of(CHAINS).ids
    names = [f"{chain[j]}/{''.join(CHAINS)[j]}{j - STARTS['ABC'.index(chain[j])] + 1}" for j in partners]
    wait(lambda: text(page, "readout-chain").endswith(f"in contact with {', '.join(names)}"))
    marked = page.find_elements(By.CSS_SELECTOR, "#sequence .contact")
    assert [int(one.get_attribute("data-k") or 0) for one in marked] == partners
    assert len(page.find_elements(By.CSS_SELECTOR, "#plddt .cursor.contact")) == len(partners)
    letter.click()  # keeps the mark
    page.execute_script("scrollTo(0, 0)")
    assert count(pixels(page, "view"), (90, 50, 150), (160, 120, 255)) > before + 10


def test_chains_are_selected_where_they_are_named(page: Chrome) -> None:
    _click_row(page, "chain-table", 1)
    wait(lambda: text(page, "readout-chain").startswith(f"chain B: {len(CHAINS[1])} residues"))
    page.find_elements(By.CLASS_NAME, "chain-head")[2].click()
    wait(lambda: text(page, "readout-chain").startswith(f"chain C: {len(CHAINS[2])} residues"))
    strip = page.find_element(By.ID, "chains")
    ActionChains(page).move_to_element_with_offset(strip, -strip.size["width"] // 2 + 60, 0).click().perform()
    wait(lambda: text(page, "readout-chain").startswith(f"chain A: {len(CHAINS[0])} residues"))


def test_tracks_have_borders_and_paired_rows_a_mark(page: Chrome, folder: Path) -> None:
    for name in ("plddt", "coverage"):
        assert len(page.find_elements(By.CSS_SELECTOR, f"#{name} .border")) == 2
    letters = page.find_elements(By.CSS_SELECTOR, "#coverage .letter")
    assert [one.text for one in letters] == ["A", "B", "C"]
    mark, plot = (
        page.find_element(By.CSS_SELECTOR, f"#coverage {kind}").size["height"] for kind in (".paired", "image")
    )
    assert 0 < mark < plot
    assert text(page, "paired") == "20 rows paired between different chains"


def test_the_map_is_saved_with_its_chains(page: Chrome, tmp_path: Path) -> None:
    page.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})

    def saved(name: str) -> str:
        page.execute_script("arguments[0].click()", page.find_element(By.CSS_SELECTOR, f"button[title='{name}']"))
        return str(wait(lambda: (tmp_path / name).is_file() and (tmp_path / name).read_text()))

    root = ElementTree.fromstring(saved("trimer_pae.svg"))
    labels = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    assert [labels.count(letter) for letter in "ABC"] == [2, 2, 2]
    rows = list(csv.reader(io.StringIO(saved("trimer_interface-table.csv"))))
    assert [row[0] for row in rows] == ["Chains", "A – B", "A – C", "B – C"]
    assert len({len(row) for row in rows}) == 1


def test_fits_a_phone(folder: Path) -> None:
    with screenshots.browser(360, 740) as phone:
        screenshots.open_report(phone, folder / "trimer" / "report.html")
        assert phone.execute_script("return document.documentElement.scrollWidth") == 360
        pairs = write_pairs_page(
            folder / "pairs.html", [PairRow("a" * 40, "b", "done", (0.5,))], (PairScore("ipTM", ""),)
        )
        for page in (folder / "index.html", write_comparison([folder, folder], folder / "compare.html"), pairs):
            phone.get(page.as_uri())
            assert phone.execute_script("return document.documentElement.scrollWidth") == 360


def test_more_chains_than_a_pdb_file_can_name(chrome: Chrome, tmp_path: Path) -> None:
    """The structure is read from the mmCIF file."""
    sequence = ":".join(["MKVLA"] * 63)
    place = AlphaFoldLayout(tmp_path, "many")
    results(place, tmp_path, [prediction(sequence, model=BEST)], sequence)
    chrome.get_log("browser")
    screenshots.open_report(chrome, write_report(place, tmp_path))
    chrome.find_element(By.ID, "plddt").send_keys(Keys.END)
    wait(lambda: "AA/A5: pLDDT" in text(chrome, "readout-chain"))
    assert [one.text for one in chrome.find_elements(By.CSS_SELECTOR, "#downloads button")][:1] == ["ModelCIF, relaxed"]
    assert errors(chrome) == []


@pytest.fixture
def pairs(chrome: Chrome, tmp_path: Path) -> Chrome:
    rows = [
        PairRow("x", "y", "done", (0.2, 0.9), "x_y/report.html"),
        PairRow("x", "<b>z</b>", "failed", error="failed: no"),
    ]
    rows.append(PairRow("y", "<b>z</b>", "done", (0.8, 0.1), "y_z/report.html"))
    (tmp_path / "y_z").mkdir()
    (tmp_path / "y_z" / "report.html").write_text("<title>y and z</title>")
    scores = (PairScore("ipTM", "interface pTM"), PairScore("LIS", "", 2.0))
    chrome.get_log("browser")
    chrome.get(write_pairs_page(tmp_path / "pairs.html", rows, scores).as_uri())
    wait(lambda: chrome.find_elements(By.CSS_SELECTOR, "#matrix .cell"))
    return chrome


def _shares(pairs: Chrome) -> list[str | None]:
    return [one.get_attribute("fill-opacity") for one in pairs.find_elements(By.CSS_SELECTOR, "#matrix .cell")]


def test_the_matrix_of_pairs_is_coloured_by_a_score(pairs: Chrome) -> None:
    assert sorted(map(str, _shares(pairs))) == ["0.200", "0.200", "0.800", "0.800"]
    assert len(pairs.find_elements(By.CSS_SELECTOR, "#matrix .missing")) == 2
    assert len(pairs.find_elements(By.CSS_SELECTOR, "#matrix .self")) == 3
    assert [one.text for one in pairs.find_elements(By.CSS_SELECTOR, "#matrix text")] == ["x", "y", "<b>z</b>"] * 2
    _choose(pairs, "colour", "1")
    assert sorted(map(str, _shares(pairs))) == ["0.050", "0.050", "0.450", "0.450"]
    assert text(pairs, "highest") == "2"
    assert errors(pairs) == []


def test_a_cell_tells_its_pair_and_leads_to_the_report(pairs: Chrome) -> None:
    assert [row[:3] for row in _cells(pairs, "targets")] == [
        ["y", "<b>z</b>", "0.800"],
        ["x", "y", "0.200"],
        ["x", "<b>z</b>", ""],
    ]
    cell = pairs.find_element(By.CSS_SELECTOR, "#matrix a[href^='y_z'] .cell")
    ActionChains(pairs).move_to_element(cell).perform()
    wait(lambda: text(pairs, "readout") == "y – <b>z</b>: ipTM 0.800, LIS 0.100")
    assert len(pairs.find_elements(By.CSS_SELECTOR, "#matrix .at")) == 2
    missing = pairs.find_element(By.CSS_SELECTOR, "#matrix .missing")
    ActionChains(pairs).move_to_element(missing).perform()
    wait(lambda: text(pairs, "readout") == "x – <b>z</b>: failed: no")
    ActionChains(pairs).move_to_element(cell).click().perform()
    wait(lambda: pairs.title == "y and z")


def test_the_table_of_pairs_sorts_and_filters(pairs: Chrome) -> None:
    pairs.find_elements(By.CSS_SELECTOR, "#targets thead button")[3].click()
    assert [row[3] for row in _cells(pairs, "targets")] == ["0.100", "0.900", ""]
    pairs.find_element(By.ID, "filter").send_keys("failed")
    assert [row[0] for row in _cells(pairs, "targets") if row[0]] == ["x"]
