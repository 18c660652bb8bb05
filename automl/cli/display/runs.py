"""Prints a comparison of several runs, one line each."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from automl.cell_escaping import guarded, guarded_json
from automl.cli.display.streams import data_stream

__all__ = ["runs_of", "show_runs"]

MANIFEST = "manifest.json"
COLUMNS = ("run", "target", "task", "metric", "score", "best", "trials", "status")


def runs_of(words: Sequence[str]) -> list[Path]:
    """Returns the runs to compare; empty if the words name one run or none.

    Args:
        words: Several run directories, or a folder of runs, oldest first.
    """
    paths = [Path(word) for word in words]
    if len(paths) > 1:
        return paths if all((path / MANIFEST).is_file() for path in paths) else []
    (path,) = paths
    if not path.is_dir() or (path / MANIFEST).is_file():
        return []
    return sorted(
        (child for child in path.iterdir() if (child / MANIFEST).is_file()),
        key=lambda child: (child / MANIFEST).stat().st_ctime,
    )


def show_runs(paths: Sequence[Path], format: str, *, raw: bool = False) -> None:
    """Prints a table of runs.

    Args:
        paths: The runs.
        format: ``table``, ``csv`` or ``json``.
        raw: Whether text is written unchanged, even if a spreadsheet would execute it.
    """
    rows = [_row(path) for path in paths]
    if format == "json":
        text = json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False)
        data_stream(sys.stdout).write((text if raw else guarded_json(text)) + "\n")
    elif format == "csv":
        writer = csv.DictWriter(data_stream(sys.stdout), COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows if raw else map(_guarded, rows))
    else:
        _print(rows)


def _guarded(row: dict[str, Any]) -> dict[str, Any]:
    return {name: guarded(c) if isinstance(c, str) else c for name, c in row.items()}


def _row(path: Path) -> dict[str, Any]:
    """Returns the line of a run; one that cannot be read has the reason as its status."""
    from automl.errors import RunError
    from automl.leaderboard import read_board
    from automl.store.files import read_json
    from automl.store.run_dir import RunDir

    try:
        run = RunDir(path)
        board, manifest = read_board(run), read_json(run.manifest)
    except RunError as error:
        return {**dict.fromkeys(COLUMNS), "run": str(path), "status": str(error)}
    best = next((row for row in board.trials if row.rank == 1), None)
    top = board.ensemble or best
    return {
        "run": str(path),
        "target": board.target,
        "task": board.task,
        "metric": board.metric,
        "score": None if top is None else top.score,
        "best": None if best is None else best.trial,
        "trials": len(board.trials),
        "status": str(manifest.get("status", "")),
    }


def _print(rows: Sequence[dict[str, Any]]) -> None:
    from rich.text import Text

    from automl.cli.display.console import make_console, make_table
    from automl.leaderboard import clean, format_score

    table = make_table()
    for title in COLUMNS:
        right = title in ("score", "trials")
        table.add_column(title, justify="right" if right else "left", overflow="fold")
    for row in rows:
        cells = {**row, "score": format_score(row["score"])}
        table.add_row(*(Text(clean("" if c is None else str(c))) for c in cells.values()))
    make_console(sys.stdout).print(table)
