"""Searches of targets close together far from 0, with real workers, files and families."""

import shutil

import numpy as np
import pandas as pd
import pytest

import automl
from automl.cli.app import main
from automl.data.split.choose import load_split_plan
from automl.store.files import read_json
from automl.store.run_dir import RunDir
from automl.trial.records import read_record

FAR = 1e9
OVERRIDES = ("family=[baseline,linear,knn,lightgbm]", "search.folds=3", "scheduler.cpus=1")


def table(middle=FAR):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2))
    y = np.round(x[:, 0] + np.abs(x[:, 1]) + 0.1 * rng.normal(size=400), 3)
    return pd.DataFrame(x, columns=["a", "b"]).assign(y=y + middle)


def search(path, data, **options):
    options = {"target": "y", "trials": 5, "overrides": OVERRIDES, "metric": "r2"} | options
    return automl.search(data, out=path, **options)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("far")
    table()[:300].to_csv(folder / "data.csv", index=False)
    return search(folder / "run", folder / "data.csv")


@pytest.fixture(scope="module")
def near(tmp_path_factory):
    return search(tmp_path_factory.mktemp("near") / "run", table(0.0)[:300])


@pytest.fixture
def run(found, tmp_path):
    return automl.load_run(shutil.copytree(found.path, tmp_path / "run"))


def explained(prediction, y):
    return 1 - np.mean((np.asarray(prediction) - y) ** 2) / np.var(y)


def test_scores_are_those_of_the_same_target_near_zero(found, near):
    boards = [r.leaderboard().set_index("trial")["score"] for r in (found, near)]
    assert boards[0]["ensemble"] > 0.85
    pd.testing.assert_series_equal(*boards, check_like=True, atol=0.02)


def test_the_command_line_writes_predictions_of_new_rows_with_all_digits(found, tmp_path):
    new, out = table()[300:], tmp_path / "out.csv"
    new.drop(columns="y").to_csv(tmp_path / "new.csv", index=False)
    assert main(["predict", str(found.path), str(tmp_path / "new.csv"), "--out", str(out)]) == 0
    written = pd.read_csv(out)["prediction"]
    assert explained(written, new["y"].to_numpy()) > 0.85
    np.testing.assert_allclose(written - FAR, found.predict(new) - FAR, atol=1e-6)


def test_each_trial_and_the_ensemble_are_as_good_on_a_test_table(found):
    board = found.leaderboard(test=table()[300:]).set_index("trial")
    np.testing.assert_allclose(board["test_score"], board["score"], atol=0.1)


def test_files_of_predictions_hold_the_target_as_it_is_in_double_precision(found):
    run = RunDir(found.path)
    files = [run.oof("lightgbm-0", 0), run.settled("lightgbm-0", 0), run.known("lightgbm-0", 0)]
    for prediction in map(np.load, files):
        assert prediction.dtype == np.float64
        assert abs(np.median(prediction) - FAR) < 5


def test_records_hold_the_scores_of_the_files_of_predictions(found):
    run = RunDir(found.path)
    y, plan = np.load(run.data / "y.npy"), load_split_plan(run.split)
    for fold in read_record(run, "lightgbm-0").folds:
        own = y[plan.splits[fold.fold].valid]
        settled = np.load(run.settled("lightgbm-0", fold.fold))
        assert fold.settled_score == pytest.approx(explained(settled, own), abs=1e-9)
        assert fold.score == pytest.approx(explained(settled, own), abs=0.1)


def test_a_run_of_a_target_near_zero_keeps_its_files_as_they_were(near):
    run = RunDir(near.path)
    assert "offset" not in read_json(run.data / "schema.json")["target"]
    assert np.load(run.oof("lightgbm-0", 0)).dtype == np.float32
    assert np.load(run.settled("lightgbm-0", 0)).dtype == np.float32


def test_a_trial_is_run_again_to_the_last_bit(run):
    assert run.rerun("lightgbm-0").is_equal


def test_a_resumed_search_goes_on_with_the_same_offset(run):
    offset = read_json(RunDir(run.path).data / "schema.json")["target"]["offset"]
    before = run.leaderboard().set_index("trial")["score"]
    again = automl.resume(run.path, trials=7)
    assert read_json(RunDir(run.path).data / "schema.json")["target"]["offset"] == offset
    after = again.leaderboard().set_index("trial")["score"]
    assert len(after) == len(before) + 2
    assert after.drop("ensemble").min() > -0.1
    new = table()[300:]
    assert explained(again.predict(new), new["y"]) > 0.85


def test_a_refit_and_the_models_of_the_folds_predict_alike(run):
    new = table()[300:]
    before = run.predict(new)
    done = run.refit()
    assert done.refitted
    compared = np.load(RunDir(run.path).compared(done.refitted[0], -1))
    assert compared.dtype == np.float64
    assert np.abs(compared - FAR).max() < 10
    after = run.predict(new)
    assert not np.array_equal(after, before)
    assert explained(after, new["y"]) > 0.85


def test_a_run_without_an_offset_on_record_is_taken_as_it_was_fitted(run):
    """Its models, as those of an earlier version, predict the target as they were shown it."""
    path = RunDir(run.path).data / "schema.json"
    before = run.predict(table())
    offset = read_json(path)["target"]["offset"]
    path.write_text(path.read_text().replace(f'"offset": {offset}', '"offset": 0.0'))
    after = automl.load_run(run.path).predict(table())
    assert np.abs(after).max() < FAR / 2 < before.min()


def test_quantiles_hold_their_shares_of_new_rows(tmp_path):
    run = search(tmp_path / "run", table()[:300], task="quantile", metric="pinball", trials=4)
    new = table()[300:]
    prediction = run.predict(new).to_numpy()
    assert (np.diff(prediction, axis=1) >= 0).all()
    below = (new["y"].to_numpy()[:, np.newaxis] <= prediction).mean(axis=0)
    np.testing.assert_allclose(below, run.quantiles, atol=0.15)
    assert (prediction[:, 2] - prediction[:, 0]).max() < 6


def test_a_metric_that_depends_on_where_the_target_lies_scores_it_as_it_is(tmp_path):
    run = search(tmp_path / "run", table()[:300], metric="mape", trials=4)
    board = run.leaderboard(test=table()[300:]).set_index("trial")
    baseline = board[board.index.str.startswith("baseline")].iloc[0]
    ensemble = board.loc["ensemble"]
    assert 0 < ensemble["test_score"] < 0.6 * baseline["test_score"] < 2 / FAR
    assert 0 < ensemble["score"] < 0.6 * baseline["score"] < 2 / FAR
