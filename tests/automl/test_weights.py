"""Row weights from the table to the ensemble, with real workers and real families."""

import numpy as np
import pandas as pd
import pytest

import automl
from automl.data import open_dataset
from automl.data.split.choose import load_split_plan
from automl.ensemble import read_ensemble, read_oof
from automl.errors import DataError
from automl.events import Note
from automl.metrics import get_metric
from automl.plugin import Task
from automl.store.run_dir import RunDir
from automl.trial.records import read_records

QUICK = ("family=[linear,knn,baseline]", "search.folds=3", "scheduler.cpus=1")


@pytest.fixture(scope="module")
def table():
    """Classes that overlap, with rows that count once, twice, three times or not at all."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 3))
    y = x[:, 0] + 0.5 * x[:, 1] ** 2 + rng.normal(size=240) > 0.5
    times = np.where(x[:, 1] > 0, 3, 1) - (np.arange(240) % 10 == 0)
    return pd.DataFrame(x, columns=list("abc")).assign(times=times, y=np.where(y, "yes", "no"))


@pytest.fixture(scope="module")
def found(table, tmp_path_factory):
    notes = []
    run = automl.search(
        table,
        target="y",
        weight="times",
        metric="log_loss",
        trials=6,
        out=tmp_path_factory.mktemp("weights") / "run",
        overrides=QUICK,
        on_event=lambda event: notes.append(event) if isinstance(event, Note) else None,
    )
    return run, [note.message for note in notes]


def oof_of(run, trial_id):
    directory = RunDir(run.path)
    plan = load_split_plan(directory.split)
    return read_oof(directory, trial_id, range(plan.n_folds), plan)


def test_scores_are_those_of_the_table_with_each_row_as_often_as_it_weighs(found, table):
    run, _ = found
    counted = table[table["times"] > 0]
    times, y = counted["times"].to_numpy(), (counted["y"] == "yes").to_numpy().astype(np.int64)
    metric = get_metric("log_loss", Task.BINARY)

    def score(prediction):
        return metric.score(np.repeat(y, times), np.repeat(prediction, times, axis=0))

    complete = [r for r in read_records(RunDir(run.path)) if r.score is not None]
    assert len(complete) >= 3
    for record in complete:
        oof = oof_of(run, record.trial_id)
        assert record.score == pytest.approx(score(oof), rel=1e-9)
        assert record.score != pytest.approx(metric.score(y, oof), rel=1e-3)
    ensemble = read_ensemble(RunDir(run.path))
    blend = sum(m.weight * oof_of(run, m.trial) for m in ensemble.members)
    assert ensemble.score == pytest.approx(score(ensemble.calibration.apply(blend)), rel=1e-6)


def test_scores_of_folds_and_of_a_held_out_table_are_weighted_too(found, table):
    run, _ = found
    directory, metric = RunDir(run.path), get_metric("log_loss", Task.BINARY)
    dataset, plan = open_dataset(directory.data), load_split_plan(directory.split)
    record = next(r for r in read_records(directory) if r.score is not None)
    for result in record.folds:
        rows = plan.splits[result.fold].valid
        of_fold = oof_of(run, record.trial_id)[rows]
        expected = metric.score(dataset.y[rows], of_fold, dataset.weight[rows])
        assert result.score == pytest.approx(expected, rel=1e-5)
    held_out = table[table["times"] > 0]
    repeated = held_out.loc[held_out.index.repeat(held_out["times"])].drop(columns="times")
    weighted = run.test_scores(held_out)
    assert weighted == pytest.approx(run.test_scores(repeated), rel=1e-9)
    assert weighted != pytest.approx(run.test_scores(held_out.drop(columns="times")), rel=1e-3)


def test_rows_of_weight_zero_are_left_out_and_counted(found, table):
    run, notes = found
    n_zero = int((table["times"] == 0).sum())
    assert n_zero > 0
    assert f"{n_zero} rows ignored: weight 0" in notes
    assert len(open_dataset(RunDir(run.path).data).y) == len(table) - n_zero


def test_predicting_needs_no_weights(found, table):
    run, _ = found
    assert len(run.predict(table.drop(columns=["times", "y"]))) == len(table)


@pytest.mark.parametrize(("weight", "said"), [(-1.0, "has -1"), (np.nan, "no value"), (0.0, "all")])
def test_weights_that_make_no_sense_are_refused(weight, said, table, tmp_path):
    frame = table.assign(times=weight if weight == 0 else table["times"].astype(float))
    frame.loc[3, "times"] = weight
    with pytest.raises(DataError, match=said):
        automl.search(frame, target="y", weight="times", trials=1, out=tmp_path / "run")


def test_a_class_without_weight_is_no_class(table, tmp_path):
    third = table.assign(y=np.where(np.arange(len(table)) % 10 == 0, "never", table["y"]))
    third["times"] = np.where(third["y"] == "never", 0, 1)
    run = automl.search(
        third, target="y", weight="times", trials=1, out=tmp_path / "run", overrides=QUICK
    )
    assert run.classes == ("no", "yes")
