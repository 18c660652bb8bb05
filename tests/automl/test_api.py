"""From a table to predictions by the Python interface, with real workers and real families."""

import inspect
import threading
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

import automl
from automl.config.fields import ARGUMENTS
from automl.errors import (
    ConfigError,
    DataError,
    MissingColumnError,
    NoPredictorError,
    PluginError,
    RunError,
    UserError,
)
from automl.events import SearchFinished, SearchStarted
from automl.leaderboard.row import COLUMNS

HERE = Path(__file__).parent
QUICK = ("family=[linear,baseline]", "search.folds=2", "scheduler.cpus=1")


def test_every_option_that_is_declared_as_an_argument_is_one_and_no_other():
    """What else there is says where, how often and how loudly, and is no option of the search."""
    others = {"data", "out", "resume", "overrides", "settings", "on_event", "verbosity", "started"}
    parameters = inspect.signature(automl.search).parameters
    assert set(parameters) - others == set(ARGUMENTS.values())
    assert all(parameters[name].default is None for name in ARGUMENTS.values())


@pytest.fixture
def odd(monkeypatch):
    """Makes the odd families importable, here and in workers."""
    monkeypatch.syspath_prepend(str(HERE))
    return ("plugins.modules=[odd_families]", "search.folds=2")


@pytest.fixture(scope="session")
def mixed():
    """Two classes, and columns of many kinds with strange names."""
    rng = np.random.default_rng(0)
    n = 160
    y = rng.integers(0, 2, n)
    frame = pd.DataFrame(
        {
            "a=b": y + rng.normal(scale=0.6, size=n),
            '"': rng.normal(size=n),
            "{}": np.where(rng.random(n) < 0.8, np.where(y == 1, "red", "blue"), "green"),
            "🙂 漢字": pd.date_range("2020-01-01", periods=n, freq="D"),
            "": rng.random(n) < 0.3 + 0.4 * y,
            "b, c\n": rng.normal(size=n),
            "target": np.where(y == 1, "yes", "no"),
        }
    )
    frame.loc[::17, '"'] = np.nan
    frame.loc[::13, "{}"] = None
    return frame


@pytest.fixture(scope="session")
def found(mixed, tmp_path_factory):
    """One finished search that many tests look at, and its events."""
    events = []
    run = automl.search(
        mixed,
        target="target",
        trials=4,
        seed=3,
        out=tmp_path_factory.mktemp("runs") / "first",
        overrides=("family=[linear,lightgbm,baseline]", "search.folds=3", "scheduler.cpus=2"),
        on_event=events.append,
    )
    return run, events


@pytest.fixture
def run(found):
    return found[0]


def search(data, out, *overrides, **options):
    """A search as short as can be."""
    options.setdefault("trials", 2)
    return automl.search(data, out=out, overrides=(*QUICK, *overrides), **options)


def test_the_function_can_be_called_beside_the_package_of_its_name(tmp_path):
    import automl.tuning.budget.budget

    assert automl.tuning.budget.budget.Budget(0.0).time_s is None
    with pytest.raises(DataError, match=r"nothing\.csv"):
        automl.search(tmp_path / "nothing.csv", out=tmp_path / "run")


def test_a_search_tells_how_it_begins_and_how_it_ended(found):
    run, events = found
    assert isinstance(events[0], SearchStarted)
    assert events[0].target == "target"
    assert isinstance(events[-1], SearchFinished)
    assert events[-1].stopped_by == run.stopped_by == "trials"
    assert events[-1].n_complete == 4
    assert events[-1].weights


def test_the_leaderboard_is_a_frame_with_all_columns(run):
    board = run.leaderboard()
    assert tuple(board.columns) == COLUMNS
    trials = board[board.family != "ensemble"]
    assert len(trials) == 4
    assert sorted(trials["rank"]) == [1, 2, 3, 4]
    assert trials.weight.sum() == pytest.approx(1)
    assert all(len(folds) == 3 for folds in trials.folds)
    scores = trials.sort_values("rank").score
    greater_is_better = run.board().greater_is_better
    assert list(scores) == sorted(scores, reverse=greater_is_better)


