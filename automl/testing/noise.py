"""Tests that the scores of a family with early stopping are chance on noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from automl.data.split.choose import make_split_plan
from automl.data.split.split_plan import SplitPlan
from automl.data.table import Dataset, Table, Target
from automl.metrics import get_metric
from automl.plugin import Fold, Metric, ModelFamily, Params, StageLog, Task, TrialContext
from automl.store.run_dir import RunDir
from automl.testing.case import FamilyCase
from automl.testing.fakes import RecordingReport
from automl.testing.tables import TestTable
from automl.trial.settle import settle_folds
from automl.trial.stages import curve_of, logs_of, stage_near, write_stages

__all__ = ["Noise", "NoiseScores", "noise_table", "score_noise"]

N_ROWS, N_COLUMNS, N_FOLDS = 150, 12, 5
FIXED = 7  # position of the fixed stage in the log
TRIAL = "noise-0"

MOST_GAIN = 0.03
"""Largest mean gain in AUC of a stage chosen by other rows over a fixed one."""

SPREAD = 0.058
"""Standard deviation of an unbiased mean AUC of five folds of 30 rows."""

ERRORS = 3.0
"""Standard errors up to which a mean counts as chance."""


@dataclass(frozen=True, slots=True)
class NoiseScores:
    """Mean AUC of the folds of one noise table, by the choice of stages.

    Attributes:
        said: Stages chosen by the other folds, as in a search.
        own: Stages chosen by the scored rows, which is biased.
        fixed: Fixed stages; about 0.5.
    """

    said: float
    own: float
    fixed: float


class Noise(FamilyCase):
    """Tests that early stopping does not raise the score on noise."""

    def test_its_score_on_noise_is_chance(self, tmp_path: Path) -> None:
        """Over ``noise_seeds`` tables of 150 rows and 12 columns."""
        if self.family.early_stopping != "staged" or not self.noise_seeds:
            pytest.skip("it does not stop on validation rows, or has no noise_seeds")
        if Task.BINARY not in self.family.tasks & (self.tasks or self.family.tasks):
            pytest.skip("it is not tested for two classes")
        found, told = [], self._told(Task.BINARY)
        told["settings"] = {**told["settings"], **self.noise_settings}
        for seed in range(self.noise_seeds):
            table = noise_table(seed, told)
            params = self._params(table)
            found.append(score_noise(self.family, params, table, seed, tmp_path / str(seed)))
        if not any(found):
            pytest.skip("it logs no stages")
        scores = [one for one in found if one is not None]
        assert len(scores) == len(found), "it logs stages for some tables only"
        gain = float(np.mean([one.said - one.fixed for one in scores]))
        assert gain < MOST_GAIN, f"choosing a stage raises AUC on noise by {gain:.3f}"
        said, error = float(np.mean([one.said for one in scores])), SPREAD / len(scores) ** 0.5
        assert said < 0.5 + ERRORS * error, f"AUC on noise is {said:.3f}, {error:.3f} is chance"


def noise_table(seed: int, told: Mapping[str, Any]) -> TestTable:
    """Returns a table of normal columns and two classes that are independent of them.

    Args:
        seed: Seed of the draws.
        told: Other arguments of ``TestTable``.
    """
    rng = np.random.default_rng([seed, 150])
    numeric, none = rng.normal(size=(N_ROWS, N_COLUMNS)), np.empty((N_ROWS, 0), dtype=np.int64)
    y = rng.permutation(np.arange(N_ROWS) % 2)
    return TestTable(Task.BINARY, numeric, none, y, 2, **told)


def score_noise(
    family: ModelFamily, params: Params, table: TestTable, seed: int, folder: Path
) -> NoiseScores | None:
    """Fits the folds of a table and scores them as a search does, by AUC.

    Args:
        family: A family with early stopping.
        params: Params of all fits.
        table: The rows.
        seed: Seed of the folds and the fits.
        folder: Folder for files.

    Returns:
        The scores; None if a fold logged no stages.
    """
    metric, run = get_metric("roc_auc", table.task), RunDir(folder)
    target = Target("y", table.task, tuple(str(label) for label in range(table.n_classes)))
    dataset = Dataset(Table(pa.table({}), ()), target, table.y)
    plan = make_split_plan(dataset, seed=seed, folds=N_FOLDS)
    context = TrialContext(replace(table.problem(), metric=metric), seed)
    logs = []
    for number, fold in enumerate(_folds(family, params, table, plan)):
        model = family.fit(params, fold, context, RecordingReport())
        stages = logs_of(model)
        if not stages:
            return None
        place = run.fold(TRIAL, number)
        place.mkdir(parents=True)
        write_stages(place, stages, fold.y_valid, None)
        logs.append((stages[0], fold.y_valid))
    settled, _ = settle_folds(run, TRIAL, range(plan.n_folds), plan, dataset, metric)
    return NoiseScores(
        said=float(np.mean([settled[number].score for number in range(plan.n_folds)])),
        own=float(np.mean([_own_score(log, y, metric) for log, y in logs])),
        fixed=float(np.mean([_fixed_score(log, y, metric) for log, y in logs])),
    )


def _folds(
    family: ModelFamily, params: Params, table: TestTable, plan: SplitPlan
) -> Sequence[Fold]:
    encoding, rows = family.encoding(params, table.problem()), np.arange(len(table.y))
    masks = [np.isin(rows, division.valid) for division in plan.splits]
    return [table.fold(encoding, valid=mask) for mask in masks]


def _own_score(log: StageLog, y: NDArray[Any], metric: Metric) -> float:
    best = curve_of(log, np.arange(len(y)), y, None).best
    return metric.score(y, log.predictions[stage_near(np.array(log.stages), best)])


def _fixed_score(log: StageLog, y: NDArray[Any], metric: Metric) -> float:
    return metric.score(y, log.predictions[min(FIXED, len(log.stages) - 1)])
