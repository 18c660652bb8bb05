"""The examples in the docstrings of the public API, the plugin API and the test kit run.

An example can use the names of its module and of its package, and those of ``values``. The methods
of ``Run`` share one small run in ``runs/flats``.
"""

from __future__ import annotations

import doctest
import importlib
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import automl
import automl.testing
from automl.metrics import get_metric
from automl.plugin import Features, Fold, ModelFamily, ProblemInfo, Task, TrialContext
from automl.testing import RecordingReport

PACKAGES = ("automl", "automl.plugin", "automl.testing")
FLATS = pd.DataFrame({"area": [50.0, 60, 70, 80, 90, 100] * 8, "floor": [1, 2, 3] * 16})
FLATS["sold"] = np.where(FLATS.area > 75, "yes", "no")


class MyFamily(ModelFamily):
    """A family that a plugin could bring: it predicts the mean."""

    name = "mine"
    tasks = frozenset({Task.REGRESSION})

    def search_space(self, suggest: Any, problem: Any) -> dict[str, Any]:
        return {}

    def fit(self, params: Any, fold: Any, context: Any, report: Any) -> Any:
        mean = float(fold.y_train.mean())
        return SimpleNamespace(predict=lambda X: np.full(X.shape[0], mean))

    def save(self, model: Any, path: Path) -> None:
        raise NotImplementedError

    def load(self, path: Path) -> Any:
        raise NotImplementedError


def documented() -> Iterator[tuple[str, ModuleType, Any]]:
    """Public functions and classes with their packages, and the methods of ``Run``.

    The test kit describes its constants in its own docstring.
    """
    yield "automl.testing", automl.testing, automl.testing
    for package in map(importlib.import_module, PACKAGES):
        for name in package.__all__:
            value = getattr(package, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                yield f"{package.__name__}.{name}", package, value
    for name, method in vars(automl.Run).items():
        if inspect.isfunction(method) and not name.startswith("_"):
            yield f"automl.Run.{name}", automl, inspect.unwrap(method)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run that the examples of ``Run`` share."""
    folder: Path = tmp_path_factory.mktemp("examples")
    overrides = ["family=[linear]", "scheduler=inline"]
    automl.search(
        FLATS, "sold", trials=1, out=folder / "runs/flats", overrides=overrides, verbosity=0
    )
    return folder


def values(folder: Path) -> Mapping[str, Any]:
    """Names that examples use without defining them."""
    X, y = np.eye(3, dtype=np.float32), np.arange(3.0)
    mae = get_metric("mae", Task.REGRESSION)
    problem = ProblemInfo(Task.REGRESSION, mae, n_rows=3, n_numeric=3)
    return {
        "np": np,
        "automl": automl,
        "flats": FLATS,
        "run": automl.load_run("runs/flats"),
        "folder": folder,
        "mae": mae,
        "problem": problem,
        "MyFamily": MyFamily,
        "RecordingReport": RecordingReport,
        "context": TrialContext(problem, seed=0),
        "fold": Fold(X[:2], y[:2], None, X[2:], y[2:], None, Features(("c0", "c1", "c2"))),
    }


@pytest.mark.parametrize(
    ("name", "package", "value"), [pytest.param(*found, id=found[0]) for found in documented()]
)
def test_the_example_of_a_public_name_runs(
    name: str,
    package: ModuleType,
    value: Any,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    public = {key: getattr(package, key) for key in package.__all__}
    names = vars(inspect.getmodule(value)) | public | values(tmp_path)
    test = doctest.DocTestParser().get_doctest(inspect.getdoc(value) or "", names, name, None, 0)
    assert test.examples, f"{name} has no example in its docstring"
    assert not any(doctest.SKIP in example.options for example in test.examples)
    output: list[str] = []
    failed, _ = doctest.DocTestRunner().run(test, out=output.append)
    assert not failed, "".join(output)
