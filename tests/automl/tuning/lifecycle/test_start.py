"""What a search leaves on disk before its first fit, with a launcher that starts nothing."""

import json
import time
import types

import numpy as np
import pandas as pd
import pytest
import yaml

from automl.config.schema import SearchConfig
from automl.data.split.choose import load_split_plan
from automl.errors import DataError, RunError
from automl.events import Note, SearchStarted, TrialFinished, TrialStarted
from automl.registry import load_registry
from automl.scheduling.devices.machine import make_pool
from automl.scheduling.local.executor import LocalExecutor
from automl.store.lock import RunLock
from automl.store.run_dir import RunDir
from automl.tuning.lifecycle.run_search import run_search
from automl.tuning.lifecycle.start import SearchInputs, start_search


class StillLauncher:
    """Notes what it is asked for."""

    def __init__(self):
        self.preloaded, self.n_workers = [], 0
        self.modules = frozenset()

    def preload(self, modules):
        self.preloaded.append(list(modules))

    def refresh(self):
        pass

    def launch(self, env, modules=None):
        self.n_workers += 1
        connection = types.SimpleNamespace(send=lambda message: None)
        return types.SimpleNamespace(connection=connection, exit_status=None, modules=frozenset())


@pytest.fixture
def prepare(tmp_path):
    """Prepares a search of a small table; the launcher is an attribute."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=80), "same": 1, "y": np.arange(80) % 2})

    locks = []

    def prepare(data=frame, out=tmp_path / "a" / "run", folds=None, **settings):
        config = SearchConfig(**{"family": ["baseline", "linear", "mlp"], "seed": 5} | settings)
        config.search.folds = folds
        config.scheduler.cpus, config.scheduler.gpus = 3, []
        prepare.launcher = StillLauncher()
        run, registry = RunDir(out), load_registry()
        locks.append(RunLock(run))
        started = time.monotonic()
        executor = LocalExecutor(make_pool(config.scheduler), prepare.launcher)
        given = (data, config, registry, run, executor, started, lambda: False, locks[-1])
        return start_search(SearchInputs(*given))

    yield prepare
    for lock in locks:
        lock.release()


def test_the_run_is_written_before_the_first_fit(prepare):
    run = prepare().controller.run
    assert load_split_plan(run.split).n_rows == 80
    assert yaml.safe_load(run.config.read_text())["seed"] == 5
    manifest = json.loads(run.manifest.read_text())
    assert manifest["status"] == "running"
    assert manifest["split"]["digest"] == load_split_plan(run.split).digest
    assert manifest["target"] == "y"
    assert manifest["data"]["n_rows"] == 80
    assert set(manifest["families"]) == {"baseline", "linear", "mlp"}
    assert manifest["families"]["linear"]["distribution"] == "automl-search"


def test_the_number_of_threads_is_written_when_the_workers_start(prepare):
    prepared = prepare()
    prepared.start_workers()
    assert json.loads(prepared.controller.run.manifest.read_text())["threads_per_fit"] == 1


def test_the_first_news_is_the_start_and_then_the_notes(prepare):
    first, *notes = prepare(time_s=60.0).first_events
    assert isinstance(first, SearchStarted)
    assert (first.n_rows, first.n_columns, first.n_cpus, first.time_s) == (80, 1, 3, 60.0)
    assert (first.target, first.task) == ("y", "binary")
    assert all(isinstance(note, Note) for note in notes)
    assert any("'same'" in note.message for note in notes)


def test_a_worker_a_core_is_started_and_libraries_of_extras_come_last(prepare):
    prepared = prepare(folds=2)  # of three slots, so that the next families begin at once
    assert prepare.launcher.n_workers == 0
    prepared.start_workers()
    assert prepare.launcher.n_workers == 3
    first, *_, last = prepare.launcher.preloaded
    assert "torch" not in first
    assert "torch" in last


def test_workers_are_started_before_the_baseline_is_fitted(prepare):
    prepared = prepare()
    events = run_search(prepared)
    while not isinstance(next(events), TrialFinished):
        pass
    assert prepare.launcher.n_workers == 3


def test_where_the_first_trial_fills_all_cores_no_library_of_an_extra_competes_with_it(prepare):
    prepared = prepare(folds=3)
    prepared.start_workers()
    assert not any("torch" in modules for modules in prepare.launcher.preloaded)


def test_libraries_are_imported_by_the_priority_of_their_families(prepare):
    prepare(family=["knn", "forest", "lightgbm"])
    first, *_ = prepare.launcher.preloaded
    assert first == ["lightgbm", "sklearn.tree", "sklearn.neighbors"]


@pytest.mark.parametrize("budget", [{"time_s": 60.0}, {"trials": 20}], ids=str)
def test_the_baseline_predicts_before_the_first_worker_is_started(prepare, budget):
    prepared = prepare(**budget)
    events = list(prepared.controller.begin())
    assert prepare.launcher.n_workers == 0
    assert [(e.trial, e.state) for e in events if isinstance(e, TrialFinished)] == [
        ("baseline-0", "complete")
    ]
    assert prepared.controller.incumbent.current.weights == {"baseline-0": 1.0}
    assert any(prepared.controller.run.ensemble.iterdir())
    assert prepared.controller.executor.pool.free_cpus == 3


def test_where_every_family_needs_a_worker_none_is_fitted_at_the_beginning(prepare):
    prepared = prepare(family=["linear", "mlp"])
    started = [e for e in prepared.controller.begin() if isinstance(e, TrialStarted)]
    assert prepare.launcher.n_workers == 0
    assert not any(t.running or t.results for t in prepared.controller.ledger.trials)
    assert len(started) == len(prepared.controller.ledger.trials)


def test_nothing_is_written_when_the_data_does_not_fit(prepare, tmp_path):
    with pytest.raises(DataError):
        prepare(target="nobody")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_with_something_in_it_is_refused_and_left_alone(prepare, tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(RunError, match="not empty"):
        prepare(out=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


def test_a_file_in_the_place_of_the_run_is_refused(prepare, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(RunError, match="exists"):
        prepare(out=tmp_path / "file")
    with pytest.raises(RunError, match="cannot be written"):
        prepare(out=tmp_path / "file" / "run")
