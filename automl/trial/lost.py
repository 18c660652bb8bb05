"""Files of a trial that its own fit has removed: that trial fails, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["LOST", "LostFilesError", "kept", "lost_text"]

LOST = "lost_files"
"""The kind of such an error."""


class LostFilesError(Exception):
    """A fit has removed what its trial had written; the text is for people."""


def lost_text(folder: Path) -> str:
    """Says what is gone, and what a family should do instead."""
    return (
        f"{folder} is gone: something in the fit has removed the folder of its own trial. A fit "
        "may use context.scratch, and save() the folder that it is given; both are cleaned up "
        "for it"
    )


@contextmanager
def kept(folder: Path, final: Path) -> Iterator[None]:
    """Lets code run that needs a folder, and may be what removes it.

    Args:
        folder: The folder.
        final: What to call it for people.

    Raises:
        LostFilesError: The code failed, and the folder is gone.
    """
    try:
        yield
    except OSError as error:
        if folder.is_dir():
            raise
        raise LostFilesError(lost_text(final)) from error
