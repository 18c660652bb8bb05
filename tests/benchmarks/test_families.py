import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from automl.metrics import default_metric
from automl.plugin import Task
from benchmarks.families import Fitted, error, gains, main

RMSE = default_metric(Task.REGRESSION)


def fitted(family: str, out_of_fold: list[float], test: list[float]) -> Fitted:
    return Fitted(family, np.array(out_of_fold), np.array(test), 1.0, 0.1)


def test_an_error_is_what_is_left_to_the_best_score() -> None:
    y, probability = np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.95, 0.05]])
    assert error(default_metric(Task.BINARY), y, probability) == pytest.approx(0.5)
    assert error(RMSE, np.array([1.0, 2.0]), np.array([1.0, 4.0])) == pytest.approx(np.sqrt(2))


def test_a_family_gains_what_the_others_lack() -> None:
    y = np.zeros(20)
    up, down = [1.0] * 20, [-1.0] * 20
    models = [fitted("a", up, up), fitted("b", up, up), fitted("c", down, down)]
    found = gains(models, y, y, RMSE)
    assert found["c"] == {"with": 0.0, "without": 1.0, "gain": 1.0}
    assert found["a"] == {"with": 0.0, "without": 0.0, "gain": 0.0}


def test_a_table_that_is_measured_is_not_measured_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.random.default_rng(0).normal(size=(80, 2)).round(3)
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": x @ [1.0, 2.0]})
    table.to_csv(tmp_path / "made.csv", index=False)
    catalog, results = tmp_path / "catalog.csv", tmp_path / "results.jsonl"
    catalog.write_text("name,file,target,task\nmade,made.csv,y,regression\n", encoding="utf-8")
    arguments = ["--catalog", str(catalog), "--results", str(results), "--folds", "2"]
    for _ in range(2):
        main([*arguments, "--families", "baseline", "linear"])
    rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    assert [row["family"] for row in rows] == ["baseline", "linear"]
    assert rows[1]["error"] < 0.5 < rows[0]["error"]
    assert rows[1]["gain"] > 0.5
    assert "linear: median gain" in capsys.readouterr().out
