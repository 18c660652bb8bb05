"""FLAML without CatBoost; with it as the variant ``catboost``.

A fit of CatBoost on a small table is not ended at FLAML's budget and may last several times as
long, so the budget can only be compared without.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import pandas as pd

from benchmarks.peers.adapter import FramePeer, run

__all__ = ["Flaml"]


class Flaml(FramePeer):
    """``flaml.AutoML`` with a limit of time."""

    distribution = "flaml"

    def prepare(self) -> None:
        """Imports it and reads the tables; texts are objects, which it takes for categories."""
        super().prepare()
        self.number_columns()
        texts = dict.fromkeys(self.text_columns(), object)
        self.X, self.X_test = self.X.astype(texts), self.X_test.astype(texts)
        if self.job.variant != "catboost":
            sys.modules["catboost"] = None  # type: ignore[assignment]  # as if it were not there
        from flaml import AutoML

        self.model = AutoML()

    def fit(self) -> None:
        """Searches and keeps one best model, as it does by default."""
        job = self.job
        began_at = time.monotonic()
        self.model.fit(
            self.X,
            self.y,
            task="classification" if job.is_classification else "regression",
            metric=job.metric,
            time_budget=job.time_s,
            n_jobs=job.cores,
            seed=job.seed,
            log_file_name="",
            verbose=0,
        )
        # trial -> (estimator, config, seconds since the start), of each that was the best by then
        history = self.model.config_history
        if history:
            self.first_model_at = began_at + min(seconds for _, _, seconds in history.values())
        self.detail = f"{self.model.best_estimator} {self.model.best_config}"

    def predict(self) -> pd.DataFrame:
        """Predicts; a class that the model has never seen gets nothing."""
        if not self.labels:
            return self.named(self.model.predict(self.X_test))
        probability = np.zeros((len(self.X_test), len(self.labels)))
        seen = np.asarray(self.model.classes_, dtype=int)
        probability[:, seen] = self.model.predict_proba(self.X_test)
        return self.named(probability)


if __name__ == "__main__":
    run(Flaml)
