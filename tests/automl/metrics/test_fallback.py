import pickle

import numpy as np
import pytest

from automl.metrics import CATALOG, get_metric
from automl.metrics.fallback import steering
from automl.plugin import Task

ONE_CLASS = np.zeros(4, dtype=np.int64)


def sure(p):
    """Probabilities of two classes, class 0 with ``p``."""
    return np.tile([p, 1 - p], (4, 1))


@pytest.mark.parametrize("name", [n for n, m in CATALOG.items() if Task.BINARY in m.tasks])
def test_rows_of_one_class_still_tell_a_better_prediction_from_a_worse_one(name):
    metric = get_metric(name, Task.BINARY)
    steered = steering(metric)
    better, worse = steered.score(ONE_CLASS, sure(0.9)), steered.score(ONE_CLASS, sure(0.4))
    assert steered.is_better(better, than=worse)


@pytest.mark.parametrize("name", CATALOG)
def test_where_the_metric_has_a_value_it_is_that_of_the_metric(name):
    task = sorted(CATALOG[name].tasks)[0]
    y = np.array([0, 1, 1, 0, 1]) if task.is_classification else np.array([1.0, 2, 3, 4, 6])
    n_classes = {Task.BINARY: 2, Task.MULTICLASS: 3}.get(task, 0)
    rng = np.random.default_rng(0)
    guess = rng.dirichlet(np.ones(n_classes), 5) if n_classes else y + rng.normal(size=5)
    metric = get_metric(name, task, quantiles=(0.5,) if task is Task.QUANTILE else ())
    guess = guess[:, np.newaxis] if task is Task.QUANTILE else guess
    for weight in (None, np.array([1.0, 2, 0, 1, 3])):
        assert steering(metric).score(y, guess, weight) == metric.score(y, guess, weight)


def test_constant_values_are_compared_by_their_absolute_error():
    steered = steering(get_metric("r2", Task.REGRESSION))
    y = np.full(3, 2.0)
    assert steered.score(y, y + 1) == -1.0
    assert steered.is_better(steered.score(y, y + 1), than=steered.score(y, y + 2))


def test_it_travels_to_another_process():
    steered = steering(get_metric("roc_auc", Task.BINARY))
    assert pickle.loads(pickle.dumps(steered)).score(ONE_CLASS, sure(0.9)) == pytest.approx(
        np.log(0.9)
    )