def test_a_held_out_table_fills_the_test_column(run, mixed):
    board = run.leaderboard(test=mixed)
    assert board.test_score.notna().all()
    assert board[board.family == "ensemble"].test_score.item() > 0.8


def test_predictions_are_labels_as_they_stand_in_the_data(run, mixed):
    prediction = run.predict(mixed)
    assert set(prediction) == {"yes", "no"}
    assert np.mean(prediction == mixed["target"].to_numpy()) > 0.8
    proba = run.predict_proba(mixed)
    assert list(proba.columns) == ["no", "yes"]
    assert proba.sum(axis=1).to_numpy() == pytest.approx(1)
    assert np.array_equal(proba.idxmax(axis=1).to_numpy(), prediction)


def test_a_loaded_run_predicts_the_same_to_the_bit(run, mixed):
    again = automl.load_run(run.path)
    assert np.array_equal(run.predict_proba(mixed), again.predict_proba(mixed))


def test_a_row_is_predicted_alike_alone_and_among_others(run, mixed):
    together = run.predict_proba(mixed).to_numpy()[:3]
    assert run.predict_proba(mixed.head(3)).to_numpy() == pytest.approx(together, abs=1e-6)


def test_columns_may_come_in_another_order_and_with_others(run, mixed):
    expected = run.predict_proba(mixed)
    other = mixed[mixed.columns[::-1]].assign(further=1.0)
    assert np.array_equal(run.predict_proba(other), expected)
    assert np.array_equal(run.predict_proba(mixed.drop(columns="target")), expected)


def test_unseen_categories_and_new_missing_values_do_not_fail(run, mixed):
    new = mixed.drop(columns="target").astype({"": object})
    new["{}"] = "never seen"
    new["a=b"] = np.nan
    new["🙂 漢字"] = pd.NaT
    new[""] = None
    proba = run.predict_proba(new)
    assert np.isfinite(proba.to_numpy()).all()
    assert len(proba) == len(mixed)


def test_missing_columns_are_all_named(run, mixed):
    with pytest.raises(MissingColumnError) as error:
        run.predict(mixed.drop(columns=["a=b", "🙂 漢字"]))
    assert "a=b" in str(error.value)
    assert "🙂 漢字" in str(error.value)


@pytest.mark.parametrize("form", ["arrow", "polars", "csv", "parquet"])
def test_every_form_of_a_table_predicts_the_same(run, mixed, tmp_path, form):
    if form == "polars":
        polars = pytest.importorskip("polars")
        table = pa.Table.from_pandas(mixed, preserve_index=False)
        data = polars.DataFrame({name: table.column(i) for i, name in enumerate(mixed.columns)})
    elif form == "arrow":
        data = pa.Table.from_pandas(mixed, preserve_index=False)
    elif form == "csv":
        data = tmp_path / "t.csv"
        mixed.to_csv(data, index=False)
    else:
        data = tmp_path / "t.parquet"
        pa.parquet.write_table(pa.Table.from_pandas(mixed, preserve_index=False), data)
    assert np.array_equal(run.predict_proba(data), run.predict_proba(mixed))


def test_the_same_seed_gives_the_same_run_whatever_the_number_of_cpus(found, mixed, tmp_path):
    """Leaderboard and predictions; times differ."""
    run, _ = found
    again = automl.search(
        mixed,
        target="target",
        trials=4,
        seed=3,
        out=tmp_path / "again",
        overrides=("family=[linear,lightgbm,baseline]", "search.folds=3", "scheduler.cpus=1"),
    )
    times = ["fit_s", "predict_s", "predict_ms"]
    one, two = (r.leaderboard().drop(columns=times).set_index("trial") for r in (run, again))
    pd.testing.assert_frame_equal(one, two.loc[one.index])
    assert np.array_equal(run.predict_proba(mixed), again.predict_proba(mixed))


