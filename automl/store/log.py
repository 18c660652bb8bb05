"""``log.jsonl``: one JSON object a line for everything that happened in a run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from automl.store.run_dir import RunDir

__all__ = ["append_log"]


def append_log(run: RunDir, event: str, facts: Mapping[str, Any]) -> None:
    """Appends one line: the time, the name of the event, and its facts."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = json.dumps({"time": now, "event": event, **facts}, ensure_ascii=False, default=str)
    with run.log.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
