"""One model of all rows, as a worker fits it, and what it must be like to be taken."""

from __future__ import annotations

import json

import numpy as np
import pytest

from automl.data.split.choose import ALL_ROWS
from automl.errors import RunError
from automl.plugin import CannotRefit, ModelFamily, RefitIncomplete, RefittableFamily, Task
from automl.trial.execute import execute_job
from automl.trial.refit import RefitUnsupportedError, refit_job
from automl.trial.setup import problem_info
from automl.trial.spec import Job, TrialSpec


class Sigmoid:
    def __init__(self, slope, column):
        self.slope, self.column = slope, column
        self.extra_predict_ms = 7_000.0

    def predict(self, X):
        p = 1 / (1 + np.exp(-self.slope * np.asarray(X)[:, self.column]))
        return np.column_stack((1 - p, p))


class Line(RefittableFamily):
    """A slope of the first column, which differs a little by fold."""

    name = "line"
    tasks = frozenset({Task.BINARY})
    refitted = 2.05

    def search_space(self, suggest, problem):
        return {}

    def fit(self, params, fold, context, report):
        return Sigmoid(2.0 + 0.1 * fold.index, 0)

    def refit(self, params, fold, context, models):
        assert len(fold.y_valid) == 0
        if self.refitted is None:
            raise CannotRefit("it needs rows to stop by")
        if context.time_left_s < 0:
            raise RefitIncomplete("the clock stopped its refit after 1 of 9 rounds")
        return Sigmoid(self.refitted, 0)

    def save(self, model, path):
        (path / "line.json").write_text(json.dumps([model.slope, model.column]))

    def load(self, path):
        return Sigmoid(*json.loads((path / "line.json").read_text()))


SPEC = TrialSpec("line", 0, {})
REFIT = Job(SPEC, ALL_ROWS, seed=5, replaces_folds=(0, 1, 2))


@pytest.fixture
def fitted(open_bench):
    """fitted(family): a workbench where the folds of a trial are fitted."""

    def fitted(family):
        bench = open_bench(family)
        for fold in range(3):
            execute_job(Job(SPEC, fold, seed=fold), bench, lambda step, score: None)
        return bench

    return fitted


def test_it_is_written_beside_the_folds_with_what_was_compared(fitted, monkeypatch):
    for module in ("latency", "worker_state"):
        monkeypatch.setattr(f"automl.trial.{module}.min_time_ms", lambda call: 5.0)
    bench = fitted(Line())
    result = refit_job(REFIT, bench)
    assert result.fold == ALL_ROWS
    assert result.model_mib > 0
    assert result.predict_ms == 5.0 + 5.0 + 7_000  # rows that the run does not know take longer
    model = bench.registry.get("line").load(bench.run.model("line-0", ALL_ROWS))
    assert model.slope == Line.refitted
    compared = np.load(bench.run.compared("line-0", ALL_ROWS))
    assert compared.shape == (4, 60, 2)
    log_odds = np.log(compared[..., 1] / compared[..., 0])
    slopes = log_odds[:, 0] / log_odds[3, 0] * Line.refitted
    np.testing.assert_allclose(slopes, [2.0, 2.1, 2.2, 2.05], rtol=1e-3)


def test_a_further_seed_lies_beside_the_first(fitted):
    bench = fitted(Line())
    for fold in (ALL_ROWS, ALL_ROWS - 1):
        refit_job(Job(SPEC, fold, seed=5, replaces_folds=(0, 1, 2)), bench)
        assert bench.run.model("line-0", fold).is_dir()


@pytest.mark.parametrize("slope", [0.05, -2.1, 9.0])
def test_one_that_predicts_something_else_is_thrown_away(fitted, slope):
    family = Line()
    family.refitted = slope
    bench = fitted(family)
    with pytest.raises(
        RefitUnsupportedError, match="refit differs from the mean of the folds' models"
    ):
        refit_job(REFIT, bench)
    assert not bench.run.fold("line-0", ALL_ROWS).exists()


def test_one_that_the_clock_cut_is_thrown_away_with_the_reason_of_the_family(fitted):
    bench = fitted(Line())
    late = Job(SPEC, ALL_ROWS, seed=5, end_s=-1.0, replaces_folds=(0, 1, 2))
    with pytest.raises(
        RefitUnsupportedError, match="the clock stopped its refit after 1 of 9 rounds"
    ):
        refit_job(late, bench)


def test_a_family_without_a_model_of_all_rows_is_named(fitted):
    class Plain(ModelFamily):
        """A line that cannot be refitted."""

        name = "line"
        search_space, fit, save, load = Line.search_space, Line.fit, Line.save, Line.load

    with pytest.raises(RefitUnsupportedError, match="family line cannot be refitted on all rows"):
        refit_job(REFIT, fitted(Plain()))


def test_the_models_of_the_folds_stay_where_a_family_cannot_refit_these_rows(fitted):
    family = Line()
    family.refitted = None
    with pytest.raises(RefitUnsupportedError, match="it needs rows to stop by"):
        refit_job(REFIT, fitted(family))


def test_a_model_that_is_gone_is_named(fitted):
    bench = fitted(Line())
    with pytest.raises(RunError, match="fold-7/model is missing"):
        refit_job(Job(SPEC, ALL_ROWS, seed=5, replaces_folds=(0, 7)), bench)


def test_a_booster_of_one_tree_does_not_pass_for_one_of_many(open_bench, monkeypatch):
    pytest.importorskip("lightgbm")
    from automl_plugins.lightgbm import family as lightgbm

    family = lightgbm.LightGBM()
    bench = open_bench(family)
    spec = TrialSpec("lightgbm", 0, dict(family.portfolio(_shape(bench, family))[0]))
    for fold in range(3):
        execute_job(Job(spec, fold, seed=fold), bench, lambda step, score: None)
    monkeypatch.setattr(lightgbm, "refit_rounds", lambda rounds, rates, context: (1, 0.02))
    with pytest.raises(RefitUnsupportedError, match="differs from the mean"):
        refit_job(Job(spec, ALL_ROWS, seed=9, replaces_folds=(0, 1, 2)), bench)
    monkeypatch.undo()
    refit_job(Job(spec, ALL_ROWS, seed=9, replaces_folds=(0, 1, 2)), bench)


def _shape(bench, family):
    return problem_info(bench.setup, bench.dataset, bench.metric, family)
