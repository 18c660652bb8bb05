"""Whether a search fits its members once more, and what time it keeps for that."""

import json
import signal
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import automl
from automl.config.schema import SearchConfig
from automl.data.split.choose import ALL_ROWS
from automl.ensemble import read_ensemble
from automl.events import EnsembleUpdated, Progress
from automl.store.run_dir import RunDir
from automl.trial.spec import FoldResult, TrialSpec
from automl.tuning.refit.at_end import (
    CLOSING_S,
    OPENING_S,
    RESERVE,
    expected_refit_s,
    refits_at_end,
)
from automl.tuning.trials.trial import Trial


def search(folder, *, on_event):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "target": x.sum(axis=1)})
    return automl.search(
        frame,
        target="target",
        trials=2,
        out=folder / "run",
        overrides=("family=[linear,knn]", "search.folds=3", "ensemble.refit=true"),
        on_event=on_event,
    )


def test_a_search_does_it_at_its_end_where_it_is_set(tmp_path):
    found = []
    run = search(tmp_path, on_event=found.append)
    assert all(m.folds == (ALL_ROWS,) for m in read_ensemble(RunDir(run.path)).members)
    assert any("were refitted on all rows" in getattr(event, "message", "") for event in found)


def test_the_refit_is_shown_while_it_runs(tmp_path, monkeypatch):
    monkeypatch.setattr("automl.scheduling.runner.TURN_S", 0.0)  # told before any fit can be over
    found = []
    search(tmp_path, on_event=found.append)
    told = [event for event in found if isinstance(event, Progress) and event.stage == "refitting"]
    assert {fit for event in told for fit in event.running} & {"linear-0/fold--1", "knn-0/fold--1"}


def test_a_search_that_is_stopped_by_its_user_does_not_refit(tmp_path):
    def stop(event):
        told.append(type(event))
        if isinstance(event, EnsembleUpdated) and told.count(EnsembleUpdated) == 1:
            signal.raise_signal(signal.SIGINT)

    told = []
    run = search(tmp_path, on_event=stop)
    assert json.loads(RunDir(run.path).manifest.read_text())["stopped_by"] == "interrupt"
    assert all(m.folds != (ALL_ROWS,) for m in read_ensemble(RunDir(run.path)).members)


def test_fits_on_all_rows_are_expected_to_take_as_long_as_the_slowest_fold_and_to_share_slots(
    make_scene, make_family
):
    config = SearchConfig()
    config.ensemble.refit = True
    standing = make_scene([make_family("a")], config=config).incumbent
    standing.members = [Trial(TrialSpec("a", n, {}), n, (0, 1), 0.0) for n in range(4)]
    for trial in standing.members:
        slow = FoldResult(0, 0.9, fit_s=2.0, predict_s=9.0, encode_s=1.0)
        trial.results = {0: slow, 1: FoldResult(1, 0.9, 1.0, 9.0)}
    assert expected_refit_s(standing, 2) == pytest.approx(OPENING_S + RESERVE * 6.0 + CLOSING_S)
    assert expected_refit_s(standing, 9) == pytest.approx(OPENING_S + RESERVE * 3.0 + CLOSING_S)
    hasty = 0.5 * (OPENING_S + CLOSING_S) + RESERVE * 6.0
    assert expected_refit_s(standing, 2, haste=0.5) == pytest.approx(hasty)
    standing.config.refit = False
    assert expected_refit_s(standing, 2) == 0.0


def test_what_was_fitted_on_all_rows_needs_no_time(make_scene, make_family):
    config = SearchConfig()
    config.ensemble.refit = True
    standing = make_scene([make_family("bag", out_of_bag=True)], config=config).incumbent
    trial = Trial(TrialSpec("bag", 0, {}), 0, (ALL_ROWS,), 0.0)
    trial.results = {ALL_ROWS: FoldResult(ALL_ROWS, 0.9, fit_s=60.0, predict_s=1.0)}
    standing.members = [trial]
    assert expected_refit_s(standing, 2) == 0.0


def test_a_search_refits_where_rows_are_many_unless_it_is_told(
    make_scene, make_family, monkeypatch
):
    standing = make_scene([make_family("a")]).incumbent
    n_rows = len(standing.oof.dataset.y)
    for many, asked, expected in (
        (n_rows, None, True),
        (n_rows + 1, None, False),
        (n_rows + 1, True, True),
        (n_rows, False, False),
    ):
        monkeypatch.setattr("automl.tuning.refit.at_end.MANY_ROWS", many)
        standing.config.refit = asked
        assert refits_at_end(standing) is expected


@pytest.mark.parametrize(
    ("kind", "asked", "expected"),
    [
        ("holdout", None, False),
        ("group", None, False),
        ("time", None, True),
        ("holdout", True, True),
    ],
)
def test_a_holdout_is_not_refitted_unless_it_is_one_in_time_or_was_asked_for(
    make_scene, make_family, monkeypatch, kind, asked, expected
):
    standing = make_scene([make_family("a")]).incumbent
    monkeypatch.setattr("automl.tuning.refit.at_end.MANY_ROWS", 1)
    plan = standing.oof.plan
    standing.oof.plan = replace(plan, kind=kind, splits=plan.splits[:1])
    standing.config.refit = asked
    assert refits_at_end(standing) is expected
    standing.oof.plan = replace(plan, kind="group")
    assert refits_at_end(standing)


def test_no_time_is_kept_for_what_cannot_be_fitted_on_all_rows(make_scene, make_family):
    config = SearchConfig()
    config.ensemble.refit = True
    families = [make_family("a"), make_family("net", refits=False)]
    standing = make_scene(families, config=config).incumbent
    trials = [Trial(TrialSpec(name, 0, {}), 0, (0, 1), 0.0) for name in ("a", "net")]
    for trial, fit_s in zip(trials, (4.0, 400.0), strict=True):
        trial.results = {fold: FoldResult(fold, 0.9, fit_s, 1.0) for fold in (0, 1)}
    standing.members = trials
    assert expected_refit_s(standing, 1) == pytest.approx(OPENING_S + RESERVE * 4.0 + CLOSING_S)
