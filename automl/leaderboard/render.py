"""Renders the leaderboard as a terminal table, CSV, JSON or Markdown."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from automl.cell_escaping import guarded, guarded_json
from automl.formatting import (
    clean,
    format_amount,
    format_params,
    format_score,
    format_seconds,
    format_state,
)
from automl.leaderboard.row import COLUMNS, LeaderboardRow, Ranking

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["FORMATS", "render", "to_json", "to_table"]

FORMATS = ("table", "csv", "json", "md")
NO_SCORE = "none"
"""Cell of an undefined score; the notes below the table have the reason."""

# Widths in a terminal.
_GAP = 2
_MAX_TRIAL = 24
_MAX_FOLDS = 40
_MIN_DETAIL = 10
_MIN_DETAIL_BESIDE_FOLDS = 30

_STATE_STYLES = {"complete": "", "running": "cyan", "failed": "red"}  # others are dim


def render(board: Ranking, format: str = "table", width: int = 100, *, raw: bool = False) -> str:
    """Returns the leaderboard as text that ends with a newline.

    Args:
        board: The leaderboard.
        format: One of ``FORMATS``.
        width: Width of a table in characters.
        raw: Whether CSV and JSON hold text unchanged, even if a spreadsheet or a terminal would
            execute it.

    Raises:
        ValueError: The format is unknown.
    """
    if format == "csv":
        return _csv(board, raw)
    if format == "json":
        return _json(board) if raw else guarded_json(_json(board))
    if format == "md":
        return _markdown(board)
    if format == "table":
        return _table_text(board, width)
    raise ValueError(f"unknown format {format!r}: one of {', '.join(FORMATS)}")


def to_table(board: Ranking, width: int = 100, limit: int | None = None) -> Table:
    """Returns the leaderboard as a rich table that fits ``width`` columns.

    Args:
        board: The leaderboard.
        width: Width of the terminal in characters. If it is small, the params are cut first.
        limit: Largest number of trials below the ensemble.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    top = () if board.ensemble is None else (board.ensemble,)
    rows = [*top, *board.trials[:limit]]
    columns, sizes = _fit(board, rows, width)
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, _GAP - 1, 0, 0),
        header_style="bold",
    )
    for title in columns:
        is_text = title in ("trial", "folds", "params")
        table.add_column(Text(title), justify="left" if is_text else "right", no_wrap=True)
    for row, cells in zip(rows, zip(*columns.values(), strict=True), strict=True):
        texts = [Text(cell) for cell in cells]
        for text, size in zip(texts, sizes, strict=True):
            text.truncate(size, overflow="ellipsis")
        style = "bold" if row == board.ensemble else _STATE_STYLES.get(row.state, "dim")
        table.add_row(*texts, style=style)
    return table


def _fit(
    board: Ranking, rows: list[LeaderboardRow], width: int
) -> tuple[dict[str, list[str]], list[int]]:
    """Chooses the columns that fit into ``width``, and their widths."""
    from rich.cells import cell_len

    columns = _columns(board, rows)
    folds = [" ".join(format_score(s) or NO_SCORE for s in row.folds) for row in rows]
    sizes = {t: max(map(cell_len, (t, *cells))) for t, cells in columns.items()}
    sizes["trial"] = min(sizes["trial"], _MAX_TRIAL)

    def left() -> int:
        return width - sum(sizes.values()) - _GAP * len(sizes)

    for title in ("predict", "fit", "±"):
        if left() < _MIN_DETAIL and title in sizes:
            del columns[title], sizes[title]
    folds_size = min(_MAX_FOLDS, max(map(cell_len, folds), default=0))
    if folds_size and left() - folds_size - _GAP >= _MIN_DETAIL_BESIDE_FOLDS:
        columns["folds"], sizes["folds"] = folds, max(folds_size, len("folds"))
    columns["params"], sizes["params"] = [_detail(row) for row in rows], max(left(), _MIN_DETAIL)
    return columns, list(sizes.values())


