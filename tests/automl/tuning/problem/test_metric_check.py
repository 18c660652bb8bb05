import numpy as np
import pandas as pd
import pytest

from automl.data import load_dataset
from automl.data.split.choose import make_split_plan
from automl.errors import DataError
from automl.metrics import get_metric
from automl.tuning.problem.metric_check import check_metric, metric_notes, rare_class_notes


def problem(y, metric, task=None, folds=None, **columns):
    """Dataset, plan and metric; the plan is that of a column ``f`` where there is one."""
    frame = pd.DataFrame({"x": np.arange(float(len(y))), "y": y} | columns)
    dataset = load_dataset(frame, target="y", task=task, folds_column="f" if columns else None)
    plan = make_split_plan(dataset, seed=0, folds=None if columns else folds)
    return dataset, plan, get_metric(metric, dataset.target.task)


def notes(*args, **options):
    found = problem(*args, **options)
    check_metric(*found)
    return list(metric_notes(*found))


VALUES = np.linspace(1.0, 5.0, 30)


@pytest.mark.parametrize(
    ("y", "metric", "says"),
    [
        (VALUES - 4, "rmsle", "needs targets above -1, and the lowest is -3"),
        (VALUES - 4, "sklearn.metrics:mean_squared_log_error", "the lowest is -3"),
        (VALUES - 1, "sklearn.metrics:mean_absolute_percentage_error", "0 in 1 of 30 rows"),
        (VALUES - 4, "sklearn.metrics:mean_gamma_deviance", "strictly positive"),
    ],
)
def test_a_target_that_the_metric_is_not_made_for_is_refused(y, metric, says):
    with pytest.raises(DataError, match=f"{metric}.*has no value.*{says}.*another with metric"):
        check_metric(*problem(y, metric))


@pytest.mark.parametrize("metric", ["roc_auc", "mcc", "f1", "average_precision"])
def test_scored_rows_of_one_class_are_refused_before_the_search(metric):
    labels = ["a"] * 20 + ["b"] * 10
    with pytest.raises(DataError, match=r"20 rows that models.*search.folds, folds_column"):
        check_metric(*problem(labels, metric, f=[0, 1] * 10 + [-1] * 10))
    check_metric(*problem(labels, "log_loss", f=[0, 1] * 10 + [-1] * 10))


def test_what_has_a_value_is_not_remarked_on():
    assert notes(VALUES, "mape") == []
    assert notes(["a", "b"] * 50, "roc_auc") == []
    assert notes(VALUES - 4, "r2") == []


def test_rows_with_a_target_of_zero_are_counted_for_shares():
    (note,) = notes(np.append(VALUES, [0.0, 0.0]), "mape")
    assert "the target is 0 in 2 of 32 rows" in note
    assert "smape" in note
    assert notes(np.append(VALUES, [0.0, 0.0]), "smape") == []


def test_a_few_rows_next_to_zero_that_decide_are_named():
    y = np.append(np.linspace(100.0, 200.0, 99), 0.001)
    (note,) = notes(y, "mape")
    assert "the row whose target is nearest to 0" in note
    assert "decides mape" in note
    assert "within 0.001" in note


def test_folds_without_a_value_are_counted_with_the_first_reason():
    labels = ["a", "b"] * 20 + ["a"] * 5
    (note,) = notes(labels, "roc_auc", f=[0] * 20 + [1] * 20 + [2] * 5)
    assert "1 of 3 folds (fold 2: all 5 rows are of one class)" in note
    assert "means over folds exclude them" in note


def test_a_metric_that_ranks_and_has_no_fold_to_rank_in_says_what_it_does_instead():
    labels = ["a"] * 10 + ["b"] * 10
    found = notes(labels, "roc_auc", f=[0] * 5 + [1] * 5 + [2] * 5 + [3] * 5)
    assert "rows of all folds are ranked together" in found[0]


def test_a_class_of_which_no_row_is_scored_is_named():
    labels = ["a", "b"] * 10 + ["c"] * 4
    (note,) = notes(labels, "log_loss", f=[0, 0, 1, 1] * 5 + [-1] * 4)
    assert "no scored row has the class 'c'" in note


def test_an_area_of_few_rows_has_its_chance_said():
    (note,) = notes(["no"] * 500 + ["yes"] * 4, "roc_auc", folds=2)
    assert "rests on 4 rows of class 'yes'" in note
    assert "by 0.29 up or down" in note
    assert notes(["no"] * 500 + ["yes"] * 40, "roc_auc", folds=2) == []


def test_a_metric_without_a_value_for_constants_is_no_reason_to_refuse(tmp_path, monkeypatch):
    (tmp_path / "correlations.py").write_text(
        "import numpy as np\n"
        "def pearson(y_true, y_pred):\n"
        "    return np.corrcoef(y_true, y_pred)[0, 1]\n"
    )
    monkeypatch.chdir(tmp_path)
    assert notes(VALUES, "correlations:pearson") == []


def class_notes(labels, metric, weight=None):
    frame = pd.DataFrame({"x": np.arange(float(len(labels))), "y": labels})
    if weight is not None:
        frame["w"] = weight
    dataset = load_dataset(frame, target="y", weight=None if weight is None else "w")
    return list(rare_class_notes(dataset, get_metric(metric, dataset.target.task)))


def test_a_class_of_one_row_is_named():
    found = class_notes(["a"] * 10 + ["b"] * 10 + ["rare"], "log_loss")
    assert len(found) == 1
    assert "class 'rare'" in found[0]


def test_accuracy_is_questioned_where_a_class_is_rare():
    labels = ["no"] * 95 + ["yes"] * 5
    (note,) = class_notes(labels, "accuracy")
    assert "class 'yes' has 5.0%" in note
    assert "balanced_accuracy" in note
    assert class_notes(labels, "roc_auc") == []
    assert class_notes(["no"] * 80 + ["yes"] * 20, "accuracy") == []


def test_shares_are_of_the_weights():
    labels = ["no"] * 80 + ["yes"] * 20
    assert class_notes(labels, "accuracy", [10.0] * 80 + [1.0] * 20)
    assert not class_notes(["no"] * 95 + ["yes"] * 5, "accuracy", [1.0] * 95 + [10.0] * 5)


@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_numbers_have_no_classes(metric):
    assert class_notes(np.linspace(0, 1, 30), metric) == []
