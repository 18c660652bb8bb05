"""Scores as a user meets them: none where there is none, and true where rows are odd."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest

import automl
from automl.cli import main


def table(n_rows, seed=0):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n_rows))
    y = np.where(a + rng.normal(size=n_rows) > 0, "yes", "no")
    return pd.DataFrame({"a": a, "b": b, "y": y})


@pytest.fixture(scope="session")
def odd_folds(tmp_path_factory):
    """A search on given folds: the rows of fold 0 are of one class, those of -1 only train."""
    frame = table(90)
    fold = 1 + np.arange(90) % 2
    fold[np.flatnonzero(frame.y == "yes")[:6]] = 0
    fold[60:80] = -1
    run = automl.search(
        frame.assign(f=fold),
        "y",
        metric="roc_auc",
        trials=3,
        folds_column="f",
        out=tmp_path_factory.mktemp("scores") / "odd",
        overrides=("family=[baseline,forest,linear]", "scheduler.cpus=1"),
    )
    return run, frame.assign(f=fold)


def test_a_fold_of_one_class_has_no_score_and_no_part_in_any(odd_folds):
    run, frame = odd_folds
    board = run.board()
    for row in board.trials:
        assert row.state == "complete"
        assert row.folds[0] is None
        n_rows = [(frame.f == k).sum() for k in (1, 2)]
        assert row.score == pytest.approx(np.average(row.folds[1:], weights=n_rows))
    (note,) = board.notes
    assert note == "roc_auc has no value for fold 0: all 6 rows are of one class"
    assert all(score is None for score in run.leaderboard().folds.str[0].dropna())


def test_rows_that_only_train_have_no_prediction_of_any_family(odd_folds):
    run, frame = odd_folds
    for row in run.board().trials:
        path = run.path / "trials" / row.trial
        assert sorted(p.name for p in path.glob("fold-*")) == ["fold-0", "fold-1", "fold-2"]
        n_predicted = sum(len(np.load(p)) for p in path.glob("fold-*/oof.npy"))
        assert n_predicted == (frame.f >= 0).sum()


def test_a_held_out_table_says_what_it_leaves_out_and_why_a_score_is_missing(odd_folds):
    run, frame = odd_folds
    test = frame[frame.y == "yes"].head(20).assign(y=lambda d: d.y.mask(d.index % 5 == 0))
    n_lost = int(test.y.isna().sum())
    with pytest.warns(UserWarning, match="^test: ") as told:
        board = run.leaderboard(test)
    reason = f"all {20 - n_lost} rows are of one class"
    assert [str(warning.message) for warning in told] == [
        f"test: {n_lost} of 20 rows are ignored: no value in the target",
        f"test: no roc_auc: {reason}",
    ]
    assert board.test_score.isna().all()
    assert set(board.test_reason) == {reason}
    assert set(run.test_scores(test).values()) == {None}
    both = frame.tail(30)
    assert run.board(both).notes == run.board().notes
    assert all(np.isfinite(score) for score in run.test_scores(both).values())


@pytest.mark.parametrize("format", ["table", "csv", "json", "md"])
def test_the_command_says_it_in_every_format(odd_folds, tmp_path, capsys, format):
    run, frame = odd_folds
    test = frame[frame.y == "no"].head(10).assign(y=lambda d: d.y.mask(d.index % 3 == 0))
    test.to_csv(tmp_path / "test.csv", index=False)
    command = ["leaderboard", str(run.path), "--test", str(tmp_path / "test.csv")]
    assert main([*command, "--format", format]) == 0
    printed = capsys.readouterr()
    said = " ".join((printed.out + printed.err).split())
    assert f"{test.y.isna().sum()} of 10 rows" in said
    assert "ignored: no value in the target" in said
    assert f"all {test.y.notna().sum()} rows are of one class" in said
    assert "nan" not in said.lower().replace("/", " ").split()
    if format == "json":
        assert all(row["test_score"] is None for row in json.loads(printed.out))


def test_a_metric_that_the_data_makes_impossible_ends_the_command_before_the_search(
    tmp_path, capsys
):
    frame = table(40).assign(y=np.arange(40) / 7 - 3)
    frame.to_csv(tmp_path / "t.csv", index=False)
    out = tmp_path / "run"
    asked = ["--target", "y", "--task", "regression", "--metric", "rmsle", "--out", str(out)]
    assert main(["search", str(tmp_path / "t.csv"), *asked, "--trials", "1"]) == 2
    assert "metric 'rmsle' has no value" in capsys.readouterr().err
    assert not out.exists()


def test_a_run_whose_scores_are_all_there_warns_of_nothing(odd_folds):
    run, _ = odd_folds
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run.leaderboard()
