from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_diabetes, load_iris
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesRegressor, RandomForestClassifier
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.svm import SVC, SVR

from automl.errors import PluginError, RunError
from automl.plugin import load_estimator, save_estimator

CLASSIFIERS = [
    CalibratedClassifierCV(SVC(), ensemble=False),
    GaussianNB(),
    LogisticRegression(max_iter=500),
    QuadraticDiscriminantAnalysis(),
    RandomForestClassifier(n_estimators=5, random_state=0),
    SVC(),
    make_pipeline(StandardScaler(), Nystroem(n_components=20, random_state=0), SGDClassifier()),
]
REGRESSORS = [
    ExtraTreesRegressor(n_estimators=5, random_state=0),
    SVR(),
    make_pipeline(QuantileTransformer(n_quantiles=20), Ridge()),
]


def name(estimator: Any) -> str:
    return type(getattr(estimator, "steps", [("", estimator)])[-1][1]).__name__


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=name)
def test_a_classifier_decides_the_same_after_reloading(estimator: Any, tmp_path: Path) -> None:
    X, y = load_iris(return_X_y=True)
    labels = np.array(["setosa", "versicolor", "virginica"])[y]
    save_estimator(estimator.fit(X, labels), tmp_path)
    loaded = load_estimator(tmp_path)
    how = "predict_proba" if hasattr(estimator, "predict_proba") else "decision_function"
    np.testing.assert_array_equal(getattr(loaded, how)(X), getattr(estimator, how)(X))
    np.testing.assert_array_equal(loaded.predict(X), estimator.predict(X))


@pytest.mark.parametrize("estimator", REGRESSORS, ids=name)
def test_a_regressor_predicts_the_same_after_reloading(estimator: Any, tmp_path: Path) -> None:
    X, y = load_diabetes(return_X_y=True)
    save_estimator(estimator.fit(X, y), tmp_path, "r")
    np.testing.assert_array_equal(load_estimator(tmp_path, "r").predict(X), estimator.predict(X))
    assert sorted(f.name for f in tmp_path.iterdir()) == ["r.json", "r.npz"]


class Own(BaseEstimator):
    def fit(self) -> Own:
        return self


@pytest.mark.parametrize(
    ("estimator", "named"),
    [
        (Own(), "Own"),
        (Ridge(random_state=np.random.RandomState(0)), "model.random_state is a .*RandomState"),
        ({"f": print}, r"model\['f'\] is a builtins"),
        ([np.array(object())], r"model\[0\] holds a Python object"),
    ],
)
def test_what_is_not_allowed_is_refused_by_name(estimator: Any, named: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=named):
        save_estimator(estimator, tmp_path)


def test_values_of_every_kind_come_back(tmp_path: Path) -> None:
    value = {
        "a": (1, 2.5, None, True, "é"),
        3: [float("inf"), np.float32(0.1), np.int64(7)],
        "objects": np.array([[None, "x"], [np.arange(3), 1.0]], dtype=object),
        "order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    }
    save_estimator(value, tmp_path)
    back = load_estimator(tmp_path)
    assert back["a"] == value["a"]
    assert back[3] == value[3]
    assert [type(v) for v in back[3]] == [type(v) for v in value[3]]
    np.testing.assert_array_equal(back["objects"][1, 0], np.arange(3))
    assert back["order"].flags.f_contiguous


def edit(path: Path, old: str, new: str) -> None:
    file = path / "model.json"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    "class_", ["os.system", "subprocess.Popen", "sklearn.svm._classes.LinearSVC.x", "nowhere.Thing"]
)
def test_a_class_named_in_a_file_is_not_imported(class_: str, tmp_path: Path) -> None:
    save_estimator(Ridge().fit([[0.0], [1.0]], [0, 1]), tmp_path)
    edit(tmp_path, "sklearn.linear_model._ridge.Ridge", class_)
    with pytest.raises(RunError, match="not allowed"):
        load_estimator(tmp_path)


@pytest.mark.parametrize("child", [99, 0, -5])
def test_a_tree_whose_links_lead_nowhere_is_refused(child: int, tmp_path: Path) -> None:
    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(n_estimators=1, random_state=0).fit(X, y)
    tree = forest.estimators_[0].tree_
    tree.children_left[0] = child
    save_estimator(forest, tmp_path)
    with pytest.raises(RunError, match="invalid links"):
        load_estimator(tmp_path)


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"model\.json"):
        load_estimator(tmp_path)
    save_estimator(Ridge().fit([[0.0], [1.0]], [0, 1]), tmp_path)
    (tmp_path / "model.npz").write_bytes(b"not a zip")
    with pytest.raises(RunError, match=r"model\.npz is damaged"):
        load_estimator(tmp_path)
    (tmp_path / "model.json").write_text('{"value": ' + '{"list": [' * 100_000)
    with pytest.raises(RunError, match="cannot be read"):
        load_estimator(tmp_path)


def test_an_array_that_claims_more_than_it_has_is_refused(tmp_path: Path) -> None:
    save_estimator(Ridge().fit([[0.0], [1.0]], [0, 1]), tmp_path)
    header = {"descr": "<f8", "fortran_order": False, "shape": (2**40,)}
    with zipfile.ZipFile(tmp_path / "model.npz", "w") as archive:
        for number in range(9):
            with archive.open(f"{number}.npy", "w") as file:
                np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(RunError, match="claims the shape"):
        load_estimator(tmp_path)


def test_another_version_of_scikit_learn_is_said_aloud(tmp_path: Path) -> None:
    save_estimator(Ridge().fit([[0.0], [1.0]], [0, 1]), tmp_path)
    file = tmp_path / "model.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "scikit-learn": "0.1"}))
    with pytest.warns(UserWarning, match=r"written by scikit-learn 0\.1"):
        load_estimator(tmp_path)
