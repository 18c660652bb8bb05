"""Searches by a function of the caller's, which workers cannot import, and by X and y."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import make_scorer

import automl
from automl.cli import main
from automl.config.saved import load_config
from automl.errors import ConfigError, RunError
from automl.scheduling.local.launcher import SpawnLauncher
from automl.store.run_dir import RunDir
from automl.trial.records import read_records

QUICK = ("family=[linear,lightgbm]", "search.folds=2", "scheduler.cpus=2")


def make_cost(price):
    def cost(y_true, y_pred):
        return float(np.mean(np.where(y_true == 1, price, 1.0) * (y_true != y_pred)))

    cost.greater_is_better = False
    return cost


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 2))
    y = pd.Series(np.where(x[:, 0] + rng.normal(size=150) > 0, "yes", "no"), name="bought")
    return pd.DataFrame(x, columns=["a", "b"]), y


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    x, y = table
    return automl.search(
        x,
        y,
        metric=make_cost(5.0),
        trials=3,
        out=tmp_path_factory.mktemp("own") / "run",
        overrides=QUICK,
        verbosity=0,
    )


def test_a_closure_judges_every_fold_in_the_workers(run, table):
    records = read_records(RunDir(run.path))
    assert all(record.state == "complete" for record in records)
    board = run.board()
    assert (board.metric, board.greater_is_better, board.target) == ("cost", False, "bought")
    x, y = table
    predicted = run.predict(x)
    assert set(predicted) <= {"yes", "no"}
    expected = make_cost(5.0)(np.array(y == "yes", int), np.array(predicted == "yes", int))
    assert run.test_scores(x.assign(bought=y))["ensemble"] == pytest.approx(expected)


def test_a_run_keeps_the_name_of_the_function_alone(run):
    assert json.loads(RunDir(run.path).manifest.read_text())["metric"] == {
        "name": "cost",
        "greater_is_better": False,
    }
    assert load_config(RunDir(run.path).config).metric == "callable:cost"


def test_a_run_predicts_without_its_function_and_asks_for_it_where_it_scores(run, table):
    x, y = table
    loaded = automl.load_run(run.path)
    assert np.array_equal(loaded.predict(x), run.predict(x))
    assert len(loaded.leaderboard()) == len(run.leaderboard())
    for ask in (
        lambda: loaded.board(x.assign(bought=y)),
        lambda: automl.resume(run.path, trials=4, verbosity=0),
        loaded.refit,
        lambda: loaded.rerun("linear-0"),
    ):
        with pytest.raises(ConfigError, match=r"metric 'cost' is a Python function"):
            ask()
    again = automl.load_run(run.path, metric=make_cost(5.0))
    assert again.test_scores(x.assign(bought=y)) == run.test_scores(x.assign(bought=y))
    assert again.rerun("linear-0").metric == "cost"


def test_the_command_line_takes_the_function_by_the_name_of_its_module(
    run, table, tmp_path, monkeypatch, capsys
):
    x, y = table
    x.assign(bought=y).to_csv(tmp_path / "new.csv", index=False)
    words = ["leaderboard", str(run.path), "--test", str(tmp_path / "new.csv"), "--format", "json"]
    assert main(words) == 2
    assert "--metric module:cost" in capsys.readouterr().err
    (tmp_path / "prices.py").write_text(
        "def cost(y_true, y_pred):\n"
        "    return float(((1 + 4 * (y_true == 1)) * (y_true != y_pred)).mean())\n"
        "cost.greater_is_better = False\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--metric", "prices:cost"]) == 0
    rows = json.loads(capsys.readouterr().out)
    expected = run.test_scores(x.assign(bought=y))
    assert {r["trial"]: r["test_score"] for r in rows} == pytest.approx(expected)
    assert main(["rerun", str(run.path), "linear-0"]) == 2
    assert main(["rerun", str(run.path), "linear-0", "--metric", "prices:cost"]) == 0


def test_another_function_or_a_needless_one_is_refused(run, table, tmp_path):
    def other(y_true, y_pred):
        return 0.0

    with pytest.raises(ConfigError, match="'cost', not 'other'"):
        automl.resume(run.path, trials=4, metric=other, verbosity=0)
    with pytest.raises(ConfigError, match="'cost', not metric='roc_auc'"):
        automl.load_run(run.path, metric="roc_auc")


def test_a_search_goes_on_with_its_function(table, tmp_path):
    x, y = table
    options = {"out": tmp_path / "run", "overrides": QUICK, "verbosity": 0}
    automl.search(x, y, metric=make_cost(2.0), trials=2, **options)
    resumed = automl.resume(tmp_path / "run", trials=3, metric=make_cost(2.0), verbosity=0)
    assert len(resumed.board().trials) == 3
    again = automl.search(x, y, metric=make_cost(2.0), trials=4, resume=True, **options)
    assert len(again.board().trials) == 4
    with pytest.raises(RunError, match="metric"):
        automl.search(x, y, metric="accuracy", trials=5, resume=True, **options)


def test_a_platform_without_fork_judges_by_a_lambda_too(table, tmp_path, monkeypatch):
    monkeypatch.setattr("automl.scheduling.local.launcher.start_launcher", SpawnLauncher)
    x, y = table
    run = automl.search(
        x.to_numpy(),
        y.to_numpy(),
        metric=lambda y_true, y_pred: float(np.mean(y_true == y_pred)),
        trials=1,
        out=tmp_path / "run",
        overrides=("family=[linear]", *QUICK[1:]),
        verbosity=0,
    )
    assert run.board().metric == "lambda"
    assert run.board().target == "target"
    assert len(run.predict(x.to_numpy())) == 150


def test_a_scorer_steers_a_search(table, tmp_path):
    x, y = table

    def spread(y_true, p):
        return float(p[y_true == 1].mean() - p[y_true == 0].mean())

    run = automl.search(
        x,
        y,
        metric=make_scorer(spread, response_method="predict_proba"),
        trials=2,
        out=tmp_path / "run",
        overrides=QUICK,
        verbosity=0,
    )
    assert 0 < run.board().trials[0].score < 1


def test_what_workers_cannot_get_is_refused_before_the_run_is_there(table, tmp_path):
    x, y = table
    file = (tmp_path / "prices").open("w")

    def priced(y_true, y_pred):
        file.write(".")
        return float(np.mean(y_true == y_pred))

    with file, pytest.raises(ConfigError, match="'priced' cannot be sent to the worker"):
        automl.search(x, y, metric=priced, trials=1, out=tmp_path / "run", verbosity=0)
    assert not (tmp_path / "run").exists()
