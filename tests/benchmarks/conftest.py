"""The benchmarks are no part of the distribution: they are imported from the repository."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = str(Path(__file__).parents[2])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

HEAD = """
import sys, time
from pathlib import Path
import numpy as np
from benchmarks.peers.adapter import FramePeer, run

class Fake(FramePeer):
    distribution = "numpy"
"""
TAIL = "\nrun(Fake)\n"
MEAN = """
    def fit(self):
        from sklearn.dummy import DummyClassifier, DummyRegressor
        kind = DummyClassifier(strategy="prior") if self.labels else DummyRegressor()
        self.first_model_at = time.monotonic()
        self.model = kind.fit(self.X, self.y)
        self.detail = f"variant {self.job.variant!r}"

    def predict(self):
        kind = self.model.predict_proba if self.labels else self.model.predict
        return self.named(kind(self.X_test))
"""


@pytest.fixture
def catalog(tmp_path):
    """Two tables of 200 rows, one of each kind."""
    x = np.arange(200)
    kind = np.where(x % 3 > 0, "yes", "no")
    pd.DataFrame({"x": x, "kind": kind, "note": "a"}).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame({"x": x, "y": 2.5 * x}).to_csv(tmp_path / "b.csv", index=False)
    path = tmp_path / "catalog.csv"
    path.write_text("name,file,target,task\na,a.csv,kind,binary\nb,b.csv,y,regression\n")
    return path


@pytest.fixture
def adapter(tmp_path):
    """Writes an adapter whose fit and predict are given as code; by default it predicts means."""

    def write(name, body=MEAN):
        path = tmp_path / f"{name}.py"
        path.write_text(HEAD + body + TAIL)
        return path

    return write


@pytest.fixture
def result():
    """Makes a result as a series keeps it."""

    def make(table, system, score, **changes):
        return {
            "table": table,
            "seed": 0,
            "time_s": 60.0,
            "cores": 2,
            "system": system,
            "metric": "roc_auc",
            "score": score,
            "error": "" if score is not None else "Traceback\nValueError: no model",
            "overshoot_s": 1.0,
            "first_model_s": 3.0,
            "predict_s": 0.25,
            "peak_gib": 0.5,
            "others_cores": 0.05,
            "machine": {"processor": "P", "cores": 2, "ram_gib": 8.0, "system": "Linux"},
            "git": "abc",
            "version": "1.0",
            **changes,
        }

    return make
