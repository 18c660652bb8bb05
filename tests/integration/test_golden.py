import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

import automl

GOLDEN = Path(__file__).parents[1] / "golden"
# Nets compute in 32 bits, and the last of these depend on the vector instructions of the CPU: on
# two processors (AVX2, AVX-512) the predictions of these runs differ by up to 2.4e-8.
TOLERANCE = {"table": 1e-9, "regression": 1e-6, "series": 1e-6}
NAMES = sorted(folder.name for folder in GOLDEN.iterdir() if folder.is_dir())


@pytest.fixture(params=NAMES)
def golden(request, tmp_path):
    folder = tmp_path / request.param
    shutil.copytree(GOLDEN / request.param, folder)
    return folder


def test_there_are_runs_of_earlier_versions():
    assert {"table", "regression", "series"} <= set(NAMES)


def test_a_run_of_an_earlier_version_predicts_what_it_predicted(golden):
    pytest.importorskip("torch")
    expected = json.loads((golden / "expected.json").read_text(encoding="utf-8"))["prediction"]
    with warnings.catch_warnings():
        # scikit-learn may be a later one: whether that changes a prediction is what is tested
        warnings.filterwarnings("ignore", message=".*predictions may differ")
        run = automl.load_run(golden / "run")
        rows = golden / "rows.csv"
        values = run.predict(rows) if np.ndim(expected) == 1 else run.predict_proba(rows)
    limit = TOLERANCE[golden.name]
    np.testing.assert_allclose(np.asarray(values, dtype=float), expected, rtol=limit, atol=limit)


def test_a_run_of_an_earlier_version_shows_its_leaderboard(golden):
    expected = json.loads((golden / "expected.json").read_text(encoding="utf-8"))["board"]
    board = automl.load_run(golden / "run").leaderboard().set_index("trial")
    assert list(board.index) == [row["trial"] for row in expected]
    for row in expected:
        assert board.loc[row["trial"], "state"] == row["state"]
        assert board.loc[row["trial"], "score"] == pytest.approx(row["score"], rel=1e-12)
