"""Keeps code of plugins from writing to standard output and from ending the program."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import NoReturn, TextIO

__all__ = ["contained", "printing_to"]

STDOUT, STDERR = 1, 2


@contextlib.contextmanager
def contained() -> Iterator[list[str]]:
    """Guards a block that imports a plugin and calls its hooks.

    Output of the block, also from native code, is captured. ``os._exit`` raises ``SystemExit``,
    except in forked processes. A crash shows the line of Python at which it happened.

    Yields:
        A list that holds the output after the block; empty if there was none.
    """
    printed: list[str] = []
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as file:
        try:
            with _crashes_shown(), _exits_refused(), printing_to(file):
                yield printed
        finally:
            file.flush()
            file.seek(0)
            if text := file.read().strip():
                printed.append(text)


@contextlib.contextmanager
def printing_to(file: TextIO) -> Iterator[None]:
    """Redirects output of a block to a file, both Python's and that of the file descriptor."""
    try:
        sys.stdout.flush()
        descriptor, before = file.fileno(), os.dup(STDOUT)
    except (OSError, ValueError, AttributeError):  # closed, as in a daemon, or in memory
        with contextlib.redirect_stdout(file):
            yield
        return
    try:
        with contextlib.redirect_stdout(file):
            os.dup2(descriptor, STDOUT)
            try:
                yield
            finally:
                file.flush()
    finally:
        os.dup2(before, STDOUT)
        os.close(before)


@contextlib.contextmanager
def _exits_refused() -> Iterator[None]:
    exit_now, own = os._exit, os.getpid()

    def refuse(status: int) -> NoReturn:
        if os.getpid() != own:
            exit_now(status)
        raise SystemExit(f"os._exit({status})")

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = exit_now


@contextlib.contextmanager
def _crashes_shown() -> Iterator[None]:
    if faulthandler.is_enabled():
        yield
        return
    with contextlib.suppress(OSError, ValueError):
        faulthandler.enable(STDERR)
    try:
        yield
    finally:
        faulthandler.disable()
