"""``log.jsonl``: one JSON object a line for everything that happened in a run."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from io import FileIO
from typing import Any

from automl.store.disk import writing
from automl.store.run_dir import RunDir

__all__ = ["append_log"]


def append_log(run: RunDir, event: str, facts: Mapping[str, Any]) -> None:
    """Appends one line: the time, the name of the event, and its facts.

    What JSON has no word for is written as text: infinite numbers, paths, lone surrogates.

    Raises:
        StorageError: The disk is full, read-only or closed to us.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    entry = {"time": now, "event": event, **_finite(facts)}
    line = json.dumps(entry, ensure_ascii=False, allow_nan=False, default=str) + "\n"
    with writing(run.log), run.log.open("ab", buffering=0) as file:
        _append(file, line.encode(errors="backslashreplace"))


def _append(file: FileIO, data: bytes) -> None:
    """Appends all of it or nothing: half a line would spoil the next one too."""
    size = file.seek(0, os.SEEK_END)
    try:
        while data:
            data = data[file.write(data) :]
    except OSError:
        file.truncate(size)
        raise


def _finite(value: Any) -> Any:
    """The value with NaN and infinity as text, however deep they lie."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
