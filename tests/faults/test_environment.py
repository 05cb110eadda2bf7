"""Machines as users have them: folders that can't be written, no home, no terminal, another user's files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from program_cases import inputs, predict

NOBODY = 65534


def run(arguments: tuple[object, ...], environment: dict[str, str], *, user: int | None = None) -> tuple[int, str]:
    """The program in a session of its own: no terminal, nothing to read from, few variables."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "af2cpu", *map(str, arguments)],
        env=kept | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        user=user,
    )
    return done.returncode, done.stderr


@pytest.mark.fault(36, "works without HOME and without a terminal; a folder that can't be written is an error at once")
def test_no_home_no_terminal(tmp_path: Path) -> None:
    source = inputs(tmp_path / "in", "a")
    code, said = run(predict(source, tmp_path / "out", "--workers", 1), {})
    assert code == 0, said
    assert (tmp_path / "out" / "a" / "report.html").is_file()


@pytest.mark.fault(36)
def test_a_folder_that_can_not_be_written(tmp_path: Path) -> None:
    """As another user where the tests run as root, whom no permission stops."""
    source, closed = inputs(tmp_path / "in", "a"), tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    user = NOBODY if os.geteuid() == 0 else None
    if user is not None and not _readable_by_all(tmp_path):
        pytest.skip("another user can't read the test's folder or the program")
    code, said = run(predict(source, closed / "out"), {}, user=user)
    assert code == 2, said
    assert f"{closed / 'out'}: nothing can be written there" in said.splitlines()[-1]
    assert "Traceback" not in said


def _readable_by_all(folder: Path) -> bool:
    """Opens the way to the test's folder; whether another user can start Python and read there."""
    for parent in (folder, *list(folder.parents)[:3]):
        if parent.stat().st_uid == os.geteuid() and parent != Path("/tmp"):
            parent.chmod(parent.stat().st_mode | 0o055)
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    look = [sys.executable, "-c", f"import af2cpu, os; os.listdir({str(folder)!r})"]
    return subprocess.run(look, user=NOBODY, env=kept, check=False, capture_output=True).returncode == 0
