"""One model of all rows in place of those of the folds, with real workers."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import automl
from automl.config.saved import load_config
from automl.data.split.choose import ALL_ROWS
from automl.ensemble import read_ensemble, write_ensemble
from automl.errors import RunError
from automl.plugin.context import Resources
from automl.registry import load_registry
from automl.scheduling.executor import Done, Failed
from automl.scheduling.local.executor import LocalExecutor
from automl.store.lock import RunLock
from automl.store.run_dir import RunDir
from automl.trial.spec import TrialError
from automl.tuning.lifecycle.build import open_search
from automl.tuning.lifecycle.refit_run import refit_ensemble, refit_run
from automl.tuning.refit.refit import refit_members, returned
from automl.tuning.refit.shipping import Shipped

ODD = Path(__file__).parents[2]


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
    assert done.not_refitted == {}
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
    assert set(done.not_refitted.values()) == {"no time was left for it"}
    assert [m.folds for m in read_ensemble(run).members] == [m.folds for m in before.members]
    assert next(iter(done.notes)).startswith("no member was refitted (")


def test_where_time_is_limited_none_goes_into_measuring_what_was_before(run):
    done = refit_ensemble(run, time_left_s=100.0)
    assert done.not_refitted == {}
    assert done.before_ms is None
    assert " before" not in next(iter(done.notes))
    assert done.after_ms > 0
    assert read_ensemble(run).predict_ms == done.after_ms
    assert automl.load_run(run.path).refit(undo=True).before_ms is not None


def test_a_run_whose_family_is_not_installed_any_more_says_so(run):
    ensemble = read_ensemble(run)
    first = replace(ensemble.members[0], family="lightgbn")
    write_ensemble(run, replace(ensemble, members=(first, *ensemble.members[1:])))
    for undo in (False, True):
        with pytest.raises(RunError, match=r"needs family 'lightgbn'.*did you mean 'lightgbm'"):
            refit_run(run, undo=undo)


def test_several_seeds_predict_together_where_they_are_expected_to_be_better(run, monkeypatch):
    asked = []

    def two_seeds(expected, limits, max_seeds):
        asked.append(expected)
        return Shipped(2, "two are better")

    monkeypatch.setattr("automl.tuning.refit.refit.choose_shipped", two_seeds)
    done = refit_by_rule(run)
    assert [m.folds for m in read_ensemble(run).members] == [(-1, -2)] * len(done.refitted)
    assert "two are better" in done.notes
    (expected,) = asked
    assert expected.loss > expected.variance > 0
    assert expected.n_folds == 3
    assert expected.refit.predict_ms == expected.seed.predict_ms
    assert expected.refit.predict_ms > 0
    opened = automl.load_run(run.path)
    seeds = opened.predict(table())
    assert opened.refit(undo=True).refitted == ()
    np.testing.assert_allclose(seeds, opened.predict(table()), atol=1.0)
    assert not np.array_equal(seeds, opened.predict(table()))


def test_the_models_of_the_folds_stay_where_these_are_expected_to_be_better(run, monkeypatch):
    before = read_ensemble(run)
    stay = Shipped(0, "the folds are better")
    monkeypatch.setattr("automl.tuning.refit.refit.choose_shipped", lambda *_: stay)
    done = refit_by_rule(run)
    assert done.refitted == ()
    first, second = done.notes
    assert first.startswith("all members predict with the models of their folds: ")
    assert "with the models of all rows" not in first
    assert second == "the folds are better"
    assert [m.folds for m in read_ensemble(run).members] == [m.folds for m in before.members]


def refit_by_rule(run):
    config, registry = load_config(run.config), load_registry()
    with open_search(run, config, registry, ()) as (problem, search):
        return returned(refit_members(problem, search.runner, only_if_better=True))


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


def test_a_user_who_wants_the_end_is_not_made_to_wait(run):
    config, registry = load_config(run.config), load_registry()
    with open_search(run, config, registry, ()) as (problem, search):
        search.runner.interrupted = lambda: True
        done = returned(refit_members(problem, search.runner))
        assert search.executor.shortage(Resources(n_cpus=2)) is None
    assert done.refitted == ()
    assert set(done.not_refitted.values()) == {"the search was stopped"}


def test_a_refit_whose_worker_was_killed_is_fitted_again(run, monkeypatch):
    poll, lost = LocalExecutor.poll, []

    def lossy(executor, timeout_s):
        events = poll(executor, timeout_s)
        for place, event in enumerate(events):
            if isinstance(event, Done) and not lost:
                lost.append(event.job_id)
                events[place] = Failed(event.job_id, TrialError("killed", "SIGKILL"))
        return events

    monkeypatch.setattr(LocalExecutor, "poll", lossy)
    assert refit_ensemble(run).not_refitted == {}
    assert lost


def test_families_without_such_a_model_keep_those_of_their_folds_and_nothing_is_started(
    run, monkeypatch
):
    started = []
    monkeypatch.setattr("automl.tuning.refit.refitter.RefittableFamily", type("None", (), {}))
    monkeypatch.setattr(LocalExecutor, "submit", lambda *_: started.append(1))
    done = refit_ensemble(run)
    assert not started
    assert all("cannot be refitted on all rows" in why for why in done.not_refitted.values())
