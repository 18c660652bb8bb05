"""A process that forks after it has predicted goes on working, and so do its children."""

import importlib
import multiprocessing

import numpy as np
import pytest

from automl_plugins.common import forking
from automl_plugins.common.boosting import WORTH_THREADS
from automl_plugins.common.forking import threads_here

PATIENCE_S = 60.0
N_ROWS = 4_000

forks = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.fixture(autouse=True)
def as_in_a_new_process():
    importlib.reload(forking)  # functions that were imported from it before forget it as well


def in_children(function):
    """What two forked children make of it."""
    pool = multiprocessing.get_context("fork").Pool(2)
    try:
        found = pool.map_async(function, range(2)).get(timeout=PATIENCE_S)
    except BaseException:
        for child in multiprocessing.active_children():
            child.kill()
        raise
    pool.close()  # and not terminate(): children of a process that handles SIGTERM would wait on
    pool.join()
    return found


def widths(_):
    return threads_here(4)


@forks
def test_children_of_a_process_with_threads_have_one_each():
    assert in_children(widths) == [4, 4]
    assert threads_here(1) == 1
    assert in_children(widths) == [4, 4]
    assert threads_here(2) == 2
    assert in_children(widths) == [1, 1]
    assert threads_here(4) == 4


def boosted():
    import lightgbm

    from automl_plugins.lightgbm.family import LightGBMModel

    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 5))
    data = lightgbm.Dataset(x, (x[:, 0] > 0).astype(int), params={"verbose": -1})
    params = {"objective": "binary", "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(params, data, WORTH_THREADS // N_ROWS + 10)
    text = booster.model_to_string()
    model = LightGBMModel(text, lightgbm.Booster(model_str=text), True, 2)
    return model, rng.normal(size=(N_ROWS, 5))


class Predicts:
    """Predicts again in a child."""

    model = rows = None

    def __call__(self, _):
        return type(self).model.predict(type(self).rows)


@forks
def test_children_predict_what_their_parent_does():
    Predicts.model, Predicts.rows = boosted()
    expected = Predicts.model.predict(Predicts.rows)
    assert in_children(widths) == [1, 1]
    for found in in_children(Predicts()):
        np.testing.assert_array_equal(found, expected)
