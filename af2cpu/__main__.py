# SPDX-License-Identifier: Apache-2.0
"""The program. Signals end it in one line from its first moment on, also while the libraries load."""

from __future__ import annotations

from typing import NoReturn

from af2cpu import stopping
from af2cpu.collector import collector_paused


def main() -> NoReturn:
    """Loads the command line and runs it; ends the process."""
    try:
        stopping.install()
        with collector_paused():
            from af2cpu.cli import main as run

        run()
    except SystemExit:
        raise
    except BaseException:
        number = stopping.asked()
        if number is not None:
            stopping.end(number)
        raise


if __name__ == "__main__":
    main()
