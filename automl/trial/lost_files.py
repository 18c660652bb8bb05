"""Handles files of a trial that its own fit has removed: that trial alone fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["LOST", "LostFilesError", "kept", "lost_text"]

LOST = "lost_files"
"""The kind of this error."""


class LostFilesError(Exception):
    """A fit has removed the files of its trial; the text is for users."""


def lost_text(folder: Path) -> str:
    """States the missing folder, and what a family should do instead."""
    return (
        f"{folder} is gone: something in the fit has removed the folder of its own trial. fit() "
        "may write to context.scratch_dir, and save() to the folder that it is given; both are "
        "cleaned up automatically"
    )


@contextmanager
def kept(folder: Path, final: Path) -> Iterator[None]:
    """Runs code that needs a folder, and that may have removed it.

    Args:
        folder: The folder.
        final: Its name in messages.

    Raises:
        LostFilesError: The code failed, and the folder is gone.
    """
    try:
        yield
    except OSError as error:
        if folder.is_dir():
            raise
        raise LostFilesError(lost_text(final)) from error
