"""Reads one trial with its leaderboard row, folds and learning curves."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from automl.cell_escaping import guarded_json
from automl.leaderboard.board import read_board
from automl.leaderboard.learning_curve import LearningCurve
from automl.leaderboard.render import to_json
from automl.leaderboard.row import LeaderboardRow
from automl.store.files import read_json
from automl.store.run_dir import RunDir
from automl.trial.records import find_record
from automl.trial.spec import FoldResult, TrialError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TRIAL_FORMATS", "TrialDetails", "read_trial", "render_trial"]

TRIAL_FORMATS = ("csv", "json")
CURVE_COLUMNS = ("fold", "step", "score")

STEPS = "steps"
"""Unit of reports if the run has none for a family."""


@dataclass(frozen=True, slots=True)
class TrialDetails:
    """One trial in full.

    Attributes:
        row: Row of the leaderboard.
        metric: Name of the run's metric.
        greater_is_better: Direction of the metric.
        fidelity: Unit of a step: ``rounds``, ``epochs``, or ``steps`` if unknown.
        source: Origin of its params: ``portfolio``, ``sampler`` or ``longer``; see ``TrialSpec``.
        results: Results of its finished folds, in order; a fit on all rows has the number -1.
        failure: Why it failed or was stopped.
        cut_steps: Reports of the fit that ended so, as (step, score).
    """

    row: LeaderboardRow
    metric: str
    greater_is_better: bool
    fidelity: str
    source: str
    results: tuple[FoldResult, ...] = ()
    failure: TrialError | None = None
    cut_steps: LearningCurve = ()

    @property
    def learnt(self) -> Iterator[tuple[int, LearningCurve]]:
        """Reports of each fit with its fold; last those of the one that was stopped."""
        yield from ((result.fold, result.steps) for result in self.results)
        if self.failure is not None and self.cut_steps:
            yield self.failure.fold, self.cut_steps

    @property
    def reports(self) -> Iterator[tuple[int, int, float]]:
        """Reported validation scores as (fold, step, score)."""
        return ((fold, step, score) for fold, steps in self.learnt for step, score in steps)

    @property
    def curves(self) -> pd.DataFrame:
        """Learning curves with one row per report: ``fold``, ``step`` and ``score``.

        Includes the fit that was stopped. Empty if the family does not report.
        """
        import pandas as pd

        frame = pd.DataFrame(self.reports, columns=list(CURVE_COLUMNS))
        return frame.astype({"fold": "int64", "step": "int64", "score": "float64"})

    @property
    def folds(self) -> pd.DataFrame:
        """Measurements with one row per finished fold."""
        import pandas as pd

        rows = [_measured(result) for result in self.results]
        return pd.DataFrame(rows, columns=list(_measured(FoldResult(0, None, 0.0, 0.0))))

    def to_dict(self) -> dict[str, Any]:
        """Returns the trial as JSON values, with its folds and failure in full."""
        return {
            **self.row.to_dict(),
            "metric": self.metric,
            "greater_is_better": self.greater_is_better,
            "fidelity": self.fidelity,
            "source": self.source,
            "folds": [{**_measured(r), "steps": [list(s) for s in r.steps]} for r in self.results],
            "failure": None if self.failure is None else asdict(self.failure),
            "cut_steps": [list(step) for step in self.cut_steps],
        }


def _measured(result: FoldResult) -> dict[str, Any]:
    """Numbers of a fold, with the number of its reports."""
    values = asdict(result)
    for name in ("oof_crc", "settled_crc", "settled_score"):
        del values[name]  # two are checksums of files, the last is included in the score
    return {**values, "score": result.final_score, "steps": len(result.steps)}


def read_trial(run: RunDir, trial_id: str) -> TrialDetails:
    """Reads one trial of a run that is running, finished or killed.

    Args:
        run: The run directory.
        trial_id: Name of the trial, such as ``lightgbm-3``.

    Raises:
        RunError: It is not a run directory, one of its files is damaged, or there is no such trial
            (the message names the closest).
    """
    record = find_record(run.check(), trial_id)
    board = read_board(run)
    return TrialDetails(
        row=next(row for row in board.trials if row.trial == trial_id),
        metric=board.metric,
        greater_is_better=board.greater_is_better,
        fidelity=_fidelity(read_json(run.manifest), record.spec.family),
        source=record.spec.source,
        results=record.folds,
        failure=record.error,
        cut_steps=record.cut_steps,
    )


def render_trial(details: TrialDetails, format: str, *, raw: bool = False) -> str:
    """Returns one trial as text that ends with a newline.

    Args:
        details: The trial.
        format: One of ``TRIAL_FORMATS``: everything as JSON, or learning curves as CSV.
        raw: Whether JSON holds text unchanged, even if a terminal would execute it.

    Raises:
        ValueError: The format is unknown.
    """
    if format == "json":
        text = f"{to_json(details.to_dict())}\n"
        return text if raw else guarded_json(text)
    if format == "csv":
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows((CURVE_COLUMNS, *details.reports))
        return file.getvalue()
    raise ValueError(f"unknown format {format!r}: one of {', '.join(TRIAL_FORMATS)}")


def _fidelity(manifest: Mapping[str, Any], family: str) -> str:
    """Unit of reports as recorded by the search; runs of earlier versions lack it."""
    facts = manifest.get("families") or {}
    return str(facts.get(family, {}).get("fidelity") or STEPS)
