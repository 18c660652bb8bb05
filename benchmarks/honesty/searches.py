"""Small searches, what their boards say, and what their models give on new rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from benchmarks.honesty.draws import Drawn

__all__ = ["Opened", "small_search"]


def small_search(
    data: Any, folder: Path, families: Sequence[str], *, trials: int | None = None, **more: Any
) -> Opened:
    """Searches on one core without pruning; each family gets its first params where none are asked.

    Args:
        data: A frame with the target ``y``, or the path of a file.
        folder: Where the run is made.
        families: Their names.
        trials: In all; one of each family by default.
        more: Further arguments of ``automl.search``; ``settings`` are added to those from here.
    """
    import automl

    settings: dict[str, Any] = {
        "family": list(families),
        "pruner": "none",
        "scheduler.cpus": 1,
        "search.folds": 5,
        "search.repeats": 1,
    }
    if trials is None:
        settings["search.max_trials_per_family"] = 1
    settings |= more.pop("settings", {})
    number = sum(1 for _ in folder.iterdir())
    out = folder / f"run-{number}"
    automl.search(
        data,
        target="y",
        trials=trials or len(families),
        out=str(out),
        settings={name: value for name, value in settings.items() if value is not None},
        **more,
    )
    return Opened(out)


class Opened:
    """A finished run.

    Args:
        path: The run directory.
    """

    def __init__(self, path: Path) -> None:
        import automl
        from automl.run_reader import RunReader
        from automl.store.run_dir import RunDir

        self.run = automl.load_run(path)
        self.board = self.run.board()
        self.opened = RunReader(RunDir(path))

    @property
    def greater_is_better(self) -> bool:
        """Direction of the metric."""
        return bool(self.board.greater_is_better)

    def said(self) -> dict[str, dict[str, Any]]:
        """The score of the first trial of each family, or why there is none."""
        found: dict[str, dict[str, Any]] = {}
        for row in self.board.trials:
            if row.trial == f"{row.family}-0":
                is_done = row.state == "complete" and row.score is not None
                found[row.family] = (
                    {"said": row.score} if is_done else {"error": f"{row.state}: {row.error}"}
                )
        return found

    def ensemble(self) -> dict[str, Any]:
        """Score and interval of the ensemble, on rows that did not select it."""
        row = self.board.ensemble
        if row is None:
            return {"error": "there is no ensemble"}
        said = row.selected_score if row.score is None else row.score
        return {
            "said": said,
            "low": row.score_low,
            "high": row.score_high,
            "selected": row.selected_score,
            "members": {member.trial: member.weight for member in self.board.members},
        }

    def product(self, new: Drawn) -> float:
        """Expected score of what predicts new rows."""
        return self._score(new, self.opened.predictor.ensemble)

    def single_folds(self, family: str, new: Drawn) -> float:
        """Mean over the folds of the expected score of a trial's models, each alone."""
        whole = self._single(family)
        (member,) = whole.members
        alone = [replace(whole, members=(replace(member, folds=(f,)),)) for f in member.folds]
        return float(np.mean([self._score(new, one) for one in alone]))

    def single(self, family: str, new: Drawn) -> float:
        """Expected score of the mean of all models of a family's first trial."""
        return self._score(new, self._single(family))

    def ensemble_folds(self, new: Drawn) -> float | None:
        """Mean over the folds of the expected score of the ensemble's models of that fold.

        None where members have other numbers of folds, or were refitted on all rows.
        """
        whole = self.opened.predictor.ensemble
        counts = {len(member.folds) for member in whole.members if member.folds != (-1,)}
        if len(counts) != 1:
            return None
        scores = []
        for number in range(counts.pop()):
            members = tuple(
                member if member.folds == (-1,) else replace(member, folds=(member.folds[number],))
                for member in whole.members
            )
            scores.append(self._score(new, replace(whole, members=members)))
        return float(np.mean(scores))

    def honest_predictions(self) -> NDArray[np.float64]:
        """Weighted mean of the members' out-of-fold predictions; NaN for rows without one."""
        from automl.ensemble import read_oof
        from automl.trial.records import read_record

        members = {m.trial: m.weight for m in self.opened.predictor.ensemble.members}
        total: Any = 0.0
        for trial, weight in members.items():
            record = read_record(self.opened.run, trial)
            folds = [result.fold for result in record.folds]
            is_class = self.opened.target.task.is_classification
            found = read_oof(self.opened.run, trial, folds, self.opened.plan, is_class)
            total = total + weight * found
        return np.asarray(total) / sum(members.values())

    def _single(self, family: str) -> Any:
        whole = self.opened.single_trial_ensemble(f"{family}-0")
        if whole is None:
            raise ValueError(f"{self.run.path} has no models of {family}-0")
        return whole

    def _score(self, new: Drawn, ensemble: Any) -> float:
        predictor = self.opened.make_predictor(ensemble)
        prediction = predictor.predict(self.run.read(new.columns))
        shown = ensemble.calibration.for_metric(self.opened.metric, prediction)
        return new.score(self.opened.metric, tuple(self.run.classes), shown)
