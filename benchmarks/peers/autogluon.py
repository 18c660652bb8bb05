"""AutoGluon. The variant is one of its presets; ``medium_quality`` is its own default."""

from __future__ import annotations

import logging

import pandas as pd

from benchmarks.peers.adapter import FirstRecord, FramePeer, run

__all__ = ["AutoGluon"]

METRICS = {"roc_auc": "roc_auc", "log_loss": "log_loss", "rmse": "root_mean_squared_error"}
VERBOSITY = 2  # its usual one; it says when a model is there


class AutoGluon(FramePeer):
    """``TabularPredictor`` with a preset and a limit of time."""

    distribution = "autogluon.tabular"

    def prepare(self) -> None:
        """Imports it and reads the tables."""
        super().prepare()
        from autogluon.tabular import TabularPredictor

        job = self.job
        self.predictor = TabularPredictor(
            label=job.target,
            problem_type=job.task,
            eval_metric=METRICS[job.metric],
            path=str(job.out / "model"),
            verbosity=VERBOSITY,
        )

    def fit(self) -> None:
        """Fits the preset."""
        job = self.job
        seen = FirstRecord("Validation score")
        loggers = [logging.getLogger(name) for name in ("autogluon", TRAINER)]
        for logger in loggers:
            logger.addHandler(seen)
        self.predictor.fit(
            self.X.assign(**{job.target: self.y}),
            presets=job.variant or "medium_quality",
            time_limit=job.time_s,
            num_cpus=job.cores,
            num_gpus=0,
        )
        self.first_model_at = seen.at
        self.detail = f"best {self.predictor.model_best} of {self.predictor.model_names()}"

    def load(self) -> None:
        """Keeps the models of the best one in memory: otherwise each call reads them again."""
        self.predictor.persist()

    def predict(self) -> pd.DataFrame:
        """Predicts by the best model."""
        if not self.labels:
            return self.named(self.predictor.predict(self.X_test))
        probability = self.predictor.predict_proba(self.X_test, as_multiclass=True)
        return self.named(probability[list(range(len(self.labels)))])


TRAINER = "autogluon.tabular.trainer.abstract_trainer"

if __name__ == "__main__":
    run(AutoGluon)
