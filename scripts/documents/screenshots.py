# SPDX-License-Identifier: Apache-2.0
"""Pictures of a report for the documentation: light, dark and on a phone; of a complex and of tables one picture.

python scripts/documents/screenshots.py results/ubiquitin/report.html docs/images
python scripts/documents/screenshots.py results/dimer/report.html docs/images
python scripts/documents/screenshots.py results/index.html docs/images
python scripts/documents/screenshots.py results/pairs.html docs/images

Needs Chromium with its driver (Debian: chromium-driver) and the packages selenium and pillow. Nothing is fetched.
"""

from __future__ import annotations

import argparse
import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

PROGRAMS = {"browser": ("chromium", "chromium-browser", "google-chrome"), "driver": ("chromedriver",)}
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader "
    "--hide-scrollbars"
).split()
_PATIENCE = 60.0  # seconds; WebGL runs on the processor here
# Name, width and height in CSS pixels, pixels per CSS pixel, colour scheme.
PICTURES = (
    ("report_light", 1280, 1120, 1.0, "light"),
    ("report_dark", 1280, 1120, 1.0, "dark"),
    ("report_phone", 390, 1000, 1.25, "light"),
)
COMPLEX_PICTURES = (("report_complex", 1280, 1120, 1.0, "light"),)
TABLES = {  # pages without a structure
    "index.html": (("index", 1280, 720, 1.0, "light"),),
    "pairs.html": (("pairs", 1280, 640, 1.0, "light"),),
}


def program(kind: str) -> str | None:
    """Where the browser or its driver is installed."""
    return next((path for path in map(shutil.which, PROGRAMS[kind]) if path), None)


@contextmanager
def browser(
    width: int = 1280, height: int = 1000, scale: float = 1.0, scheme: str = "light"
) -> Iterator[webdriver.Chrome]:
    """A headless browser with an empty profile, its console and network events recorded.

    Raises SystemExit where no browser is installed, WebDriverException.
    """
    chromium, driver = program("browser"), program("driver")
    if not chromium or not driver:
        raise SystemExit("no Chromium with chromedriver is installed (Debian: apt-get install chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*_FLAGS, f"--user-data-dir={profile}", "about:blank"):
            options.add_argument(flag)
        chrome = webdriver.Chrome(options=options, service=Service(executable_path=driver))
        try:
            size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
            chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            feature = {"name": "prefers-color-scheme", "value": scheme}
            chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
            chrome.get_log("performance")  # of the browser's own first page
            yield chrome
        finally:
            chrome.quit()


def open_report(chrome: webdriver.Chrome, page: Path) -> None:
    """Opens a report and waits until its structure is drawn. Raises TimeoutException."""
    chrome.get(page.resolve().as_uri())
    WebDriverWait(chrome, _PATIENCE).until(lambda c: c.find_element(By.ID, "view").get_attribute("data-shown"))


def point_at_map(chrome: webdriver.Chrome, down: float, right: float) -> None:
    """Moves the mouse over the PAE map: shares of its height and width from the upper left corner."""
    area = chrome.find_element(By.ID, "pae")
    size = area.size
    x, y = round((right - 0.5) * size["width"]), round((down - 0.5) * size["height"])
    ActionChains(chrome).move_to_element_with_offset(area, x, y).perform()


def is_complex(page: Path) -> bool:
    """Whether a report has several chains."""
    return 'id="chain-table"' in page.read_text(encoding="utf-8")


def picture(page: Path, width: int, height: int, scale: float, scheme: str) -> bytes:
    """PNG. A pair of residues is marked where there is a map; of a complex the structure is coloured by chain."""
    with browser(width, height, scale, scheme) as chrome:
        if page.name in TABLES:
            chrome.get(page.resolve().as_uri())
        else:
            open_report(chrome, page)
        if is_complex(page):
            Select(chrome.find_element(By.ID, "colour")).select_by_value("chain")
            chrome.execute_script("document.activeElement.blur()")
        if chrome.find_elements(By.ID, "pae"):
            point_at_map(chrome, 0.22, 0.7)
            chrome.execute_script("scrollTo(0, 0)")
        chrome.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
        shot = Image.open(io.BytesIO(chrome.get_screenshot_as_png())).convert("RGB")
    out = io.BytesIO()
    shot.save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("page", type=Path, help="a report.html")
    parser.add_argument("out", type=Path, help="folder for the pictures")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    one = COMPLEX_PICTURES if is_complex(arguments.page) else PICTURES
    for name, *how in TABLES.get(arguments.page.name, one):
        path = arguments.out / f"{name}.png"
        path.write_bytes(picture(arguments.page, *how))
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
