"""A search says beside the honest score what the mean of the folds' models is expected to give."""

import json

import numpy as np
import pandas as pd
import pytest

import automl
from automl.leaderboard import render
from automl.store.run_dir import RunDir
from automl.tuning.incumbent.bagged_score import expected_of_mean

FAST = ("family=[lightgbm]", "model.lightgbm.fixed={learning_rate: 0.3}", "search.repeats=1")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    y = X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=300)
    return pd.DataFrame({**{f"x{i}": X[:, i] for i in range(4)}, "target": y})


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "folds"
    return automl.search(table, "target", trials=1, out=out, overrides=(*FAST, "search.folds=4"))


def test_the_mean_of_folds_is_expected_to_be_better_than_the_score(run):
    top = run.board().ensemble
    assert 0.5 * top.score < top.mean_score < top.score  # an RMSE
    assert f"{top.mean_score:.4g}"[:4] in run.board().outlook


def test_every_format_has_it(run):
    top = run.board().ensemble
    assert json.loads(render(run.board(), "json"))[0]["mean_score"] == top.mean_score
    assert repr(top.mean_score) in render(run.board(), "csv")
    assert run.leaderboard().set_index("trial").loc["ensemble", "mean_score"] == top.mean_score


def test_of_trials_and_of_old_runs_nothing_is_expected(run):
    assert all(row.mean_score is None for row in run.board().trials)
    for path in (RunDir(run.path).ensemble / "ensemble.json",):
        kept = path.read_text()
        value = json.loads(kept)
        del value["mean_score"]
        path.write_text(json.dumps(value))
        assert automl.load_run(run.path).board().outlook == ""
        path.write_text(kept)


def test_a_refit_is_no_mean_and_shows_none(run):
    run.refit()
    assert run.board().ensemble.mean_score is None
    run.refit(undo=True)
    assert run.board().ensemble.mean_score is not None


def test_a_holdout_has_no_mean(table, tmp_path):
    run = automl.search(
        table, "target", trials=1, out=tmp_path / "run", overrides=(*FAST, "search.folds=1")
    )
    assert run.board().ensemble.mean_score is None


def test_a_damaged_file_costs_the_outlook_and_not_the_search(table, tmp_path, monkeypatch):
    def damage_and_look(run, *arguments):
        for path in run.trials.rglob("known.npy"):
            path.write_bytes(path.read_bytes()[:10])
        return expected_of_mean(run, *arguments)

    monkeypatch.setattr(
        "automl.tuning.incumbent.ensemble_tracker.expected_of_mean", damage_and_look
    )
    run = automl.search(table, "target", trials=1, out=tmp_path / "run", overrides=FAST)
    assert run.board().ensemble.score is not None
    assert run.board().ensemble.mean_score is None
    assert "known.npy is damaged" in RunDir(run.path).log.read_text()
