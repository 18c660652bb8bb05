"""A run directory that is opened: while it runs, when it is over, and when it is none."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest

import automl
from automl.cli import main
from automl.errors import DataError, RunError, UserError
from automl.run import Run, load_run


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A regression that kept the models of its members only, and its table."""
    from sklearn.datasets import load_diabetes

    frame = load_diabetes(as_frame=True).frame
    run = automl.search(
        frame,
        trials=4,
        out=tmp_path_factory.mktemp("runs") / "kept",
        overrides=(
            "family=[linear,baseline]",
            "search.folds=2",
            "search.keep_models=members",
            "scheduler.cpus=1",
        ),
    )
    return run, frame


def test_an_opened_run_tells_what_it_is(finished):
    run = load_run(str(finished[0].path))
    assert isinstance(run, Run)
    assert repr(run) == f"Run({str(run.path)!r})"
    assert (run.task, run.classes, run.stopped_by) == ("regression", (), "trials")


def test_no_directory_and_no_run_are_told_apart(tmp_path):
    with pytest.raises(RunError, match="no such directory"):
        load_run(tmp_path / "nothing")
    with pytest.raises(RunError, match=r"is not a run: it has no manifest\.json"):
        load_run(tmp_path)


def test_a_damaged_manifest_is_named(tmp_path):
    (tmp_path / "manifest.json").write_text('{"status": ')
    with pytest.raises(RunError, match="damaged"):
        _ = load_run(tmp_path).stopped_by


def test_nothing_stopped_a_run_that_goes_on(tmp_path):
    (tmp_path / "manifest.json").write_text('{"status": "running"}')
    assert load_run(tmp_path).stopped_by == ""


def test_trials_whose_models_were_not_kept_have_no_test_score(finished):
    run, frame = finished
    scores = run.test_scores(frame)
    members = {row.trial for row in run.board().members}
    assert set(scores) == members | {"ensemble"}
    board = run.board(test=frame)
    assert all((row.test_score is not None) == (row.trial in members) for row in board.trials)
    assert all(row.state == "complete" for row in board.trials)


def test_the_test_score_is_that_of_the_predictions(finished):
    run, frame = finished
    metric = json.loads((run.path / "manifest.json").read_text())["metric"]["name"]
    assert metric == "rmse"
    expected = np.sqrt(np.mean((run.predict(frame) - frame["target"]) ** 2))
    assert run.test_scores(frame)["ensemble"] == pytest.approx(expected)


def test_a_test_table_needs_its_target(finished):
    run, frame = finished
    with pytest.raises(UserError, match="target"):
        run.test_scores(frame.drop(columns="target"))


def test_a_run_may_be_moved(finished, tmp_path):
    import shutil

    run, frame = finished
    shutil.copytree(run.path, tmp_path / "elsewhere")
    assert np.array_equal(load_run(tmp_path / "elsewhere").predict(frame), run.predict(frame))


def test_a_run_searched_in_a_database_predicts_files_too(tmp_path):
    import sqlite3

    path = tmp_path / "data.db"
    with sqlite3.connect(path) as database:
        database.execute("create table flowers (width real, kind text)")
        rows = [(float(i % 10), "wide" if i % 10 > 4 else "thin") for i in range(60)]
        database.executemany("insert into flowers values (?, ?)", rows)
    run = automl.search(
        f"sqlite:///{path}",
        target="kind",
        trials=2,
        out=tmp_path / "run",
        overrides=("family=[baseline,linear]", "data.sql=select * from flowers"),
    )
    file = tmp_path / "new.csv"
    file.write_text("width\n1.0\n9.0\n")

    assert list(run.predict(file)) == ["thin", "wide"]
    query = "select width from flowers where width > 8"
    assert list(run.predict(run.read(f"sqlite:///{path}", sql=query))[:1]) == ["wide"]


