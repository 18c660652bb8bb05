"""The table of results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["append_result", "key_of", "overshoot_s", "read_results", "to_markdown", "totals"]

COLUMNS = (
    ("table", "name"),
    ("metric", "metric"),
    ("score", "score"),
    ("floor", "floor"),
    ("win", "win"),
    ("wall s", "wall_s"),
    ("over s", "overshoot_s"),
    ("peak GiB", "peak_gib"),
    ("complete", "complete"),
    ("pruned", "pruned"),
    ("failed", "failed"),
    ("predict s", "predict_s"),
)


def key_of(result: Mapping[str, Any]) -> tuple[str, int, float]:
    """What makes a result unique: table, seed, budget."""
    return str(result["name"]), int(result["seed"]), float(result["time_s"])


def overshoot_s(wall_s: float, time_s: float) -> float:
    """Seconds above the budget; negative when the command ended before."""
    return wall_s - time_s


def read_results(path: Path) -> list[dict[str, Any]]:
    """Reads JSON lines; none where there is no file."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def append_result(path: Path, result: Mapping[str, Any]) -> None:
    """Appends one line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result) + "\n")


def to_markdown(results: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table with a row a result, and a line with the totals."""
    rows = [[title for title, _ in COLUMNS], ["---", "---", *["---:"] * (len(COLUMNS) - 2)]]
    rows += [[_cell(key, result) for _, key in COLUMNS] for result in results]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"{table}\n\n{totals(results)}"


def totals(results: Sequence[Mapping[str, Any]]) -> str:
    """Wins, predictors and the worst overshoot and memory in one sentence."""
    if not results:
        return "no results"
    n_wins = sum(bool(r["win"]) for r in results)
    n_done = sum(r["score"] is not None for r in results)
    worst = max(r["overshoot_s"] for r in results)
    peak = max(r["peak_gib"] for r in results)
    n = len(results)
    return (
        f"{n_done} of {n} ended with a predictor, {n_wins} of {n} beat the floor; "
        f"worst overshoot {worst:.1f} s, highest memory {peak:.2f} GiB"
    )


def _cell(key: str, result: Mapping[str, Any]) -> str:
    if key in ("complete", "pruned", "failed"):
        return str(result["trials"].get(key, 0))
    value = result[key]
    if value is None:
        return "none"
    if key == "win":
        return "yes" if value else "no"
    if key in ("score", "floor"):
        return f"{value:.5g}"
    return value if isinstance(value, str) else f"{value:.{2 if key == 'peak_gib' else 1}f}"
