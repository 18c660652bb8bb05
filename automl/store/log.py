"""``log.jsonl``: one JSON object a line for everything that happened in a run."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from automl.store.run_dir import RunDir

__all__ = ["append_log"]


def append_log(run: RunDir, event: str, facts: Mapping[str, Any]) -> None:
    """Appends one line: the time, the name of the event, and its facts.

    What JSON has no word for is written as text: infinite numbers, paths, lone surrogates.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    entry = {"time": now, "event": event, **_finite(facts)}
    line = json.dumps(entry, ensure_ascii=False, allow_nan=False, default=str)
    with run.log.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(line + "\n")


def _finite(value: Any) -> Any:
    """The value with NaN and infinity as text, however deep they lie."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