def test_no_query_is_run_but_one_that_is_given_now(tmp_path, monkeypatch, capsys):
    import sqlite3

    path = tmp_path / "data.db"
    with sqlite3.connect(path) as database:
        database.execute("create table flowers (width real, kind text)")
        rows = [(float(i % 10), "wide" if i % 10 > 4 else "thin") for i in range(60)]
        database.executemany("insert into flowers values (?, ?)", rows)
    url, query = f"sqlite:///{path}", "select * from flowers where width < 20"
    run = automl.search(
        url,
        target="kind",
        trials=1,
        out=tmp_path / "run",
        overrides=("family=[baseline]", f"data.sql={query}"),
    )
    asked = []
    monkeypatch.setattr("automl.data.read.formats.read_sql", lambda url, query: asked.append(query))
    for read in (run.read, run.predict, run.predict_proba, run.board, run.test_scores):
        with pytest.raises(DataError, match="is a database: add a query") as error:
            read(url)
        assert f"sql='{query}', the query of the training" in str(error.value)
    for line in (["predict", str(run.path), url], ["leaderboard", str(run.path), "--test", url]):
        assert main(line) == 2
        assert query in capsys.readouterr().err
    assert asked == []
    monkeypatch.undo()
    given = "data.sql=select * from flowers limit 7"
    assert main(["predict", str(run.path), url, given]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 8
    assert main(["leaderboard", str(run.path), given, "--test", url, "--format", "csv"]) == 0
    assert main(["leaderboard", str(run.path), given]) == 2
    assert "--test URL, which is missing" in capsys.readouterr().err


@pytest.fixture(scope="module")
def rare(tmp_path_factory):
    """A class of one row in ten, by a metric of labels."""
    rng = np.random.default_rng(0)
    y = np.where(rng.random(600) < 0.1, "rare", "usual")
    frame = pd.DataFrame({"x": rng.normal(size=600) + 1.5 * (y == "rare"), "y": y})
    run = automl.search(
        frame,
        target="y",
        metric="balanced_accuracy",
        trials=2,
        out=tmp_path_factory.mktemp("runs") / "rare",
        overrides=("family=[linear,baseline]", "search.folds=3", "scheduler.cpus=1"),
    )
    return run, frame


def test_labels_are_chosen_by_the_threshold_and_probabilities_stay(rare):
    run, frame = rare
    threshold = run.board().ensemble.params["threshold"]
    probabilities = run.predict_proba(frame)
    chosen = np.array(run.classes)[np.where(probabilities[run.classes[1]] > threshold, 1, 0)]
    np.testing.assert_array_equal(run.predict(frame), chosen)
    most_probable = np.array(run.classes)[probabilities.to_numpy().argmax(axis=1)]
    assert (chosen == "rare").sum() > 2 * (most_probable == "rare").sum()


def test_the_test_score_is_that_of_the_labels_that_are_chosen(rare):
    run, frame = rare
    right = run.predict(frame) == frame["y"]
    expected = right.groupby(frame["y"]).mean().mean()
    assert run.test_scores(frame)["ensemble"] == pytest.approx(expected)
    assert expected > 0.7


def test_each_complete_trial_predicts_alone(finished):
    run, frame = finished
    singly = run.trial_predictions(frame.drop(columns="target"))
    assert set(singly) == {row.trial for row in run.board().members}
    assert all(prediction.shape == (len(frame),) for prediction in singly.values())


def test_probabilities_have_the_index_of_the_frame(rare):
    run, frame = rare
    some = frame.sample(20, random_state=0)
    probabilities = run.predict_proba(some)
    assert probabilities.index.equals(some.index)
    np.testing.assert_array_equal(
        probabilities.to_numpy(), run.predict_proba(some.reset_index(drop=True)).to_numpy()
    )


def test_a_frame_without_rows_has_no_predictions(rare):
    run, frame = rare
    assert run.predict(frame[:0]).shape == (0,)
    assert run.predict_proba(frame[:0]).shape == (0, len(run.classes))


def test_a_run_travels_by_pickle_also_after_it_has_predicted(rare):
    run, frame = rare
    before = run.predict_proba(frame)
    again = pickle.loads(pickle.dumps(run))
    pd.testing.assert_frame_equal(again.predict_proba(frame), before)
