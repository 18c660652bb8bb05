"""What any search has to beat: LightGBM with its defaults and early stopping, and no search.

The variant ``sklearn`` is HistGradientBoosting with its defaults instead.
"""

from __future__ import annotations

import time
from typing import Any

import pandas as pd

from benchmarks.peers.adapter import FramePeer, run
from benchmarks.tables import divide

__all__ = ["Floor"]

MAX_TREES = 200
PATIENCE = 20
STOP_SHARE = 0.15
MAX_SKLEARN_CATEGORIES = 255


class Floor(FramePeer):
    """Texts are categories of the training rows; the budget is of no use to it."""

    distribution = "lightgbm"

    def prepare(self) -> None:
        """Reads the tables; columns without any value are left out."""
        super().prepare()
        self.X = self.X[self.X.columns[self.X.notna().any()]]
        self.X_test = self.X_test[self.X.columns]
        texts = self.text_columns()
        categories = {c: sorted(self.X[c].dropna().astype(str).unique()) for c in texts}
        self.X, self.X_test = (_as_categories(part, categories) for part in (self.X, self.X_test))

    def fit(self) -> None:
        """Fits one model."""
        self.model: Any = self._sklearn() if self.job.variant == "sklearn" else self._lightgbm()
        self.first_model_at = time.monotonic()

    def predict(self) -> pd.DataFrame:
        """Predicts."""
        if self.job.variant == "sklearn" and self.labels:
            return self.named(self.model.predict_proba(self.X_test))
        return self.named(self.model.predict(self.X_test))

    def _lightgbm(self) -> Any:
        import lightgbm

        job, n_classes = self.job, len(self.labels)
        target = [str(value) for value in self.y]
        fit_rows, stop_rows = divide(target, job.is_classification, job.seed, share=STOP_SHARE)
        train, stop = (
            lightgbm.Dataset(self.X.iloc[rows], self.y.iloc[rows]) for rows in (fit_rows, stop_rows)
        )
        params = {
            "objective": job.task,
            "num_threads": job.cores,
            "seed": job.seed,
            "verbosity": -1,
            **({"num_class": n_classes} if job.task == "multiclass" else {}),
        }
        patience = lightgbm.early_stopping(PATIENCE, verbose=False)
        model = lightgbm.train(params, train, MAX_TREES, valid_sets=[stop], callbacks=[patience])
        self.detail = f"{model.best_iteration} rounds"
        return model

    def _sklearn(self) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier as Classifier
        from sklearn.ensemble import HistGradientBoostingRegressor as Regressor

        kind = Classifier if self.labels else Regressor
        for name in self.X.select_dtypes("category"):
            if len(self.X[name].cat.categories) >= MAX_SKLEARN_CATEGORIES:
                self.X[name], self.X_test[name] = (
                    part[name].cat.codes for part in (self.X, self.X_test)
                )
        return kind(categorical_features="from_dtype", random_state=self.job.seed).fit(
            self.X, self.y
        )


def _as_categories(X: pd.DataFrame, categories: dict[str, list[str]]) -> pd.DataFrame:
    """Texts as categories, values that training has not seen as missing; names that are plain."""
    X = X.copy()
    for name, known in categories.items():
        texts = X[name].astype(str).where(X[name].notna())
        X[name] = pd.Categorical(texts.where(texts.isin(known)), known)
    X.columns = pd.Index([f"c{number}" for number in range(X.shape[1])])  # any sign may be in them
    return X


if __name__ == "__main__":
    run(Floor)
