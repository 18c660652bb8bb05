import pickle
import subprocess
import sys
import threading
from functools import partial

import numpy as np
import pytest
from sklearn import metrics as sk

from automl.errors import ConfigError
from automl.metrics import CATALOG, get_metric
from automl.metrics.callable_metric import GivenMetric, given_again, given_metric, packed, unpacked
from automl.plugin import Metric, Task

TAKEN = frozenset(CATALOG)
Y = np.array([0, 1, 1, 0])
P = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]])


def share_right(y_true, y_pred):
    return np.mean(y_true == y_pred)


def rmse(y_true, y_pred):
    return float(np.sqrt(np.mean((y_true - y_pred) ** 2)))


rmse.greater_is_better = False


class Cost:
    greater_is_better = False

    def __init__(self, price):
        self.price = price

    def __call__(self, y_true, y_pred):
        return self.price * np.mean(y_true != y_pred)


def metric_of(found, task=Task.BINARY):
    given = given_metric(found, TAKEN)
    assert isinstance(given, GivenMetric)
    return get_metric(given.setting, task, given=given)


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (share_right, "share_right"),
        (lambda y_true, y_pred: 0.0, "lambda"),
        (partial(share_right), "share_right"),
        (Cost(2.0), "Cost"),
        (sk.make_scorer(share_right), "share_right"),
        (rmse, "own_rmse"),  # the catalog has an rmse, for which families have losses of their own
    ],
)
def test_a_function_is_called_by_its_name(found, name):
    given = given_metric(found, TAKEN)
    assert (given.name, given.setting) == (name, f"callable:{name}")


def test_what_has_a_name_in_the_world_goes_by_it():
    assert given_metric("roc_auc", TAKEN) == "roc_auc"
    assert given_metric("mine:cost", TAKEN) == "mine:cost"
    assert given_metric(sk.balanced_accuracy_score, TAKEN) == (
        "sklearn.metrics:balanced_accuracy_score"
    )


@pytest.mark.parametrize("found", [3, Cost, ["roc_auc"]])
def test_what_cannot_be_called_is_refused(found):
    with pytest.raises(ConfigError, match=r"metric=.*expected the name of a metric, a function"):
        given_metric(found, TAKEN)


def test_a_function_is_shown_labels_unless_it_asks_for_probabilities():
    assert metric_of(share_right).score(Y, P) == 0.75
    assert metric_of(Cost(4.0)).score(Y, P) == 1.0
    assert not metric_of(Cost(4.0)).greater_is_better

    def sharpness(y_true, y_proba):
        return y_proba[np.arange(len(y_true)), y_true].mean()

    assert metric_of(sharpness).score(Y, P) == pytest.approx(0.7)


def test_a_scorer_has_its_own_direction_settings_and_kind_of_prediction():
    loss = metric_of(
        sk.make_scorer(sk.mean_absolute_error, greater_is_better=False), Task.REGRESSION
    )
    assert (loss.greater_is_better, loss.needs) == (False, "values")
    assert loss.score(np.array([1.0, 2.0]), np.array([2.0, 4.0])) == 1.5
    f2 = metric_of(sk.make_scorer(sk.fbeta_score, beta=2))
    labels = P.argmax(axis=1)
    assert f2.score(Y, P) == pytest.approx(sk.fbeta_score(Y, labels, beta=2))
    area = metric_of(sk.make_scorer(sk.roc_auc_score, response_method="predict_proba"))
    assert area.is_ranking
    assert area.score(Y, P) == sk.roc_auc_score(Y, P[:, 1])

    def top(y_true, p):
        assert p.ndim == 1
        return p[y_true == 1].mean() - p[y_true == 0].mean()

    own = metric_of(sk.make_scorer(top, response_method="predict_proba"))
    assert own.score(Y, P) == pytest.approx(0.6 - 0.2)


def test_a_metric_is_taken_as_it_is():
    mine = Metric(
        "hits", True, "labels", (0, 1), frozenset({Task.BINARY}), lambda y, p, w: np.mean(y == p)
    )
    assert metric_of(mine).score(Y, P) == 0.75
    with pytest.raises(ConfigError, match="'hits' is for binary"):
        metric_of(mine, Task.REGRESSION)


def test_a_wrong_direction_is_named():
    with pytest.raises(ConfigError, match="greater_is_better = False"):
        metric_of(lambda y_true, y_pred: np.mean(y_true != y_pred))


def test_a_run_asks_for_its_function_again():
    with pytest.raises(ConfigError, match="again: metric='module:share_right', or in Python"):
        get_metric("callable:share_right", Task.BINARY)
    with pytest.raises(ConfigError, match="is the Python function 'share_right'"):
        get_metric("callable:share_right", Task.BINARY, given=GivenMetric("other", share_right))


def test_what_is_given_again_must_be_of_the_run():
    assert given_again(None, "roc_auc", TAKEN) is None
    assert given_again("roc_auc", "roc_auc", TAKEN) is None
    again = given_again(share_right, "callable:share_right", TAKEN)
    assert again.found is share_right
    named = given_again("statistics:mean", "callable:mean", TAKEN)
    assert named.name == "mean"
    with pytest.raises(ConfigError, match="is 'roc_auc', not metric='share_right'"):
        given_again(share_right, "roc_auc", TAKEN)


def test_lambdas_and_closures_reach_a_process_that_knows_nothing_of_this_module(tmp_path):
    price = 7.0

    def cost(y_true, y_pred):
        return price * rmse(y_true, y_pred)

    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(cost)
    file = tmp_path / "code"
    file.write_bytes(packed(GivenMetric("cost", cost)))
    program = (
        "import sys, pathlib, numpy as np\n"
        "from automl.metrics.callable_metric import unpacked\n"
        "given = unpacked(pathlib.Path(sys.argv[1]).read_bytes())\n"
        "print(given.name, given.found(np.array([1.0]), np.array([3.0])))\n"
        "assert not any('test_given' in name for name in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout == "cost 14.0\n", done.stderr


def test_what_cannot_leave_the_process_is_named():
    lock = threading.Lock()

    def guarded(y_true, y_pred):
        with lock:
            return share_right(y_true, y_pred)

    with pytest.raises(ConfigError, match=r"'guarded' cannot be sent to the worker.*lock"):
        packed(GivenMetric("guarded", guarded))


def test_packing_leaves_the_registry_of_copied_modules_as_it_was():
    import cloudpickle

    before = cloudpickle.list_registry_pickle_by_value()
    assert unpacked(packed(GivenMetric("share_right", share_right))).found(Y, Y) == 1.0
    assert cloudpickle.list_registry_pickle_by_value() == before
