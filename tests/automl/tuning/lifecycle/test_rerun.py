"""One trial again with real workers: equal where it was good, its cause told where it failed."""

import gc
import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import automl
from automl.errors import PluginError
from automl.store.run_dir import RunDir
from automl.trial.records import read_record, write_record
from automl.trial.spec import TrialState
from automl.tuning.lifecycle.rerun import FoldRerun, rerun_trial

ODD = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    """search(families, *overrides): one trial each, unless another budget is given."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 2))
    frame = pd.DataFrame({"a": x[:, 0], "b": np.where(x[:, 1] > 0, "p", "q")})
    frame["target"] = np.where(x[:, 0] + rng.normal(scale=0.5, size=120) > 0, "yes", "no")

    def search(families, *overrides, **budget):
        run = automl.search(
            frame,
            target="target",
            seed=5,
            **(budget or {"trials": len(families)}),
            out=tmp_path_factory.mktemp("runs") / "run",
            overrides=(
                f"family=[{','.join(families)}]",
                "plugins.modules=[odd_families]",
                "search.folds=3",
                "scheduler.cpus=2",
                *overrides,
            ),
        )
        return RunDir(run.path)

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ODD))
        yield search


@pytest.fixture(scope="module")
def run(search):
    """Good trials of four kinds, and two families that fail."""
    return search(["lightgbm", "forest", "linear", "shares", "raises", "crashes"])


@pytest.fixture(scope="module")
def limited_run(search):
    """A trial that hangs, beside a good one. Forests would grow as many trees as go in."""
    return search(["shares", "hangs"], "scheduler.fit_timeout_s=4")


def digest_of(folder):
    """Names and contents of all files below a folder."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return [(str(p), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files]


@pytest.mark.parametrize("trial", ["lightgbm-0", "forest-0", "linear-0", "shares-0"])
def test_a_good_trial_comes_out_equal_to_the_last_bit(run, trial):
    heard = []
    again = rerun_trial(run, trial, heard.append)
    record = read_record(run, trial)
    assert again.record == record
    assert [(f.fold, f.recorded) for f in again.folds] == [(r.fold, r.score) for r in record.folds]
    assert all(f.score == f.recorded and f.same_predictions for f in again.folds)
    assert again.is_equal
    assert not again.timed
    assert tuple(heard) == again.folds


def test_the_run_is_not_changed_and_nothing_is_left(run, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    gc.collect()  # the search may still hold its studies
    before = digest_of(run.path)
    rerun_trial(run, "shares-0")
    assert digest_of(run.path) == before
    assert list(tmp_path.iterdir()) == []


def test_a_trial_that_failed_fails_again_with_the_traceback_of_the_worker(run):
    again = rerun_trial(run, "raises-0")
    (fold,) = again.folds
    assert (fold.recorded, fold.score, fold.is_equal) == (None, None, None)
    assert (fold.error.kind, fold.error.message) == (
        "exception",
        "ArithmeticError: the matrix is singular",
    )
    assert "odd_families.py" in fold.error.traceback


def test_a_trial_that_crashed_crashes_again(run):
    (fold,) = rerun_trial(run, "crashes-0").folds
    assert fold.error.kind == "crash" == read_record(run, "crashes-0").error.kind


def test_a_trial_that_was_ended_by_a_limit_of_time_is_ended_by_it_again(limited_run):
    again = rerun_trial(limited_run, "hangs-0")
    (fold,) = again.folds
    assert fold.error.kind == "timeout" == read_record(limited_run, "hangs-0").error.kind
    assert again.timed


def test_a_trial_has_as_many_threads_as_a_probe_gave_it(search, monkeypatch):
    monkeypatch.setattr("automl.tuning.lifecycle.threads.MIN_ROWS", 0)
    monkeypatch.setattr(
        "automl.tuning.lifecycle.threads.compare_thread_counts", lambda *_: {1: 1.0, 2: 3.0}
    )
    run = search(["threads"], "search.max_trials_per_family=1", time_s=60)
    assert [fold.n_threads for fold in read_record(run, "threads-0").folds] == [2, 2, 2]
    assert rerun_trial(run, "threads-0").is_equal


def test_a_trial_has_as_many_threads_as_it_had_whatever_was_set_later(search):
    run = search(["threads"], "scheduler.threads_per_fit=2")
    text = run.config.read_text()
    run.config.write_text(text.replace("threads_per_fit: 2", "threads_per_fit: 1"))
    assert rerun_trial(run, "threads-0").is_equal


def test_a_score_that_differs_is_told(run, tmp_path):
    copy = RunDir(tmp_path / "copy")
    shutil.copytree(run.path, copy.path)
    record = read_record(copy, "shares-0")
    first, *others = record.folds
    wrong = replace(record, folds=(replace(first, score=first.score + 1e-15), *others))
    write_record(copy, wrong)
    again = rerun_trial(copy, "shares-0")
    assert [f.is_equal for f in again.folds] == [False, True, True]
    assert not again.is_equal


def test_predictions_that_differ_are_told(run, tmp_path):
    copy = RunDir(tmp_path / "copy")
    shutil.copytree(run.path, copy.path)
    path = copy.oof("shares-0", 1)
    np.save(path, np.nextafter(np.load(path), np.float32(1)))
    again = rerun_trial(copy, "shares-0")
    assert [f.same_predictions for f in again.folds] == [True, False, True]
    assert [f.is_equal for f in again.folds] == [True, False, True]


def test_folds_on_record_are_fitted_and_no_others(run, tmp_path):
    copy = RunDir(tmp_path / "copy")
    shutil.copytree(run.path, copy.path)
    record = read_record(copy, "shares-0")
    write_record(copy, replace(record, state=TrialState.PRUNED, folds=record.folds[:2], score=None))
    assert [f.fold for f in rerun_trial(copy, "shares-0").folds] == [0, 1]
    write_record(copy, replace(record, state=TrialState.RUNNING, folds=(), score=None))
    again = rerun_trial(copy, "shares-0")
    assert [(f.fold, f.recorded, f.is_equal) for f in again.folds] == [
        (0, None, None),
        (1, None, None),
        (2, None, None),
    ]
    assert all(f.same_predictions for f in again.folds)


def test_a_run_that_was_moved_can_rerun(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "else where")
    assert rerun_trial(RunDir(tmp_path / "else where"), "linear-0").is_equal


def test_the_method_of_a_run_does_the_same(run):
    assert automl.load_run(run.path).rerun("shares-0") == rerun_trial(run, "shares-0")


def test_a_family_that_is_gone_is_named(run, tmp_path):
    copy = RunDir(tmp_path / "copy")
    shutil.copytree(run.path, copy.path)
    text = copy.config.read_text()
    copy.config.write_text(
        text.replace("- odd_families", "[]").replace("modules:\n  []", "modules: []")
    )
    with pytest.raises(PluginError, match="shares"):
        rerun_trial(copy, "shares-0")


def test_a_fold_without_a_record_is_neither_equal_nor_unequal():
    assert FoldRerun(0, None, 0.5).is_equal is None
    assert FoldRerun(0, 0.5, 0.5, None).is_equal is True
    assert FoldRerun(0, 0.5, 0.5, False).is_equal is False
    assert FoldRerun(0, 0.5, None).is_equal is False
