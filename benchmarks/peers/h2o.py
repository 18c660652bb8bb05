"""H2O AutoML. Its server is Java and runs on this machine alone, for one job."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

import pandas as pd

from benchmarks.peers.adapter import FramePeer, run

__all__ = ["H2O"]

METRICS = {
    ("roc_auc", "binary"): "AUC",
    ("log_loss", "multiclass"): "logloss",
    ("rmse", "regression"): "RMSE",
}
DAY_S = 86_400.0
MAX_MEMORY = "8G"
"""Of the Java heap; what XGBoost takes comes on top."""


class H2O(FramePeer):
    """``H2OAutoML`` with a limit of time."""

    distribution = "h2o"

    def prepare(self) -> None:
        """Starts the server and reads the tables."""
        super().prepare()
        self.number_columns()
        import h2o
        from h2o.automl import H2OAutoML

        job, name = self.job, f"benchmark{os.getpid()}"
        self.h2o = h2o
        self.texts = {*self.text_columns(), *self.X.select_dtypes("bool").columns}
        h2o.init(
            ip="127.0.0.1",
            bind_to_localhost=True,
            port=_free_ports(),
            nthreads=job.cores,
            max_mem_size=MAX_MEMORY,
            name=name,
            ice_root=str(job.out),
            log_dir=str(job.out),
            verbose=False,
        )
        h2o.no_progress()
        self.automl = H2OAutoML(
            max_runtime_secs=int(job.time_s),
            seed=job.seed,
            project_name=name,
            sort_metric=METRICS[job.metric, job.task],
            verbosity=None,
        )

    def fit(self) -> None:
        """Brings the table to the server and searches."""
        # texts, so that the classes are enumerated and name the columns of probabilities
        y = "c" + self.y.astype(str) if self.labels else self.y
        target = "y"
        frame = self._frame(self.X.assign(y=y), {target} if self.labels else set())
        began_at = time.monotonic()
        self.automl.train(x=list(self.X.columns), y=target, training_frame=frame)
        if self.automl.leader is None:
            raise RuntimeError("H2O trained no model within the budget")
        log = self.automl.event_log.as_data_frame()
        finished = (log["stage"] == "ModelTraining") & log["message"].str.endswith("complete")
        if finished.any():
            passed_s = pd.to_timedelta(log["timestamp"]).dt.total_seconds()  # of the day
            self.first_model_at = began_at + (passed_s[finished].iloc[0] - passed_s.iloc[0]) % DAY_S
        self.detail = f"{self.automl.leader.model_id} of {self.automl.leaderboard.nrows}"

    def predict(self) -> pd.DataFrame:
        """Predicts by the leader; the rows go to the server and come back."""
        result = self.automl.leader.predict(self._frame(self.X_test)).as_data_frame()
        if not self.labels:
            return self.named(result["predict"])
        return self.named(result[[f"c{i}" for i in range(len(self.labels))]])

    def close(self) -> None:
        """Ends the server."""
        if self.h2o.connection():
            self.h2o.cluster().shutdown()

    def _frame(self, X: pd.DataFrame, texts: frozenset[str] | set[str] = frozenset()) -> Any:
        kinds = {c: "enum" if c in self.texts | texts else "numeric" for c in X.columns}
        return self.h2o.H2OFrame(X, column_types=kinds)


def _free_ports() -> int:
    """A free port whose successor is free as well: the server takes both."""
    for _ in range(100):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise RuntimeError("no two free ports in a row")


if __name__ == "__main__":
    run(H2O)
