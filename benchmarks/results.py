"""The file of results: a line of JSON for each run, only ever appended to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = [
    "Key",
    "append_result",
    "has_failed",
    "key_of",
    "latest",
    "read_results",
    "was_disturbed",
]

BUSY_CORES = 0.2
"""A run counts as disturbed when other processes were busy on more cores on average."""

Key = tuple[str, int, float, int, str]
"""Table, seed, seconds, cores, system."""


def key_of(result: Mapping[str, Any]) -> Key:
    """What makes a run unique."""
    return (
        str(result["table"]),
        int(result["seed"]),
        float(result["time_s"]),
        int(result["cores"]),
        str(result["system"]),
    )


def has_failed(result: Mapping[str, Any]) -> bool:
    """Whether a run gave no score."""
    return result["score"] is None


def was_disturbed(result: Mapping[str, Any]) -> bool:
    """Whether other processes took part of the machine during a run."""
    return float(result["others_cores"]) > BUSY_CORES


def read_results(path: Path) -> list[dict[str, Any]]:
    """Reads the lines; none where there is no file.

    The last line counts only when it is whole: a machine that went down may have left a part.

    Raises:
        SystemExit: Another line is no JSON; its number is told.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    results = []
    for number, line in enumerate(lines, 1):
        try:
            results.append(json.loads(line))
        except ValueError as error:
            raise SystemExit(f"{path}:{number} is no JSON: {error}") from None
    return results


def append_result(path: Path, result: Mapping[str, Any]) -> None:
    """Appends one line and brings it to the disk; a part of a line before it is taken away."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(json.dumps(result).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def latest(results: Iterable[Mapping[str, Any]]) -> dict[Key, Mapping[str, Any]]:
    """The last result of each run, in the order in which runs were first done."""
    return {key_of(result): result for result in results}