def iris(as_frame=True):
    from sklearn.datasets import load_iris

    return load_iris(as_frame=as_frame).frame


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ((7, 2, 30), int),
        (("b", "a", "ü"), str),
        pytest.param((1.5, 0.5, 2.5), float, marks=pytest.mark.slow),
    ],
)
def test_labels_of_any_type_come_back_in_that_type(tmp_path, labels, kind):
    frame = iris()
    frame["target"] = [labels[k] for k in frame["target"]]
    run = search(frame, tmp_path / "run", task="multiclass")
    prediction = run.predict(frame)
    assert set(prediction) == set(labels)
    assert all(isinstance(value, kind) for value in prediction)
    assert list(run.predict_proba(frame).columns) == sorted(labels)
    assert np.mean(prediction == frame["target"].to_numpy()) > 0.9


@pytest.mark.slow
def test_boolean_labels_come_back_as_booleans(tmp_path):
    frame = iris()
    frame["target"] = frame["target"] == 1
    run = search(frame, tmp_path / "run")
    assert run.task == "binary"
    assert run.predict(frame).dtype == bool
    assert list(run.predict_proba(frame).columns) == [False, True]


def test_a_regression_predicts_values_and_has_no_probabilities(tmp_path):
    from sklearn.datasets import load_diabetes

    frame = load_diabetes(as_frame=True).frame
    run = search(frame, tmp_path / "run")
    assert run.task == "regression"
    assert run.classes == ()
    prediction = run.predict(frame)
    assert prediction.dtype == np.float64
    assert np.corrcoef(prediction, frame["target"])[0, 1] > 0.6
    with pytest.raises(UserError, match="no probabilities"):
        run.predict_proba(frame)


def steered(n=120):
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, n)
    return pd.DataFrame(
        {
            "x": y + rng.normal(size=n),
            "who": np.arange(n) // 4,
            "when": pd.date_range("2021-03-01", periods=n, freq="h"),
            "part": np.arange(n) % 3,
            "w": rng.uniform(0.5, 2, n),
            "y": y,
        }
    )


@pytest.mark.parametrize(
    ("option", "column", "kind"),
    [
        ("group", "who", "group"),
        ("time_column", "when", "time"),
        pytest.param("folds_column", "part", "given", marks=pytest.mark.slow),
        pytest.param("weight", "w", "stratified", marks=pytest.mark.slow),
    ],
)
def test_a_column_that_steers_is_used_for_that(tmp_path, option, column, kind):
    from automl.data.split.choose import load_split_plan
    from automl.store import RunDir

    frame = steered()
    run = search(frame, tmp_path / "run", target="y", **{option: column})
    plan = load_split_plan(RunDir(run.path).split)
    assert plan.kind == kind
    assert set(run.leaderboard().state) == {"complete"}
    needed = frame.drop(columns=["y", column]) if option != "time_column" else frame
    assert len(run.predict(needed)) == len(frame)


@pytest.mark.slow
def test_columns_of_the_same_name_are_told_apart(tmp_path):
    frame = iris()
    frame.columns = ["x", "x", "x", "", "target"]
    run = search(frame, tmp_path / "run")
    assert np.mean(run.predict(frame) == frame["target"].to_numpy()) > 0.9


def test_a_search_may_run_beside_the_main_thread(tmp_path):
    result = []
    thread = threading.Thread(target=lambda: result.append(search(iris(), tmp_path / "run")))
    thread.start()
    thread.join(60)
    assert result[0].leaderboard().state.tolist() == ["complete"] * 3


