"""One model of all rows in place of those of the folds, with real workers."""

import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import automl
from automl.config.schema import SearchConfig
from automl.data.split import ALL_ROWS
from automl.ensemble import read_ensemble
from automl.errors import RunError
from automl.search.events import EnsembleUpdated
from automl.search.ledger import Trial
from automl.search.refit import (
    OPENING_S,
    expected_refit_s,
    is_refitted,
    refit_ensemble,
    refit_run,
)
from automl.store.lock import RunLock
from automl.store.run_dir import RunDir
from automl.trial.spec import FoldResult, TrialSpec

ODD = Path(__file__).parents[1]


def table(n_rows=200):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n_rows, 2))
    frame = pd.DataFrame({"a": x[:, 0], "b": np.where(x[:, 1] > 0, "p", "q")})
    frame["target"] = np.sin(2 * x[:, 0]) + x[:, 0] * (x[:, 1] > 0) + rng.normal(0, 0.3, n_rows)
    return frame


def search(folder, *overrides, on_event=None):
    return automl.search(
        table(),
        target="target",
        trials=3,
        out=folder / "run",
        overrides=(
            "family=[lightgbm,linear,knn]",
            "model.lightgbm.max_rounds=60",
            "search.folds=3",
            "scheduler.cpus=2",
            *overrides,
        ),
        on_event=on_event,
    )


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    return search(tmp_path_factory.mktemp("runs")).path


@pytest.fixture
def run(searched, tmp_path):
    """A copy that a test may change."""
    return RunDir(shutil.copytree(searched, tmp_path / "run"))


def test_members_predict_with_one_model_each_and_much_as_before(run):
    opened = automl.load_run(run.path)
    before, board = opened.predict(table()), opened.board()
    done = opened.refit()
    assert done.kept == {}
    assert set(done.refitted) == set(read_ensemble(run).weights)
    assert all(member.folds == (ALL_ROWS,) for member in read_ensemble(run).members)
    after = opened.predict(table())
    assert not np.array_equal(after, before)
    assert np.corrcoef(after, before)[0, 1] > 0.98
    assert opened.board().ensemble.score == board.ensemble.score
    assert opened.board().ensemble.predict_ms == pytest.approx(done.after_ms)


def test_the_models_of_the_folds_can_be_taken_again(run):
    opened = automl.load_run(run.path)
    before = opened.predict(table())
    opened.refit()
    assert opened.refit(undo=True).refitted == ()
    np.testing.assert_array_equal(opened.predict(table()), before)


def test_without_time_everything_stays(run):
    before = read_ensemble(run)
    done = refit_ensemble(run, time_left_s=0.0)
    assert done.refitted == ()
    assert set(done.kept.values()) == {"there was no time for it"}
    assert [m.folds for m in read_ensemble(run).members] == [m.folds for m in before.members]
    assert next(iter(done.notes)).startswith(f"0 of {len(before.members)} members predict")


def test_where_time_is_limited_none_goes_into_measuring_what_was_before(run):
    done = refit_ensemble(run, time_left_s=100.0)
    assert done.kept == {}
    assert done.before_ms is None
    assert " before" not in next(iter(done.notes))
    assert automl.load_run(run.path).refit(undo=True).before_ms is not None


def test_a_model_that_is_gone_is_named(run):
    trial = read_ensemble(run).members[0].trial
    shutil.rmtree(run.model(trial, 1))
    with pytest.raises(RunError, match=r"fold-1/model is missing"):
        refit_run(run)


def test_a_run_that_is_in_use_is_left_alone(run):
    lock = RunLock(run)
    lock.acquire()
    with pytest.raises(RunError, match="is in use"):
        refit_run(run)
    lock.release()


def test_a_search_does_it_at_its_end_where_it_is_set(tmp_path):
    found = []
    run = automl.search(
        table(),
        target="target",
        trials=2,
        out=tmp_path / "run",
        overrides=("family=[linear,knn]", "search.folds=3", "ensemble.refit=true"),
        on_event=found.append,
    )
    assert all(m.folds == (ALL_ROWS,) for m in read_ensemble(RunDir(run.path)).members)
    assert any("with one model of all rows" in getattr(event, "message", "") for event in found)


def test_fits_on_all_rows_are_expected_to_take_longer_than_those_of_folds_and_to_share_slots(
    make_scene, make_family
):
    config = SearchConfig()
    config.ensemble.refit = True
    standing = make_scene([make_family("a")], config=config).standing
    standing.members = [Trial(TrialSpec("a", n, {}), n, (0, 1), 0.0) for n in range(4)]
    for trial in standing.members:
        slow = FoldResult(0, 0.9, fit_s=2.0, predict_s=9.0, encode_s=1.0)
        trial.results = {0: slow, 1: FoldResult(1, 0.9, 1.0, 9.0)}
    assert expected_refit_s(standing, 2) == pytest.approx(9.0 + OPENING_S)
    assert expected_refit_s(standing, 9) == pytest.approx(4.5 + OPENING_S)
    standing.config.refit = False
    assert expected_refit_s(standing, 2) == 0.0


def test_a_search_that_is_stopped_by_its_user_does_not_refit(tmp_path):
    def stop(event):
        told.append(type(event))
        if isinstance(event, EnsembleUpdated) and told.count(EnsembleUpdated) == 1:
            signal.raise_signal(signal.SIGINT)

    told = []
    run = search(tmp_path, "ensemble.refit=true", on_event=stop)
    assert json.loads(RunDir(run.path).manifest.read_text())["stopped_by"] == "interrupt"
    assert all(m.folds != (ALL_ROWS,) for m in read_ensemble(RunDir(run.path)).members)


def test_what_was_fitted_on_all_rows_needs_no_time(make_scene, make_family):
    config = SearchConfig()
    config.ensemble.refit = True
    standing = make_scene([make_family("bag", out_of_bag=True)], config=config).standing
    trial = Trial(TrialSpec("bag", 0, {}), 0, (ALL_ROWS,), 0.0)
    trial.results = {ALL_ROWS: FoldResult(ALL_ROWS, 0.9, fit_s=60.0, predict_s=1.0)}
    standing.members = [trial]
    assert expected_refit_s(standing, 2) == OPENING_S


def test_a_search_refits_where_rows_are_many_unless_it_is_told(
    make_scene, make_family, monkeypatch
):
    standing = make_scene([make_family("a")]).standing
    n_rows = len(standing.evidence.dataset.y)
    for many, asked, expected in (
        (n_rows, None, True),
        (n_rows + 1, None, False),
        (n_rows + 1, True, True),
        (n_rows, False, False),
    ):
        monkeypatch.setattr("automl.search.refit.MANY_ROWS", many)
        standing.config.refit = asked
        assert is_refitted(standing) is expected
