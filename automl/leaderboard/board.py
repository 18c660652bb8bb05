"""Reads the leaderboard of a run from its records, in any state of the run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from automl.errors import RunError
from automl.formatting import clean, format_score
from automl.leaderboard.held_out import HeldOutScores
from automl.leaderboard.pareto_front import mark_pareto_front
from automl.leaderboard.render import render
from automl.leaderboard.row import COLUMNS, ENSEMBLE, NUMBERS, LeaderboardRow, Ranking
from automl.store.files import read_json
from automl.store.run_dir import RunDir
from automl.trial.inference_cost import InferenceCost, cost_of
from automl.trial.records import read_records
from automl.trial.spec import FoldResult, TrialRecord, TrialState

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Leaderboard", "read_board"]

MOST_NUMBERED = 4


@dataclass(frozen=True, slots=True, repr=False)
class Leaderboard(Ranking):
    """All trials of a run, ranked.

    Attributes:
        metric: Name of the run's metric.
        greater_is_better: Direction of the metric.
        task, target: Task and name of the target; "" if unknown.
        rows: The ensemble if there is one, then complete trials by rank, then running, pruned,
            cut (by the end of the search) and failed trials.
        objectives: What was optimised, ``score`` first.
        limits: Upper bounds for the predictor: ``predict_ms``, ``size_mb``, if set.
        reason: Why the ensemble has several members or one; "" if unknown.
        notes: Missing scores with their reasons, and ignored rows of a held-out table.
    """

    def __repr__(self) -> str:
        """Returns the table instead of all fields."""
        return render(self)

    @property
    def members(self) -> tuple[LeaderboardRow, ...]:
        """Members of the ensemble by descending weight."""
        return tuple(sorted((r for r in self.trials if r.weight), key=lambda r: -(r.weight or 0)))

    @property
    def failures(self) -> tuple[tuple[str, int], ...]:
        """Errors of failed trials with their counts, most frequent first."""
        causes = Counter(row.error or "unknown" for row in self.trials if row.state == "failed")
        return tuple(causes.most_common())

    @property
    def kept_reason(self) -> str:
        """Why the ensemble is kept although a trial has a better score; "" if none has."""
        top = self.ensemble
        above = [row for row in self.trials if top is not None and self._is_above(row, top)]
        if top is None or top.score == top.selected_score or not above:
            return ""  # without a nested score, both are scored on the same rows
        best = above[0]
        broken = [name for name, limit in self.limits.items() if getattr(best, name) > limit]
        if broken:
            return f"{best.trial} ranks above the ensemble, but exceeds limits.{broken[0]}"
        why = f": {self.reason}" if self.reason else ""
        return (
            f"the score of {best.trial} is the best of {self.count('complete')} and therefore "
            f"optimistic; the ensemble is scored on rows not used to choose it{why}"
        )

    @property
    def outlook(self) -> str:
        """Expected score of the mean of the folds' models; "" if unknown."""
        top = self.ensemble
        if top is None or top.score is None or top.mean_score is None:
            return ""
        return (
            f"{clean(self.metric)} {format_score(top.mean_score)} on new rows, predicted by the "
            f"mean of the folds' models; the score {format_score(top.score)} is from one of them "
            "per row"
        )

    def _is_above(self, row: LeaderboardRow, top: LeaderboardRow) -> bool:
        if row.rank is None or row.score is None or top.score is None:
            return False
        return row.score > top.score if self.greater_is_better else row.score < top.score

    def count(self, state: str) -> int:
        """Returns the number of trials in a state."""
        return sum(row.state == state for row in self.trials)

    def to_frame(self) -> pd.DataFrame:
        """Returns the rows as a frame, always with the same columns and types."""
        import pandas as pd

        rows = [row.to_dict() for row in self.rows]
        frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
        numbers = dict.fromkeys(NUMBERS, "float64")
        return frame.astype({"rank": "Int64", "front": "boolean", **numbers})


def read_board(run: RunDir, tested: HeldOutScores | None = None) -> Leaderboard:
    """Reads the leaderboard of a run that is running, finished or killed.

    Args:
        run: The run directory.
        tested: Scores on a held-out table.

    Raises:
        RunError: It is not a run directory, or one of its files is damaged.
    """
    run.check()
    manifest = read_json(run.manifest)
    try:
        metric = manifest["metric"]
        name, greater_is_better = str(metric["name"]), bool(metric["greater_is_better"])
        by_time = (manifest.get("split") or {}).get("kind") == "time"
    except (AttributeError, KeyError, TypeError):
        raise RunError(f"{run.manifest} does not name the metric of the run") from None
    ensemble = _read_ensemble(run)
    tests, records = tested or HeldOutScores({}), read_records(run)
    trials = _rank(records, greater_is_better, _weights(ensemble), tests, by_time)
    objectives = tuple(manifest.get("objectives") or ("score",))
    if len(objectives) > 1:
        trials = mark_pareto_front(trials, objectives, greater_is_better)
    top = [] if ensemble is None else [_ensemble_row(ensemble, trials, tests)]
    return Leaderboard(
        metric=name,
        greater_is_better=greater_is_better,
        task=str(manifest.get("task") or ""),
        target=str(manifest.get("target") or ""),
        rows=(*top, *trials),
        objectives=objectives,
        limits=dict(manifest.get("limits") or {}),
        reason="" if ensemble is None else clean(str(ensemble.get("reason") or "")),
        notes=(*_missing_folds(records, name), *tests.notes),
    )


