"""The leaderboard as a terminal table, CSV, JSON and Markdown."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from automl.leaderboard.board import COLUMNS, Board, Row
from automl.leaderboard.text import clean, format_params, format_score, format_seconds

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["FORMATS", "render", "to_table"]

FORMATS = ("table", "csv", "json", "md")

_WIDE = 110
"""Columns of a terminal from which on there is room for the scores of the folds."""

_STATE_STYLES = {"complete": "", "running": "cyan", "pruned": "dim", "failed": "red"}


def render(board: Board, format: str = "table", width: int = 100) -> str:
    """Returns the leaderboard as text that ends with a newline.

    Args:
        board: The leaderboard.
        format: One of ``FORMATS``.
        width: Columns that a table may take.

    Raises:
        ValueError: The format is unknown.
    """
    if format == "csv":
        return _csv(board)
    if format == "json":
        return _json(board)
    if format == "md":
        return _markdown(board)
    if format == "table":
        return _table_text(board, width)
    raise ValueError(f"unknown format {format!r}: one of {', '.join(FORMATS)}")


def to_table(board: Board, width: int = 100, limit: int | None = None) -> Table:
    """Returns the leaderboard as a rich table that fits ``width`` columns.

    Args:
        board: The leaderboard.
        width: Columns of the terminal.
        limit: At most so many trials below the ensemble.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    rows = [row for row in board.rows if row == board.ensemble]
    rows += board.trials[:limit]
    cells = _number_columns(board, rows)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("trial", no_wrap=True, min_width=8, overflow="ellipsis")
    for title in cells:
        table.add_column(title, justify="right", no_wrap=True)
    if width >= _WIDE:
        table.add_column("folds", no_wrap=True, overflow="ellipsis", max_width=42)
    table.add_column("params", no_wrap=True, overflow="ellipsis", ratio=1, min_width=10)
    for index, row in enumerate(rows):
        numbers = [Text(column[index]) for column in cells.values()]
        folds = [Text(" ".join(map(format_score, row.folds)))] if width >= _WIDE else []
        first = Text("" if row.rank is None else str(row.rank))
        style = "bold" if row == board.ensemble else _STATE_STYLES.get(row.state, "")
        table.add_row(first, Text(clean(row.trial)), *numbers, *folds, _detail(row), style=style)
    return table


def _number_columns(board: Board, rows: list[Row]) -> dict[str, list[str]]:
    """Columns of numbers by title; those that say nothing in this board are left out."""
    columns = {
        board.metric: [format_score(r.score) or r.state for r in rows],
        "± se": [format_score(r.score_se) for r in rows],
        "test": [format_score(r.test_score) for r in rows],
        "weight": [f"{r.weight:.2f}" if r.weight else "" for r in rows],
        "fit": [format_seconds(r.fit_s) for r in rows],
        "predict": [format_seconds(r.predict_s) for r in rows],
    }
    return {title: cells for title, cells in columns.items() if title == board.metric or any(cells)}


def _detail(row: Row) -> Any:
    """What the last column says: why a trial did not finish, else its params."""
    from rich.text import Text

    return Text(clean(row.error)) if row.error else Text(format_params(row.params))


def _table_text(board: Board, width: int) -> str:
    from rich.console import Console

    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None, legacy_windows=False)
    console.print(to_table(board, width))
    return "\n".join(line.rstrip() for line in file.getvalue().strip("\n").splitlines()) + "\n"


def _csv(board: Board) -> str:
    """One line a row: numbers in full precision, ``folds`` and ``params`` as JSON."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in board.rows:
        values = row.to_dict()
        nested = {name: _to_json(values[name]) for name in ("folds", "params")}
        writer.writerow({**values, **nested}.values())
    return file.getvalue()


def _json(board: Board) -> str:
    rows = ",\n".join(f" {_to_json(row.to_dict())}" for row in board.rows)
    return f"[\n{rows}\n]\n" if rows else "[]\n"


def _to_json(value: Any) -> str:
    return json.dumps(_without_nan(value), ensure_ascii=False, allow_nan=False)


def _without_nan(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become null."""
    if isinstance(value, dict):
        return {str(name): _without_nan(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def _markdown(board: Board) -> str:
    titles = ["rank", "trial", "state", *_number_columns(board, list(board.rows)), "params"]
    cells = _number_columns(board, list(board.rows))
    lines = [titles, [":--" if t in ("trial", "state", "params") else "--:" for t in titles]]
    for index, row in enumerate(board.rows):
        numbers = [
            column[index] if row.score is not None or title != board.metric else ""
            for title, column in cells.items()
        ]
        detail = row.error or format_params(row.params)
        rank = "" if row.rank is None else str(row.rank)
        lines.append([rank, row.trial, row.state, *numbers, detail])
    return "".join(f"| {' | '.join(map(_markdown_cell, line))} |\n" for line in lines)


def _markdown_cell(text: str) -> str:
    """Text that Markdown shows as it stands."""
    text = clean(text)
    for special in "\\|`*_<>[]":
        text = text.replace(special, f"\\{special}")
    return text