@pytest.fixture(scope="session")
def eventful(tmp_path_factory):
    """A run with families that fail in every way, under the eyes of the clock."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HERE))
        run = automl.search(
            iris(),
            out=tmp_path_factory.mktemp("runs") / "eventful",
            trials=5,
            overrides=(
                "plugins.modules=[odd_families]",
                "family=[shares,raises,crashes,hangs,babbles]",
                "scheduler.fit_timeout_s=1.5",
                "search.folds=2",
            ),
        )
        yield run


@pytest.mark.parametrize(
    ("family", "cause"),
    [
        ("raises", "exception: ArithmeticError: the matrix is singular"),
        ("crashes", "SIGABRT"),
        ("hangs", "timeout: killed after 1.5 s"),
        ("babbles", "shape"),
    ],
)
def test_a_family_that_fails_does_not_end_the_run_and_its_cause_is_told(eventful, family, cause):
    board = eventful.leaderboard().set_index("family")
    assert board.loc[family, "state"] == "failed"
    assert cause in board.loc[family, "error"]
    assert np.isnan(board.loc[family, "score"])
    assert board.loc["shares", "state"] == "complete"
    assert len(eventful.predict(iris())) == 150


def test_when_every_family_fails_the_causes_are_told(tmp_path, odd):
    with pytest.raises(NoPredictorError, match="the matrix is singular") as error:
        automl.search(iris(), out=tmp_path / "run", trials=2, overrides=(*odd, "family=[raises]"))
    assert str(tmp_path / "run") in str(error.value)
    board = automl.load_run(tmp_path / "run").leaderboard()
    assert board.state.tolist() == ["failed", "failed"]


def test_a_family_that_is_not_named_may_be_broken(tmp_path, install):
    install("automl-broken", "broken_plugin", "raise RuntimeError('no licence')\n", entry="shaky")
    run = search(iris(), tmp_path / "run")
    assert run.leaderboard().state.tolist() == ["complete"] * 3
    with pytest.raises(PluginError, match="no licence"):
        search(iris(), tmp_path / "other", "family=[shaky]")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("options", "overrides", "error", "words"),
    [
        ({}, ["family=[lightgmb]"], PluginError, ["lightgmb", "did you mean 'lightgbm'"]),
        ({"metric": "accuraccy"}, [], UserError, ["accuraccy", "did you mean 'accuracy'"]),
        ({"target": "petal"}, [], DataError, ["petal"]),
        ({"target": "tarket"}, [], DataError, ["did you mean 'target'"]),
        ({"task": "binry"}, [], ConfigError, ["did you mean 'binary'"]),
        ({}, ["search.fold=3"], ConfigError, ["did you mean", "search.folds"]),
        ({"group": "nobody"}, [], DataError, ["nobody"]),
    ],
)
def test_a_mistake_is_named_with_what_may_have_been_meant(
    tmp_path, options, overrides, error, words
):
    with pytest.raises(error) as raised:
        automl.search(iris(), out=tmp_path / "run", trials=1, overrides=overrides, **options)
    assert raised.value.exit_status == 2
    for word in words:
        assert word in str(raised.value)
    assert not (tmp_path / "run").exists()


def test_a_directory_that_is_not_empty_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="not empty"):
        search(iris(), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_a_directory_that_is_there_and_empty_is_taken(tmp_path):
    assert search(iris(), tmp_path, trials=1).path == tmp_path


def test_without_out_a_new_directory_under_runs_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = search(iris(), None, trials=1)
    assert run.path.parent == Path("runs")
    assert (tmp_path / run.path / "manifest.json").is_file()


@pytest.mark.parametrize("verbosity", [optuna.logging.DEBUG, optuna.logging.INFO])
def test_what_optuna_logs_is_left_as_it_was(verbosity, tmp_path):
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(verbosity)
    try:
        frame = pd.DataFrame({"x": range(40), "y": [0, 1] * 20})
        settings = {"family": ["baseline"], "scheduler.cpus": 1}
        automl.search(frame, target="y", trials=1, out=tmp_path / "run", settings=settings)
        assert optuna.logging.get_verbosity() == verbosity
    finally:
        optuna.logging.set_verbosity(before)
