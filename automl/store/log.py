"""Appends events to ``log.jsonl``, one JSON object per line."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from io import FileIO
from typing import Any

from automl.store.disk import storage_errors
from automl.store.run_dir import RunDir

__all__ = ["append_log"]


def append_log(run: RunDir, event: str, facts: Mapping[str, Any]) -> None:
    """Appends one line: the time, the name of the event, and its facts.

    Values that JSON lacks are written as text: infinite numbers, paths, lone surrogates.

    Raises:
        StorageError: The disk is full or read-only, or access is denied.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    entry = {"time": now, "event": event, **_finite(facts)}
    line = json.dumps(entry, ensure_ascii=False, allow_nan=False, default=str) + "\n"
    with storage_errors(run.log), run.log.open("ab", buffering=0) as file:
        _append(file, line.encode(errors="backslashreplace"))


def _append(file: FileIO, data: bytes) -> None:
    """Appends all of the data or nothing: half a line would corrupt the next one too."""
    size = file.seek(0, os.SEEK_END)
    try:
        while data:
            data = data[file.write(data) :]
    except OSError:
        file.truncate(size)
        raise


def _finite(value: Any) -> Any:
    """Replaces NaN and infinity by text at any depth of a value."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
