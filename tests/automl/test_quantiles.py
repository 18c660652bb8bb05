"""Quantile regression from a table to columns of a file, with real workers and real families."""

import numpy as np
import pandas as pd
import pytest

import automl
from automl.cli.app import main
from automl.errors import ConfigError, UserError
from automl.events import Note
from automl.metrics import get_metric
from automl.plugin import Task

QUICK = ("family=[linear,knn,forest,lightgbm,svm,baseline]", "search.folds=3", "scheduler.cpus=1")
LEVELS = (0.1, 0.5, 0.9)


@pytest.fixture(scope="module")
def table():
    """A value whose spread grows with a column, which no model of the mean can tell."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 4, size=(500, 2))
    y = 2 * x[:, 0] + (0.2 + x[:, 1]) * rng.normal(size=500)
    return pd.DataFrame(x, columns=["a", "b"]).assign(y=y)


@pytest.fixture(scope="module")
def found(table, tmp_path_factory):
    notes = []
    run = automl.search(
        table[:350],
        target="y",
        task="quantile",
        trials=5,
        out=tmp_path_factory.mktemp("quantiles") / "run",
        overrides=QUICK,
        settings={"model.forest.trees": 50},
        on_event=lambda event: notes.append(event) if isinstance(event, Note) else None,
    )
    return run, [note.message for note in notes]


def test_each_row_gets_ascending_quantiles_that_hold_their_share_of_new_rows(found, table):
    run, _ = found
    new = table[350:]
    prediction = run.predict(new.drop(columns="y")).to_numpy()
    assert (run.task, run.quantiles) == ("quantile", LEVELS)
    assert prediction.shape == (len(new), 3)
    assert (np.diff(prediction, axis=1) >= 0).all()
    below = (new["y"].to_numpy()[:, np.newaxis] <= prediction).mean(axis=0)
    np.testing.assert_allclose(below, LEVELS, atol=0.12)
    width = prediction[:, 2] - prediction[:, 0]
    assert width[new["b"] > 3].mean() > 1.5 * width[new["b"] < 1].mean()


def test_the_leaderboard_goes_by_the_pinball_loss_of_all_levels(found, table):
    run, _ = found
    board = run.leaderboard(test=table[350:]).set_index("trial")
    metric = get_metric("pinball", Task.QUANTILE, quantiles=LEVELS)
    expected = metric.score(table["y"][350:].to_numpy(), run.predict(table[350:]))
    assert board.loc["ensemble", "test_score"] == pytest.approx(expected)
    baseline = board[board.index.str.startswith("baseline")]["score"].iloc[0]
    assert board.loc["ensemble", "score"] < 0.8 * baseline


def test_families_that_predict_no_quantiles_say_so(found):
    _, notes = found
    assert "svm skipped: it does not support quantile tasks" in notes


def test_there_are_no_probabilities_of_quantiles(found, table):
    with pytest.raises(UserError, match="no probabilities"):
        found[0].predict_proba(table)


def test_the_command_line_takes_levels_and_writes_a_column_for_each(table, tmp_path):
    data, out, run = tmp_path / "data.csv", tmp_path / "out.csv", tmp_path / "run"
    table.to_csv(data, index=False)
    words = ["--target", "y", "--quantiles", "0.95,0.25", "--trials", "2", "--out", str(run)]
    assert main(["search", str(data), *words, "family=[linear,baseline]", "search.folds=2"]) == 0
    assert main(["predict", str(run), str(data), "--out", str(out)]) == 0
    written = pd.read_csv(out)
    assert list(written.columns) == ["q0.25", "q0.95"]
    assert (written["q0.25"] <= written["q0.95"]).all()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"quantiles": [0.5, 1.5]}, "quantiles=1.5: expected a number above 0 and below 1"),
        ({"quantiles": [0.5, 0.5]}, "give one or more distinct levels"),
        ({"quantiles": []}, "one or more distinct levels"),
        ({"quantiles": [0.5], "task": "regression"}, "does not predict quantiles"),
        ({"task": "quantile", "metric": "rmse"}, "'rmse' is for regression"),
    ],
)
def test_levels_and_metrics_that_do_not_fit_are_refused(options, said, table, tmp_path):
    with pytest.raises(ConfigError, match=said):
        automl.search(table, target="y", trials=1, out=tmp_path / "run", **options)
