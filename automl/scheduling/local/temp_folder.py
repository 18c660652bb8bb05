"""Makes a folder for the temporary files of workers, and removes it with all that is left there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

__all__ = ["make_temporary", "remove_temporary", "temporary_env"]

OWN = "AUTOML_WORKERS_TMPDIR"
PREFIX = "automl-workers-"


def make_temporary() -> Path | None:
    """Makes the folder; None if temporary files cannot be written."""
    try:
        return Path(tempfile.mkdtemp(prefix=PREFIX))
    except OSError:
        return None


def temporary_env(folder: Path | None) -> dict[str, str]:
    """Variables that make a process and its children use the folder."""
    return {} if folder is None else {"TMPDIR": str(folder), OWN: str(folder)}


def remove_temporary(folder: Path | None = None, env: Mapping[str, str] = os.environ) -> None:
    """Removes the folder.

    Args:
        folder: The folder; None for that of this process.
        env: Environment variables; ``OWN`` holds the folder of this process.
    """
    path = folder or (Path(env[OWN]) if OWN in env else None)
    if path is not None and path.name.startswith(PREFIX):
        shutil.rmtree(path, ignore_errors=True)