def _read_ensemble(run: RunDir) -> Mapping[str, Any] | None:
    """Reads ``ensemble/ensemble.json``; None where the run has none yet."""
    path = run.ensemble / "ensemble.json"
    if not path.is_file():
        return None
    value = read_json(path)
    try:
        for member in value["members"]:
            str(member["trial"]), float(member["weight"])
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path} is damaged: {error!r}") from None
    return value if value["members"] else None


def _weights(ensemble: Mapping[str, Any] | None) -> Mapping[str, float] | None:
    """Weight of each member; a trial listed more than once gets the sum."""
    if ensemble is None:
        return None
    weights: dict[str, float] = {}
    for member in ensemble["members"]:
        trial = str(member["trial"])
        weights[trial] = weights.get(trial, 0.0) + float(member["weight"])
    return weights


def _rank(
    records: Iterable[TrialRecord],
    greater_is_better: bool,
    weights: Mapping[str, float] | None,
    tests: HeldOutScores,
    by_time: bool,
) -> list[LeaderboardRow]:
    """Orders trials: complete ones by score, ties by age, then the others.

    Complete trials without a finite score follow the ranked ones.
    """
    others = ("complete", "running", "pruned", "out_of_time", "interrupted", "failed")

    def order(record: TrialRecord) -> tuple[int, float, int]:
        score = _finite(record.score)
        if record.state is not TrialState.COMPLETE or score is None:
            return (1 + others.index(record.state), 0.0, record.index)
        return (0, -score if greater_is_better else score, record.index)

    rows = []
    for place, record in enumerate(sorted(records, key=order), start=1):
        ranked = order(record)[0] == 0
        weight = None if weights is None else weights.get(record.trial_id, 0.0)
        cost = cost_of(record.folds, newest_alone=by_time)
        rows.append(_trial_row(record, place if ranked else None, weight, tests, cost))
    return rows


def _trial_row(
    record: TrialRecord,
    rank: int | None,
    weight: float | None,
    tests: HeldOutScores,
    cost: InferenceCost,
) -> LeaderboardRow:
    error, is_complete = record.error, record.state is TrialState.COMPLETE
    low, high = record.interval if is_complete and record.interval else (None, None)
    return LeaderboardRow(
        rank=rank,
        family=record.spec.family,
        trial=record.trial_id,
        state=str(record.state),
        score=_finite(record.score) if is_complete else None,
        score_se=_finite(record.score_se) if is_complete else None,
        score_low=_finite(low),
        score_high=_finite(high),
        test_score=_finite(tests.scores.get(record.trial_id)),
        fit_s=float(record.fit_s),
        predict_s=float(record.predict_s),
        predict_ms=cost.predict_ms,
        size_mb=cost.size_mb,
        weight=weight,
        error=None if error is None else clean(f"{error.kind}: {error.message}").rstrip(": "),
        score_reason=_score_reason(record),
        test_reason=tests.reasons.get(record.trial_id),
        folds=tuple(_finite(fold.final_score) for fold in record.folds),
        params=record.spec.params,
    )


def _ensemble_row(
    ensemble: Mapping[str, Any], trials: Iterable[LeaderboardRow], tests: HeldOutScores
) -> LeaderboardRow:
    members = [row for row in trials if row.weight]
    measured = _finite(ensemble.get("predict_ms"))
    selected, nested = _finite(ensemble.get("score")), _finite(ensemble.get("nested_score"))
    low, high = ensemble.get("interval") or (None, None)
    return LeaderboardRow(
        rank=None,
        family=ENSEMBLE,
        trial=ENSEMBLE,
        state="complete",
        score=selected if nested is None else nested,
        score_se=_finite(ensemble.get("score_se")),
        score_low=_finite(low),
        score_high=_finite(high),
        selected_score=selected,
        mean_score=_mean_score(ensemble, members),
        score_reason=None if selected is not None else "no fold of its members has a score",
        test_score=_finite(tests.scores.get(ENSEMBLE)),
        test_reason=tests.reasons.get(ENSEMBLE),
        fit_s=math.fsum(row.fit_s for row in members),
        predict_s=math.fsum(row.predict_s for row in members),
        predict_ms=math.fsum(row.predict_ms for row in members) if measured is None else measured,
        size_mb=math.fsum(row.size_mb for row in members),
        params={"members": len(members), **_corrections(ensemble.get("calibration") or {})},
    )


def _mean_score(ensemble: Mapping[str, Any], members: Iterable[LeaderboardRow]) -> float | None:
    """Expected score of the mean of the folds' models; None if a refit predicts."""
    in_folds = {row.trial: len(row.folds) for row in members}
    for member in ensemble["members"]:
        by_refit = min(member.get("folds") or (0,)) < 0
        if by_refit and in_folds.get(str(member["trial"]), 0) > 1:
            return None
    return _finite(ensemble.get("mean_score"))


def _corrections(calibration: Mapping[str, Any]) -> dict[str, Any]:
    """Non-trivial parts of the calibration, by name.

    Factors of two classes are shown as the probability threshold of the second.
    """
    nothing = {"temperature": 1.0, "class_factors": [], "value_range": None}
    found = {name: value for name, value in calibration.items() if value != nothing.get(name)}
    factors = found.get("class_factors", ())
    if len(factors) == 2:
        found["threshold"] = factors[0] / sum(found.pop("class_factors"))
    return found


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _score_reason(record: TrialRecord) -> str | None:
    """Returns why scores of folds are missing, in one line; None if none is."""
    missing = {f.fold: f.score_reason or "not a finite number" for f in record.folds if _lacks(f)}
    if not missing:
        return None
    reasons = "; ".join(dict.fromkeys(missing.values()))
    return clean(f"no score of {_numbered(missing)}: {reasons}")


def _missing_folds(records: Iterable[TrialRecord], metric: str) -> Iterator[str]:
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
