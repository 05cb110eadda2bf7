# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C and SIGTERM: the signal is remembered, even if a library swallows or replaces its exception.

A signal that comes while a library loads or cleans up may end as an exception of another class, or be swallowed; in
the middle of an extension module it would abort the process. While modules load it is put off until they are loaded.
Once the end of the process is decided, further signals change nothing.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

_AGAIN_AFTER = 0.02  # seconds until a signal is raised again that could not be raised where it came
_IMPORT = "<frozen importlib._bootstrap>"

_asked: list[int] = []  # the signal that this process is to end for, if any
_ending = threading.Event()


class Interrupted(KeyboardInterrupt):
    """Ctrl-C.

    Of a class of its own: once a KeyboardInterrupt itself has passed through exec or eval of a text, as dataclasses
    use, `python -m` ends by SIGINT whatever exit code is asked for (run_eval_code_obj in CPython's pythonrun.c).
    """


class Terminated(BaseException):
    """SIGTERM came, as batch systems send it before the wall time is over."""


WORDS = {
    signal.SIGINT: "interrupted; what is complete is kept and used by the next run",
    signal.SIGTERM: "terminated; what is complete is kept and used by the next run",
}


def install() -> None:
    """Has both signals raised as exceptions in the main thread. A SIGINT that is ignored stays so."""
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGALRM, _again)
    sys.unraisablehook = _with_signals(sys.unraisablehook)


def asked() -> int | None:
    """The signal that this process is to end for."""
    return _asked[0] if _asked else None


def check() -> None:
    """Raises the exception of a signal that has come, if any: a library may have swallowed the first one."""
    if _asked:
        raise error_of(_asked[0])


def disregard() -> None:
    """The end of the process is decided: no signal changes it any more, also while the interpreter shuts down.

    Python takes its own handlers away then, and a signal would end the process in the system's way. Without `install`
    this does nothing.
    """
    _ending.set()
    _asked.clear()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        if signal.getsignal(number) in (_stop, _again):
            signal.signal(number, signal.SIG_IGN)


def error_of(number: int) -> BaseException:
    """The exception of a signal."""
    return Interrupted() if number == signal.SIGINT else Terminated()


def end(number: int) -> NoReturn:
    """Prints the signal's line and ends the process: for signals before the command line is loaded."""
    try:
        sys.stderr.write(f"{WORDS[signal.Signals(number)]}\n")
        sys.stderr.flush()
    finally:
        os._exit(128 + number)  # what is half loaded is not cleaned up


def _stop(number: int, frame: FrameType | None) -> None:
    if not _ending.is_set():
        _asked.append(number)
        _again(number, frame)


def _again(number: int, frame: FrameType | None) -> None:
    """Raises the exception of the signal that has come; while modules load, a moment later."""
    if _is_loading(frame):
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_AFTER)
    else:
        check()


def _is_loading(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename != _IMPORT:
        frame = frame.f_back
    return frame is not None


def _with_signals(before: Callable[[Any], object]) -> Callable[[Any], object]:
    """A hook for exceptions that Python can't raise, such as in callbacks: a signal is raised again a moment later."""

    def hook(told: Any) -> None:
        if not isinstance(told.exc_value, KeyboardInterrupt | Terminated):
            before(told)
        elif threading.current_thread() is threading.main_thread():
            signal.setitimer(signal.ITIMER_REAL, _AGAIN_AFTER)

    return hook
