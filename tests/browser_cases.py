# SPDX-License-Identifier: Apache-2.0
"""What tests of the pages read from a browser."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.image import imread

if TYPE_CHECKING:  # selenium may not be installed: then these tests are skipped
    from selenium.webdriver import Chrome


def wait(condition: Callable[[], Any]) -> Any:
    """What `condition` gives once it is true; after a minute the test fails."""
    end = time.monotonic() + 60
    while not (value := condition()):
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.05)
    return value


def text(page: Chrome, name: str) -> str:
    """Of the element with this id."""
    return str(page.find_element("id", name).text)


def pixels(page: Chrome, name: str) -> np.ndarray:
    """Of an element as it is on the screen, 0-255 [height, width, 3], two frames after the last change."""
    page.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    png = page.find_element("id", name).screenshot_as_png
    return (imread(io.BytesIO(png))[..., :3] * 255).round().astype(int)


def count(found: np.ndarray, low: tuple[int, int, int], high: tuple[int, int, int]) -> int:
    """Pixels between two colours."""
    return int(((found >= low) & (found <= high)).all(axis=-1).sum())


def magenta(found: np.ndarray) -> int:
    """Of the residue aligned on, which no class of pLDDT is like; but for single pixels between two colours."""
    n = count(found, (130, 0, 100), (255, 110, 240))
    return n if n > 5 else 0


def errors(page: Chrome) -> list[str]:
    return [entry["message"] for entry in page.get_log("browser") if entry["level"] == "SEVERE"]
