"""Searches in order of time: what predicts, what is said of it, and what a person is told."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import automl
from automl.data.split.choose import ALL_ROWS, load_split_plan
from automl.ensemble import read_ensemble, write_ensemble
from automl.events import Note
from automl.store.run_dir import RunDir
from automl.trial.records import read_record
from automl.trial.spec import FoldResult
from automl.tuning.trials.newest_rows import expected_newest_s, predicting_folds

N, AHEAD = 180, 40


def shifted(at, n=N, height=8.0, seed=0):
    """A level that shifts once; and the rows after the last one."""
    rng = np.random.default_rng(seed)
    day, x = np.arange(n + AHEAD), rng.normal(size=n + AHEAD)
    y = height * (day >= at) + x + 0.5 * rng.normal(size=n + AHEAD)
    frame = pd.DataFrame({"day": day, "x": x, "y": y})
    return frame[:n], frame[n:]


def search(frame, out, families="forest", trials=1, folds=3, settings=(), **options):
    notes = []
    run = automl.search(
        frame,
        target="y",
        time_column="day",
        trials=trials,
        out=out,
        overrides=(f"family=[{families}]", f"search.folds={folds}", "scheduler.cpus=1", *settings),
        on_event=lambda e: notes.append(e.message) if isinstance(e, Note) else None,
        **options,
    )
    return run, notes


def rmse(run, new):
    return float(np.sqrt(np.mean((new["y"] - run.predict(new)) ** 2)))


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Folds 1 to 4 lie after the shift; the first of them could not know it."""
    old, new = shifted(at=60)
    return (*search(old, tmp_path_factory.mktemp("time") / "run", folds=5), new)


def test_the_predictor_knows_the_newest_rows(known):
    run, _, new = known
    (member,) = read_ensemble(RunDir(run.path)).members
    assert member.folds == (ALL_ROWS,)
    assert rmse(run, new) < 1.0


def test_what_the_board_says_is_what_the_next_rows_give(known):
    run, _, new = known
    board = run.leaderboard()
    for said in board["score"]:
        assert 0.7 < said / rmse(run, new) < 1.3


def test_a_shift_within_the_last_fold_is_learnt_and_said(tmp_path):
    old, new = shifted(at=165)
    run, notes = search(old, tmp_path / "run")
    assert rmse(run, new) < 1.3
    (note,) = [note for note in notes if "the last fold is worse" in note]
    assert "rmse by fold" in note
    assert note.count(" | ") == 2


def test_a_fold_that_met_a_shift_is_left_out_of_the_score_and_named(tmp_path):
    old, _ = shifted(at=90)
    run, notes = search(old, tmp_path / "run")
    (note,) = [note for note in notes if "the score leaves out fold" in note]
    assert "fold 1," in note
    score = run.leaderboard()["score"].iloc[0]
    record = read_record(RunDir(run.path), "forest-0")
    assert score == pytest.approx(record.folds[2].final_score, rel=0.05)
    assert record.score == pytest.approx(record.folds[2].final_score, rel=1e-6)


def test_a_net_predicts_by_the_mean_of_three_fits_on_the_newest_rows(tmp_path):
    pytest.importorskip("torch")
    old, new = shifted(at=60)
    fixed = "model.mlp.fixed={embedding: none, width: 64, n_layers: 1}"
    run, notes = search(old, tmp_path / "run", families="mlp", folds=2, settings=(fixed,))
    (member,) = read_ensemble(RunDir(run.path)).members
    assert member.folds == (-1, -2, -3)
    (note,) = [note for note in notes if "random weights" in note]
    assert "1 of 1 members" in note
    assert "mean of 3 fits" in note
    whole, ensemble, fits = run.predict(new), read_ensemble(RunDir(run.path)), []
    for fold in member.folds:
        alone = replace(ensemble, members=(replace(member, folds=(fold,)),))
        write_ensemble(RunDir(run.path), alone)
        fits.append(np.asarray(automl.load_run(run.path).predict(new)))
    assert np.abs(fits[0] - fits[1]).max() > 0.01
    np.testing.assert_allclose(np.mean(fits, axis=0), whole, rtol=1e-5)


def test_a_steady_level_needs_no_note(tmp_path):
    _, notes = search(shifted(at=0)[0], tmp_path / "run")
    assert not [note for note in notes if "fold" in note and "worse" in note]
    assert not [note for note in notes if "leaves out" in note]


def test_without_a_refit_the_last_fold_predicts_alone(tmp_path):
    run, _ = search(shifted(at=60)[0], tmp_path / "run", settings=("ensemble.refit=false",))
    assert [m.folds for m in read_ensemble(RunDir(run.path)).members] == [(2,)]


def test_a_refit_that_is_taken_back_leaves_the_last_fold(tmp_path):
    from automl.tuning.lifecycle.refit_run import refit_run

    run, _ = search(shifted(at=60)[0], tmp_path / "run")
    refit_run(RunDir(run.path), undo=True)
    assert [m.folds for m in read_ensemble(RunDir(run.path)).members] == [(2,)]


def test_with_a_window_the_predictor_learns_from_the_last_one(tmp_path):
    old, new = shifted(at=100, height=30.0)
    run, _ = search(
        old.drop(columns="x"),
        tmp_path / "run",
        families="baseline",
        settings=("search.window=40",),
        gap=3,
    )
    plan = load_split_plan(RunDir(run.path).split)
    assert plan.newest.tolist() == list(range(140, 180))
    assert run.predict(new).to_numpy() == pytest.approx(old["y"][140:].mean())


def test_the_models_of_all_folds_predict_unless_rows_are_in_order_of_time(known):
    run, _, _ = known
    plan = load_split_plan(RunDir(run.path).split)
    assert predicting_folds(plan, (3, 0, 2)) == (3,)
    others = type(plan)("plain", plan.splits, "", plan.n_rows)
    assert predicting_folds(others, (3, 0, 2)) == (0, 2, 3)


def test_a_fit_on_the_newest_rows_takes_as_long_as_the_last_fold_by_its_rows(known):
    plan = load_split_plan(RunDir(known[0].path).split)
    results = {
        fold: FoldResult(fold, 0.0, fit_s=seconds, predict_s=0.0, encode_s=1.0)
        for fold, seconds in ((0, 90.0), (4, 9.0))
    }
    assert expected_newest_s(results, plan) == pytest.approx(10.0 * 180 / 150)
