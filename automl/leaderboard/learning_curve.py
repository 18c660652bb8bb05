"""Draws learning curves with block characters."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["CurveAxes", "LearningCurve", "draw_curve"]

LearningCurve = Sequence[tuple[int, float]]
"""Reports of a fit as (step, score), in order; scores are finite."""

_BARS = " ▁▂▃▄▅▆▇█"
_EIGHTHS = 8
_CUT_SHARE = 0.1  # share of worst scores outside the axes: early ones would flatten the rest


@dataclass(frozen=True, slots=True)
class CurveAxes:
    """Common axes of curves to compare.

    Attributes:
        low, high: Scores at the bottom and at the top; others are clipped.
        last_step: Last step of the longest curve, at the right border.
        n_columns: Width in characters.
    """

    low: float
    high: float
    last_step: int
    n_columns: int

    @classmethod
    def of(
        cls, curves: Sequence[LearningCurve], greater_is_better: bool, width: int
    ) -> CurveAxes | None:
        """Returns axes for some curves; None if there are no reports.

        Args:
            curves: The curves.
            greater_is_better: Direction of the scores; the worst 10 % are clipped.
            width: Largest number of characters; at most one per step is used.
        """
        scores = sorted(s for curve in curves for _, s in curve)
        if not scores:
            return None
        cut = int(_CUT_SHARE * len(scores))
        low, high = (cut, -1) if greater_is_better else (0, -1 - cut)
        steps = {step for curve in curves for step, _ in curve}
        return cls(scores[low], scores[high], max(steps), max(1, min(width, len(steps))))


def draw_curve(curve: LearningCurve, axes: CurveAxes, n_lines: int = 2) -> list[str]:
    """Draws one curve.

    Args:
        curve: Reports of a fit.
        axes: Common axes.
        n_lines: Height in lines.

    Returns:
        Lines of equal length, the upper one first.
    """
    heights = [_height(score, axes, n_lines) for score in _sampled(curve, axes)]
    floors = range(_EIGHTHS * (n_lines - 1), -1, -_EIGHTHS)
    return ["".join(_BARS[min(max(h - f, 0), _EIGHTHS)] for h in heights) for f in floors]


def _sampled(curve: LearningCurve, axes: CurveAxes) -> list[float]:
    """Last score within each column; NaN before the first report and after the last."""
    steps = [step for step, _ in curve]
    scores = []
    for column in range(axes.n_columns):
        begin, end = (axes.last_step * c / axes.n_columns for c in (column, column + 1))
        n_before = bisect.bisect_right(steps, end)
        is_over = not steps or (steps[-1] <= begin and column > 0)
        scores.append(math.nan if is_over or n_before == 0 else curve[n_before - 1][1])
    return scores


def _height(score: float, axes: CurveAxes, n_lines: int) -> int:
    """Height in eighths of a line: 0 for NaN, at least 1 for any score."""
    if not math.isfinite(score):
        return 0
    span = axes.high / 2 - axes.low / 2  # halves, as the difference may overflow
    share = (score / 2 - axes.low / 2) / span if span > 0 else 0.5
    return 1 + round(min(max(share, 0.0), 1.0) * (_EIGHTHS * n_lines - 1))