def _columns(board: Ranking, rows: list[LeaderboardRow]) -> dict[str, list[str]]:
    """Columns that are never cut, by title; those of numbers unless they are empty in this board.

    Costs of predicting are shown if they are optimised or limited.
    """
    wanted = {*board.objectives, *board.limits}
    numbers = {
        clean(board.metric): [_score_cell(row) for row in rows],
        "±": [format_score(row.score_margin) for row in rows],
        "test": [format_score(row.test_score) or _none(row.test_reason) for row in rows],
        "weight": [f"{row.weight:.2f}" if row.weight else "" for row in rows],
        "ms/1000": [format_amount(row.predict_ms) for row in rows],
        "MB": [format_amount(row.size_mb) for row in rows],
        "front": ["*" if row.front else "" for row in rows],
        "fit": [format_seconds(row.fit_s) if row.fit_s else "" for row in rows],
        "predict": [format_seconds(row.predict_s) if row.predict_s else "" for row in rows],
    }
    costs = {"ms/1000": "predict_ms", "MB": "size_mb"}
    hidden = {title for title, name in costs.items() if name not in wanted}
    return {
        "#": ["" if row.rank is None else str(row.rank) for row in rows],
        "trial": [clean(row.trial) for row in rows],
        **{t: c for t, c in numbers.items() if t not in hidden and (any(c) or not rows)},
    }


def _score_cell(row: LeaderboardRow) -> str:
    """The score, or one word why there is none."""
    return format_score(row.score) or (
        NO_SCORE if row.state == "complete" else format_state(row.state)
    )


def _none(is_missing: object) -> str:
    """Cell of a missing score."""
    return NO_SCORE if is_missing else ""


def _detail(row: LeaderboardRow) -> str:
    """Last column: why a trial did not finish, else its params."""
    return clean(row.error) if row.error else format_params(row.params)


def _table_text(board: Ranking, width: int) -> str:
    from rich.console import Console

    file = io.StringIO()
    console = Console(
        file=file,
        width=width,
        color_system=None,
        legacy_windows=False,
        force_jupyter=False,  # it would display the table instead of returning it
    )
    console.print(to_table(board, width))
    lines = [line.rstrip() for line in file.getvalue().strip("\n").splitlines()]
    return "\n".join([*lines, *(["", *board.notes] if board.notes else [])]) + "\n"


def _csv(board: Ranking, raw: bool) -> str:
    """One line per row: numbers in full precision, ``folds`` and ``params`` as JSON."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in board.rows:
        values = row.to_dict()
        nested = {name: to_json(values[name]) for name in ("folds", "params")}
        cells = {**values, **nested}.values()
        writer.writerow(guarded(c) if isinstance(c, str) and not raw else c for c in cells)
    return file.getvalue()


def _json(board: Ranking) -> str:
    rows = ",\n".join(f" {to_json(row.to_dict())}" for row in board.rows)
    return f"[\n{rows}\n]\n" if rows else "[]\n"


def to_json(value: Any) -> str:
    """Returns one line of JSON, with null for NaN and infinity."""
    return json.dumps(_without_nan(value), ensure_ascii=False, allow_nan=False)


def _without_nan(value: Any) -> Any:
    """Replaces NaN and infinity, which JSON lacks, by None."""
    if isinstance(value, dict):
        return {str(name): _without_nan(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def _markdown(board: Ranking) -> str:
    rows = list(board.rows)
    columns = {
        **_columns(board, rows),
        "state": [format_state(row.state) for row in rows],
        "params": [_detail(row) for row in rows],
    }
    columns[clean(board.metric)] = [
        format_score(row.score) or _none(row.state == "complete") for row in rows
    ]
    marks = [":--" if title in ("trial", "state", "params") else "--:" for title in columns]
    lines = [list(columns), marks, *zip(*columns.values(), strict=True)]
    table = "".join(f"| {' | '.join(map(_markdown_cell, line))} |\n" for line in lines)
    return table + "".join(f"\n{_markdown_cell(note)}\n" for note in board.notes)


def _markdown_cell(text: str) -> str:
    """Escapes text for Markdown."""
    text = clean(text)
    for special in "\\|`*_<>[]":
        text = text.replace(special, f"\\{special}")
    return text
