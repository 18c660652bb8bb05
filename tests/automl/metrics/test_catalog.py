import pickle
import subprocess
import sys

import numpy as np
import pytest

from automl.errors import ConfigError
from automl.metrics import CATALOG, default_metric, get_metric, metric_names
from automl.plugin import Metric, Task

EXAMPLE = {
    Task.BINARY: np.array([0, 1, 1, 0, 1]),
    Task.MULTICLASS: np.array([0, 1, 2, 2, 1]),
    Task.REGRESSION: np.array([1.0, 2.0, 3.0, 5.0, 8.0]),
}


def probabilities(labels, n_classes):
    return np.eye(n_classes)[labels] * 0.9 + 0.1 / n_classes


def predictions(task):
    y_true = EXAMPLE[task]
    if task is Task.REGRESSION:
        return y_true, y_true[::-1].copy()
    n_classes = 2 if task is Task.BINARY else 3
    return probabilities(y_true, n_classes), probabilities(1 - y_true % 2, n_classes)


@pytest.mark.parametrize("name", CATALOG)
def test_each_metric_prefers_a_perfect_prediction_on_each_of_its_tasks(name):
    metric = CATALOG[name]
    for task in metric.tasks:
        perfect, wrong = (metric.score(EXAMPLE[task], p) for p in predictions(task))
        assert metric.is_better(perfect, wrong)
        assert metric.bounds[0] <= min(perfect, wrong) <= max(perfect, wrong) <= metric.bounds[1]


@pytest.mark.parametrize("name", CATALOG)
def test_each_metric_travels_to_another_process(name):
    assert pickle.loads(pickle.dumps(CATALOG[name])) == CATALOG[name]


def test_the_default_follows_from_the_task():
    assert [default_metric(task).name for task in Task] == ["roc_auc", "log_loss", "rmse"]


def test_an_unknown_name_gives_the_nearest_and_all_that_fit():
    with pytest.raises(ConfigError) as error:
        get_metric("roc_acu", Task.BINARY)
    assert "'roc_acu'" in str(error.value)
    assert "did you mean 'roc_auc'" in str(error.value)
    assert all(name in str(error.value) for name in metric_names(Task.BINARY))
    assert "rmse" not in str(error.value)


def test_a_metric_of_another_task_is_refused_with_those_that_fit():
    with pytest.raises(ConfigError, match=r"'f1' is for binary.*multiclass task.* f1_macro"):
        get_metric("f1", Task.MULTICLASS)


def test_a_metric_of_a_plugin_is_found_and_cannot_shadow_the_catalog():
    own = Metric(
        "gain", True, "values", (0, 1), frozenset({Task.REGRESSION}), CATALOG["r2"].function
    )
    assert get_metric("gain", Task.REGRESSION, {"gain": own}) is own
    assert metric_names(Task.REGRESSION, {"gain": own})[-1] == "gain"
    with pytest.raises(ConfigError, match="defined twice"):
        get_metric("rmse", Task.REGRESSION, {"rmse": own})


def test_the_catalog_needs_neither_scikit_learn_nor_scipy():
    code = (
        "import sys, automl.metrics; "
        "print([m for m in ('sklearn', 'scipy', 'pandas', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
