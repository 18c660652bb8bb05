"""All families learn as much from targets close together far from 0 as from the same around 0."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automl.data import load_dataset
from automl.data.split.choose import ALL_ROWS, make_split_plan
from automl.metrics import get_metric
from automl.plugin import ModelFamily, Task
from automl.plugin.configurable import default_settings
from automl.registry import RegisteredFamily, Registry
from automl.store import RunDir
from automl.trial.execute import execute_job
from automl.trial.setup import TrialSetup, problem_info
from automl.trial.spec import Job, TrialSpec
from automl.trial.worker_state import WorkerState
from automl_plugins import baseline, knn
from automl_plugins.catboost import family as catboost
from automl_plugins.ebm import family as ebm
from automl_plugins.forest import family as forest
from automl_plugins.lightgbm import family as lightgbm
from automl_plugins.linear import family as linear
from automl_plugins.svm import family as svm
from automl_plugins.torch.tabular import mlp, realmlp, resnet, tabm
from automl_plugins.xgboost import family as xgboost

MODULES = [baseline, catboost, ebm, forest, knn, lightgbm, linear, svm, xgboost]
NETS = [mlp, realmlp, resnet, tabm]
FAMILIES: Sequence[ModelFamily] = [m.automl_model_families()[0] for m in (*MODULES, *NETS)]
FEW_ROUNDS = {"max_epochs": 25, "max_rounds": 150}
N_ROWS = 400
FAR = 1e9
LEVELS = (0.1, 0.5, 0.9)

each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
each_of_quantiles = pytest.mark.parametrize(
    "family", [f for f in FAMILIES if Task.QUANTILE in f.tasks], ids=lambda family: family.name
)


def frame(middle: float) -> pd.DataFrame:
    """Two numbers and a category of many values, which is encoded by its targets."""
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, N_ROWS))
    code = rng.integers(0, 80, N_ROWS)
    y = x + 0.5 * z + np.sin(code) + 0.1 * rng.normal(size=N_ROWS)
    return pd.DataFrame({"x": x, "z": z, "code": [f"k{c}" for c in code], "y": y + middle})


def bench_for(path: Path, family: ModelFamily, middle: float, task: Task, name: str) -> WorkerState:
    run = RunDir(path)
    for folder in (run.trials, run.encodings):
        folder.mkdir(parents=True)
    dataset = load_dataset(frame(middle), target="y", task=task, quantiles=LEVELS)
    defaults = default_settings(family)
    settings = {key: FEW_ROUNDS.get(key, value) for key, value in defaults.items()}
    return WorkerState(
        TrialSetup(str(path), name, seed=0, n_folds=4, settings={family.name: settings}),
        run,
        dataset,
        make_split_plan(dataset, seed=0, folds=4),
        get_metric(name, task, quantiles=dataset.target.quantiles),
        Registry({family.name: RegisteredFamily(family, "tests", "", "tests")}),
    )


def fitted(path, family, middle, task=Task.REGRESSION, metric="r2", fold=0):
    """What the default fit of a family scores in a fold, and the predictions it leaves."""
    bench = bench_for(path, family, middle, task, metric)
    problem = problem_info(bench.setup, bench.dataset, bench.metric, family)
    spec = TrialSpec(family.name, 0, family.portfolio(problem)[0])
    result = execute_job(Job(spec, fold, seed=0), bench, lambda step, score: None)
    prediction = np.load(bench.run.oof(spec.trial_id, fold))
    if fold == ALL_ROWS:
        return result.score, prediction, bench.dataset.y
    return result.score, prediction, bench.dataset.y[bench.plan.splits[fold].valid]


@each_family
def test_a_target_far_from_zero_gives_as_good_a_fit(family, tmp_path):
    near, _, _ = fitted(tmp_path / "near", family, 0.0)
    far, prediction, y = fitted(tmp_path / "far", family, FAR)
    assert near > 0.6 or family.name == "baseline"
    assert far == pytest.approx(near, abs=0.03)
    own = 1 - np.mean((prediction - y) ** 2) / np.var(y)
    assert own == pytest.approx(far, abs=1e-3)


@each_of_quantiles
def test_quantiles_of_a_target_far_from_zero_are_as_good(family, tmp_path):
    near, _, _ = fitted(tmp_path / "near", family, 0.0, Task.QUANTILE, "pinball")
    far, prediction, y = fitted(tmp_path / "far", family, FAR, Task.QUANTILE, "pinball")
    assert far == pytest.approx(near, rel=0.1)
    shares = (y[:, np.newaxis] <= prediction).mean(axis=0)
    np.testing.assert_allclose(shares, LEVELS, atol=0.16)


@pytest.mark.parametrize(
    "family", [baseline, catboost, lightgbm, xgboost], ids=lambda m: m.__name__
)
def test_a_loss_that_is_chosen_by_the_name_of_the_metric_is_the_same_far_from_zero(
    family, tmp_path
):
    """Relative errors far from 0 are absolute ones in another unit, and have their minimum."""
    (family,) = family.automl_model_families()
    absolute, squared = (
        fitted(tmp_path / name, family, 0.0, metric=name)[1] for name in ("mae", "rmse")
    )
    relative = fitted(tmp_path / "mape", family, FAR, metric="mape")[1] - FAR
    away = np.abs(relative - absolute).mean()
    assert away < 0.3 * np.abs(squared - absolute).mean()


def test_out_of_bag_predictions_are_as_good(tmp_path):
    (family,) = forest.automl_model_families()
    near, _, _ = fitted(tmp_path / "near", family, 0.0, fold=ALL_ROWS)
    far, prediction, y = fitted(tmp_path / "far", family, FAR, fold=ALL_ROWS)
    assert far == pytest.approx(near, abs=0.03)
    assert 1 - np.nanmean((prediction - y) ** 2) / np.var(y) == pytest.approx(far, abs=0.01)


def test_a_family_is_shown_targets_near_zero_and_a_metric_that_knows_where_they_lie(tmp_path):
    class Watches(baseline.Baseline):
        """Any family of anybody."""

        early_stopping = "staged"

        def fit(self, params, fold, context, report):
            self.seen = fold, context.metric
            return super().fit(params, fold, context, report)

    family = Watches()
    _, _, y = fitted(tmp_path / "far", family, FAR, metric="mape")
    fold, metric = family.seen
    assert max(np.abs(fold.y_train).max(), np.abs(fold.y_valid).max()) < 10
    expected = get_metric("mape", Task.REGRESSION).score(y, y + 1)
    assert metric.score(fold.y_valid, fold.y_valid + 1) == pytest.approx(expected, rel=1e-9)
    assert metric.name != "mape"
