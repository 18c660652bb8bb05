"""Explains which folds have no score, and why."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from automl.formatting import clean
from automl.trial.spec import FoldResult, TrialRecord

__all__ = ["missing_folds", "score_reason"]

MOST_NUMBERED = 4


def score_reason(record: TrialRecord) -> str | None:
    """Returns why scores of folds are missing, in one line; None if none is."""
    missing = {f.fold: f.score_reason or "not a finite number" for f in record.folds if _lacks(f)}
    if not missing:
        return None
    reasons = "; ".join(dict.fromkeys(missing.values()))
    return clean(f"no score of {_numbered(missing)}: {reasons}")


def missing_folds(records: Iterable[TrialRecord], metric: str) -> Iterator[str]:
    """Yields one note per reason why folds have no score."""
    folds: dict[str, set[int]] = {}
    for record in records:
        for fold in filter(_lacks, record.folds):
            folds.setdefault(fold.score_reason or "not a finite number", set()).add(fold.fold)
    for reason, numbers in folds.items():
        yield clean(f"{metric} has no value for {_numbered(numbers)}: {reason}")


def _numbered(folds: Iterable[int]) -> str:
    """Names folds by number, such as ``folds 1 and 3``."""
    *front, last = (str(fold) for fold in sorted(folds))
    if len(front) >= MOST_NUMBERED:
        return f"{len(front) + 1} folds"
    return f"folds {', '.join(front)} and {last}" if front else f"fold {last}"


def _lacks(fold: FoldResult) -> bool:
    return fold.final_score is None or not math.isfinite(fold.final_score)
