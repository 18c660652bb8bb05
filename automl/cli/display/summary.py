"""Prints the summary of a finished search."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from automl.cli.display.console import print_facts
from automl.leaderboard import (
    Leaderboard,
    format_amount,
    format_score,
    format_seconds,
    format_state,
    to_table,
)

__all__ = ["print_summary"]

_N_TRIALS = 10
_N_CAUSES = 3

_STOPPED = ("pruned", "out_of_time", "interrupted", "failed")
_STOPPED_BY = {
    "time": "time budget spent",
    "trials": "trial budget spent",
    "exhausted": "search spaces exhausted",
    "no more gains": "no more gains",
    "interrupt": "stopped by Ctrl-C",
}


def print_summary(
    console: Console,
    board: Leaderboard,
    path: str,
    stopped_by: str,
    elapsed_s: float | None,
    notes: Sequence[str] = (),
) -> None:
    """Prints the top of the leaderboard, the ensemble, failures, and the next command.

    Args:
        console: The console.
        board: The leaderboard.
        path: Path of the run directory for commands.
        stopped_by: ``time``, ``trials``, ``exhausted``, ``no more gains`` or ``interrupt``.
        elapsed_s: Wall-clock seconds of the search, if known.
        notes: Notes of the end of the search.
    """
    console.print()
    console.print(_outcome(board, stopped_by, elapsed_s))
    console.print()
    console.print(to_table(board, console.width, limit=min(_N_TRIALS, board.count("complete"))))
    console.print()
    facts = [
        ("ensemble", ", ".join(f"{row.trial} {row.weight:.2f}" for row in board.members), ""),
        ("score", _score(board), ""),
        ("expected", board.outlook, ""),
        ("kept", board.kept_reason, ""),
        *_limits(board),
        *_causes(board),
    ]
    for index, note in enumerate([*board.notes, *notes]):
        facts.append(("" if index else "note", note, "yellow"))
    print_facts(console, [*facts, ("run", path, "")])
    # Printed separately and never wrapped, so that it can be copied.
    command = f"automl predict {shlex.quote(path)} new.csv --out predictions.csv"
    console.print(Text.assemble((f"{'next':<10}", "dim"), (command, "bold")), soft_wrap=True)


def _outcome(board: Leaderboard, stopped_by: str, elapsed_s: float | None) -> Text:
    counts = [f"{board.count('complete')} complete"]
    counts += [f"{n} {format_state(state)}" for state in _STOPPED if (n := board.count(state))]
    after = "" if elapsed_s is None else f" after {format_seconds(elapsed_s)}"
    n = len(board.trials)
    return Text(
        f"{n} trial{'s' * (n != 1)}: {', '.join(counts)}; "
        f"{_STOPPED_BY.get(stopped_by, stopped_by)}{after}"
    )


def _score(board: Leaderboard) -> str:
    """Returns the expected score of the ensemble on new rows; "" if unknown."""
    row = board.ensemble
    if row is None or row.score_low is None or row.score_high is None:
        return ""
    expected, low, high = map(format_score, (row.score, row.score_low, row.score_high))
    selected = format_score(row.selected_score)
    optimistic = "" if selected == expected else f" ({selected} on those that were: optimistic)"
    return (
        f"{board.metric} {expected} (95 %: {low} to {high}) on rows not used to choose "
        f"the ensemble{optimistic}"
    )


def _limits(board: Leaderboard) -> Iterator[tuple[str, str, str]]:
    """Yields the cost of the ensemble for each limit, and whether it satisfies the limit."""
    if board.ensemble is None:
        return
    figures = {
        "predict_ms": (board.ensemble.predict_ms, "ms to predict 1,000 rows"),
        "size_mb": (board.ensemble.size_mb, "MB of models"),
    }
    for name, limit in board.limits.items():
        value, unit = figures[name]
        verdict, style = ("", "") if value <= limit else (": EXCEEDED", "red")
        yield "limit", f"{format_amount(value) or 0} of {limit:g} {unit}{verdict}", style


def _causes(board: Leaderboard) -> Iterator[tuple[str, str, str]]:
    """Yields ``k of n trials failed`` and the most frequent errors."""
    failures = board.failures
    if failures:
        yield "failed", f"{board.count('failed')} of {len(board.trials)} trials failed", "red"
    for cause, count in failures[:_N_CAUSES]:
        yield "", f"{count} × {cause}", ""
    if len(failures) > _N_CAUSES:
        yield "", f"and {len(failures) - _N_CAUSES} more causes: see the leaderboard", ""
