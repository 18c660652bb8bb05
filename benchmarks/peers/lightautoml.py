"""LightAutoML; the variant ``utilized`` tries several configurations to use up the time."""

from __future__ import annotations

import logging

import pandas as pd

from benchmarks.peers.adapter import FirstRecord, FramePeer, run

__all__ = ["LightAutoML"]

MAX_MEMORY_GIB = 8
VERBOSITY = 1  # it says when a model is there


class LightAutoML(FramePeer):
    """``TabularAutoML`` with a limit of time."""

    distribution = "lightautoml"

    def prepare(self) -> None:
        """Imports it and reads the tables."""
        super().prepare()
        from lightautoml.automl.presets.tabular_presets import (
            TabularAutoML,
            TabularUtilizedAutoML,
        )
        from lightautoml.tasks import Task

        job = self.job
        task = {
            "roc_auc": lambda: Task("binary", metric="auc"),
            "log_loss": lambda: Task("multiclass", metric="crossentropy"),
            "rmse": lambda: Task("reg", loss="mse", metric="mse"),
        }[job.metric]()
        kind = TabularUtilizedAutoML if job.variant == "utilized" else TabularAutoML
        self.model = kind(
            task=task,
            timeout=int(job.time_s),
            cpu_limit=job.cores,
            memory_limit=MAX_MEMORY_GIB,
            gpu_ids=None,
            reader_params={"n_jobs": job.cores, "random_state": job.seed},
        )

    def fit(self) -> None:
        """Fits the preset."""
        target = self.job.target
        seen = FirstRecord("finished. score")
        logging.getLogger("lightautoml").addHandler(seen)
        frame = self.X.assign(**{target: self.y})
        self.model.fit_predict(frame, roles={"target": target}, verbose=VERBOSITY)
        self.first_model_at = seen.at
        self.detail = self.model.create_model_str_desc()

    def predict(self) -> pd.DataFrame:
        """Predicts; of two classes it tells the second."""
        values = self.model.predict(self.X_test).data
        return self.named(values if self.job.task == "multiclass" else values[:, 0])


if __name__ == "__main__":
    run(LightAutoML)
