"""Finds the Pareto front of several objectives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from automl.leaderboard.row import LeaderboardRow

__all__ = ["dominates", "mark_pareto_front", "pareto_front"]


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether ``one`` is never higher than ``other``, and lower in some objective."""
    pairs = list(zip(one, other, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def pareto_front(points: Sequence[Sequence[float]]) -> list[bool]:
    """Returns for each point whether no other dominates it. Lower is better.

    Args:
        points: Values per objective; equal points are on the front together.
    """
    return [not any(dominates(other, point) for other in points) for point in points]


def mark_pareto_front(
    rows: Iterable[LeaderboardRow], objectives: Sequence[str], greater_is_better: bool
) -> list[LeaderboardRow]:
    """Sets ``front`` of each row; only ranked trials can be on the front.

    Args:
        rows: Rows of all trials.
        objectives: Names of columns; lower is better, except for ``score``.
        greater_is_better: Direction of the score.
    """

    def losses(row: LeaderboardRow) -> tuple[float, ...]:
        score = row.score or 0.0
        loss = -score if greater_is_better else score
        return tuple(loss if name == "score" else getattr(row, name) for name in objectives)

    rows = list(rows)
    ranked = [row for row in rows if row.rank is not None]
    is_on_front = pareto_front([losses(row) for row in ranked])
    front = {row.trial for row, on_it in zip(ranked, is_on_front, strict=True) if on_it}
    return [replace(row, front=row.trial in front) for row in rows]
