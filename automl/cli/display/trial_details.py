"""Prints one trial with its folds and learning curves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from automl.cli.display.console import make_table, print_facts
from automl.leaderboard import (
    CurveAxes,
    LearningCurve,
    TrialDetails,
    clean,
    draw_curve,
    format_params,
    format_score,
    format_seconds,
    format_state,
)
from automl.trial.spec import LONGER, FoldResult

__all__ = ["print_details"]

_NUMBERS = 52
"""Width reserved for the columns of numbers, with gaps."""

_MIN_CURVE, _MAX_CURVE = 10, 100


def print_details(console: Console, details: TrialDetails) -> None:
    """Prints a trial, with learning curves as wide as the console allows."""
    print_facts(console, _facts(details))
    learnt = dict(details.learnt)
    if learnt:
        room = min(max(console.width - _NUMBERS, _MIN_CURVE), _MAX_CURVE)
        axes = CurveAxes.of(list(learnt.values()), details.greater_is_better, room)
        console.print()
        console.print(_folds(details, axes))
        if axes is not None:
            console.print()
            console.print(Text(_scale(details, axes), style="dim"))
    if details.failure is not None and details.failure.traceback:
        console.print()
        console.print(Text(clean(details.failure.traceback, keep_newlines=True).rstrip()))


def _facts(details: TrialDetails) -> Iterator[tuple[str, str, str]]:
    row, failure = details.row, details.failure
    place = "" if row.rank is None else f", rank {row.rank}"
    weight = f", weight {row.weight:.2f} in the ensemble" if row.weight else ""
    yield "trial", f"{row.trial}: {format_state(row.state)}{place}{weight}", "bold"
    if row.score is not None:
        margin = "" if row.score_margin is None else f" ± {format_score(row.score_margin)}"
        direction = "higher" if details.greater_is_better else "lower"
        text = f"{format_score(row.score)}{margin} by {details.metric}: {direction} is better"
        yield "score", text, ""
        if row.score_low is not None and row.score_high is not None:
            low, high = format_score(row.score_low), format_score(row.score_high)
            yield "95 %", f"{low} to {high} on new rows", ""
        if row.fold_sd is not None:
            spread = f"standard deviation {format_score(row.fold_sd)} over {len(row.folds)} folds"
            yield "folds", spread, ""
    if failure is not None:
        name, style = ("error", "red") if row.state == "failed" else ("stopped", "dim")
        yield name, f"in fold {failure.fold}: {row.error}", style
    source = "of an earlier trial, fitted for longer"
    if details.source != LONGER:
        source = f"from the {details.source}"
    yield "params", f"{format_params(row.params) or 'none'} ({source})", ""


def _folds(details: TrialDetails, axes: CurveAxes | None) -> Table:
    """One row per fold, with its learning curve."""
    table = make_table()
    for title in ("fold", "score", "fit", "predict"):
        table.add_column(title, justify="right", no_wrap=True)
    if axes is not None:
        for title in (clean(details.fidelity), "best at"):
            table.add_column(title, justify="right", no_wrap=True)
        table.add_column("learning curve", no_wrap=True, overflow="crop")
    measured = {result.fold: result for result in details.results}
    for fold, steps in details.learnt:
        learnt = _learnt(steps, details.greater_is_better, axes) if axes is not None else ()
        table.add_row(str(fold), *_measured(measured.get(fold)), *learnt)
    return table


def _measured(result: FoldResult | None) -> Sequence[str]:
    """Score and seconds of a fit; empty if it was stopped."""
    if result is None:
        return "stopped", "", ""
    return (
        format_score(result.final_score) or "none",
        format_seconds(result.fit_s),
        format_seconds(result.predict_s),
    )


def _learnt(
    steps: LearningCurve, greater_is_better: bool, axes: CurveAxes
) -> Sequence[RenderableType]:
    """Last step of a fit, best step, and curve."""
    if not steps:
        return "", "", ""
    best = max if greater_is_better else min
    at, _ = best(steps, key=lambda report: report[1])
    return f"{steps[-1][0]:,}", f"{at:,}", Text("\n".join(draw_curve(steps, axes)), style="cyan")


def _scale(details: TrialDetails, axes: CurveAxes) -> str:
    """Describes the axes of the curves."""
    scores = [score for _, _, score in details.reports]
    bottom, top = format_score(axes.low), format_score(axes.high)
    bottom += " or less" if min(scores) < axes.low else ""
    top += " or more" if max(scores) > axes.high else ""
    return clean(
        f"learning curves: {details.metric} on the validation rows, from {bottom} (bottom) to "
        f"{top} (top), over {axes.last_step:,} {details.fidelity}"
    )
