"""A constraint that the user asks for, from the command line to the refitted model."""

import numpy as np
import pandas as pd
import pytest

import automl
from automl.cli.app import main
from automl.errors import RunError

MONOTONE = "model.lightgbm.fixed.monotone_constraints"


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    n = 200
    age, height = rng.normal(size=(2, n))
    # the encoded order is another one: the constrained column comes last
    y = np.sin(3 * age) + age * height + 0.1 * rng.normal(size=n)
    word = np.array(["red", "blue"])[rng.integers(0, 2, n)]
    return pd.DataFrame({"height": height, "word": word, "the age": age, "y": y})


SETTINGS = {
    "family": ["lightgbm"],
    "search.folds": 2,
    "model.lightgbm.max_rounds": 100,
    "scheduler.cpus": 1,
    "scheduler.gpus": [],
}


def steepest_fall(run, frame):
    """The largest fall of predictions as the age grows; 0 where they never fall."""
    rows = pd.concat([frame.drop(columns="y").iloc[[i]] for i in range(10) for _ in range(60)])
    rows["the age"] = np.tile(np.linspace(-2, 2, 60), 10)
    steps = np.diff(np.asarray(run.predict(rows)).reshape(10, 60), axis=1)
    assert steps.max() > 0
    return min(0.0, steps.min())


def test_a_monotone_constraint_is_in_the_models_of_folds_and_of_all_rows(frame, tmp_path):
    settings = {**SETTINGS, MONOTONE: {"the age": 1}}
    run = automl.search(frame, "y", trials=2, out=tmp_path / "run", settings=settings)
    assert run.trial("lightgbm-0").row.params["monotone_constraints"] == {"the age": 1}
    assert steepest_fall(run, frame) == 0
    assert main(["refit", str(run.path)]) == 0
    assert steepest_fall(automl.load_run(run.path), frame) == 0
    assert main(["rerun", str(run.path), "lightgbm-0"]) == 0
    changed = {**settings, MONOTONE: {"the age": -1}}
    with pytest.raises(RunError, match="monotone_constraints"):
        automl.search(frame, "y", trials=3, out=run.path, resume=True, settings=changed)


def test_without_a_constraint_predictions_fall_somewhere(frame, tmp_path):
    run = automl.search(frame, "y", trials=1, out=tmp_path / "run", settings=SETTINGS)
    assert steepest_fall(run, frame) < 0


def test_the_command_line_refuses_all_that_is_wrong_with_status_two(frame, tmp_path, capsys):
    frame.to_csv(tmp_path / "data.csv", index=False)
    out = tmp_path / "run"
    fixed = "model.lightgbm.fixed={num_leavs: 31, eta: 0.1, objective: mae, num_leaves: 1}"
    words = ["search", str(tmp_path / "data.csv"), "--trials", "1", "--out", str(out), fixed]
    assert main([*words, "family=[lightgbm]"]) == 2
    said = capsys.readouterr().err
    for text in (
        "did you mean 'num_leaves'",
        "use model.lightgbm.fixed.learning_rate",
        "it is derived from the task and the metric",
        "expected an integer from 2 to 131,072",
    ):
        assert text in said
    assert not out.exists()
