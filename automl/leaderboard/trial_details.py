"""One trial in full: its row of the leaderboard, its folds, and how they learnt."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from automl.cells import guarded_json
from automl.leaderboard.board import read_board
from automl.leaderboard.learning_curve import Curve
from automl.leaderboard.render import to_json
from automl.leaderboard.row import Row
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
"""What reports count where the run does not say it of a family."""


@dataclass(frozen=True, slots=True)
class TrialDetails:
    """One trial.

    Attributes:
        row: Its row of the leaderboard.
        metric: Name of the run's metric.
        greater_is_better: Its direction.
        fidelity: What a step counts: ``rounds``, ``epochs``, or ``steps`` where nothing is known.
        source: Where its params come from: ``portfolio`` or ``sampler``.
        results: Of its finished folds, in the order of the folds; that of a fit on all rows has
            the number -1.
        failure: Why it failed or was pruned.
        cut_steps: Reports of the fit that the failure ended, as (step, score).
    """

    row: Row
    metric: str
    greater_is_better: bool
    fidelity: str
    source: str
    results: tuple[FoldResult, ...] = ()
    failure: TrialError | None = None
    cut_steps: Curve = ()

    @property
    def learnt(self) -> Iterator[tuple[int, Curve]]:
        """The reports of each fit, by its fold; last those of the one that was stopped."""
        yield from ((result.fold, result.steps) for result in self.results)
        if self.failure is not None and self.cut_steps:
            yield self.failure.fold, self.cut_steps

    @property
    def reports(self) -> Iterator[tuple[int, int, float]]:
        """Validation scores as fits reported them: fold, step, score."""
        return ((fold, step, score) for fold, steps in self.learnt for step, score in steps)

    @property
    def curves(self) -> pd.DataFrame:
        """The learning curves, one line per report: ``fold``, ``step`` and ``score``.

        That of the fit with which a trial was stopped is among them.

        Empty where the family does not report while it trains.
        """
        import pandas as pd

        frame = pd.DataFrame(self.reports, columns=list(CURVE_COLUMNS))
        return frame.astype({"fold": "int64", "step": "int64", "score": "float64"})

    @property
    def folds(self) -> pd.DataFrame:
        """One line per finished fold, with all that was measured of its fit."""
        import pandas as pd

        rows = [_measured(result) for result in self.results]
        return pd.DataFrame(rows, columns=list(_measured(FoldResult(0, None, 0.0, 0.0))))

    def to_dict(self) -> dict[str, Any]:
        """Returns all of it as JSON values: the row, with its folds and its failure in full."""
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
    """The numbers of a fold; its reports as how many there are."""
    values = asdict(result)
    for name in ("oof_crc", "settled_crc", "settled_score"):
        del values[name]  # two guard files, and say nothing of the model; the last is the score
    return {**values, "score": result.final_score, "steps": len(result.steps)}


def read_trial(run: RunDir, trial_id: str) -> TrialDetails:
    """Reads one trial of a run that runs, is over, or was killed.

    Args:
        run: The run directory.
        trial_id: Such as ``lightgbm-3``.

    Raises:
        RunError: It is no run, one of its files is damaged, or there is no such trial: the nearest
            ones are named.
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
        format: One of ``TRIAL_FORMATS``: all of it as JSON, or its learning curves as CSV.
        raw: Whether JSON has texts unchanged, even those that a terminal would run.

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
    """What the family said when it was searched; runs of earlier versions do not have it."""
    facts = manifest.get("families") or {}
    return str(facts.get(family, {}).get("fidelity") or STEPS)
