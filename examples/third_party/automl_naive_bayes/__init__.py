"""Gaussian naive Bayes as a model family of its own distribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from automl.plugin import (
    TABULAR_KINDS,
    ColumnKind,
    ConfigurableFamily,
    Encoding,
    FittedModel,
    Fold,
    ModelFamily,
    Param,
    Params,
    ProblemInfo,
    Report,
    Suggest,
    Task,
    TrialContext,
    hookimpl,
)

__all__ = ["NaiveBayes", "automl_config_search_path", "automl_model_families"]

_ARRAYS = ("classes_", "class_prior_", "theta_", "var_")


class NaiveBayes(ConfigurableFamily):
    """One normal distribution for each class and column."""

    name: ClassVar[str] = "naive_bayes"
    tasks: ClassVar[frozenset[Task]] = frozenset({Task.BINARY, Task.MULTICLASS})
    kinds: ClassVar[frozenset[ColumnKind]] = TABULAR_KINDS - {ColumnKind.TEXT}
    early_stopping = "none"
    settings: ClassVar[Mapping[str, Any]] = {"max_smoothing": 0.1}
    setting_ranges: ClassVar[Mapping[str, Param]] = {"max_smoothing": Param("float", above=0.0)}

    def encoding(self, params: Params, problem: ProblemInfo) -> Encoding:
        """Quantile-normal numbers, one-hot categories."""
        return Encoding(numeric="quantile", categorical="onehot", text="drop")

    def search_space(self, suggest: Suggest, problem: ProblemInfo) -> dict[str, Any]:
        """Share of the largest variance that is added to all variances."""
        most = problem.settings["max_smoothing"]
        return {"smoothing": suggest.suggest_float("smoothing", most / 1e6, most, log=True)}

    def portfolio(self, problem: ProblemInfo) -> Sequence[Params]:
        """Little smoothing, then the largest."""
        most = problem.settings["max_smoothing"]
        return [{"smoothing": most / 100}, {"smoothing": most}]

    def fit(self, params: Params, fold: Fold, context: TrialContext, report: Report) -> FittedModel:
        """Fits the means and variances."""
        from sklearn.naive_bayes import GaussianNB

        model = GaussianNB(var_smoothing=params["smoothing"])
        X = np.asarray(fold.X_train, dtype=np.float64)
        model.fit(X, fold.y_train, sample_weight=fold.weight_train)
        # If all columns are constant there is no variance to smooth with.
        model.var_ = np.maximum(model.var_, 1e-9)
        return _Fitted(model, context.problem.n_classes)

    def save(self, model: FittedModel, path: Path) -> None:
        """Writes the fitted arrays to an .npz file, which contains no code."""
        assert isinstance(model, _Fitted)
        arrays = {name: getattr(model.model, name) for name in _ARRAYS}
        np.savez(path / "model.npz", n_classes=model.n_classes, **arrays)

    def load(self, path: Path) -> FittedModel:
        """Reads the fitted arrays."""
        from sklearn.naive_bayes import GaussianNB

        model = GaussianNB()
        with np.load(path / "model.npz", allow_pickle=False) as arrays:
            for name in _ARRAYS:
                setattr(model, name, arrays[name])
            return _Fitted(model, int(arrays["n_classes"]))


class _Fitted:
    """The scikit-learn model, and the number of classes, of which a fold may lack one."""

    def __init__(self, model: Any, n_classes: int) -> None:
        self.model, self.n_classes = model, n_classes

    def predict(self, X: Any) -> Any:
        """Probabilities ``(n_rows, n_classes)``."""
        probabilities = np.zeros((X.shape[0], self.n_classes))
        if X.shape[0]:
            X = np.asarray(X, dtype=np.float64)  # in float32 probabilities do not add up to 1
            probabilities[:, self.model.classes_] = self.model.predict_proba(X)
        return probabilities


@hookimpl
def automl_model_families() -> Sequence[ModelFamily]:
    """Returns the family."""
    return [NaiveBayes()]


@hookimpl
def automl_config_search_path() -> str:
    """Returns the package of ``conf/model/naive_bayes.yaml``."""
    return "pkg://automl_naive_bayes.conf"
