"""Searches on executors other than ``local``, from a table to predictions."""

import json
import signal
import sys
import threading

import numpy as np
import pandas as pd
import pytest

import automl
from automl.errors import ConfigError, PluginError
from automl.events import EnsembleUpdated, SearchFinished, TrialFinished
from automl.scheduling import job_outcomes
from automl.scheduling.inline import InlineExecutor
from automl.store.run_dir import RunDir

FAMILIES = ("family=[baseline,linear,lightgbm]", "search.folds=2", "scheduler.cpus=1")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 3))
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    return frame.assign(y=np.where(x[:, 0] + x[:, 1] ** 2 > 0.5, "yes", "no"))


def search(table, out, *overrides, **options):
    return automl.search(
        table, target="y", out=out, verbosity=0, overrides=[*FAMILIES, *overrides], **options
    )


def files_of(run):
    """Params and scores of all trials, and the bytes of their predictions."""
    folder = RunDir(run)
    records = {
        path.parent.name: json.loads(path.read_text())
        for path in sorted(folder.trials.glob("*/trial.json"))
    }
    told = {name: (r["spec"], r["state"], r["score"]) for name, r in records.items()}
    oof = {p.parent: p.read_bytes() for p in folder.trials.glob("*/fold-*/oof.npy")}
    relative = {str(path.relative_to(folder.path)): content for path, content in oof.items()}
    return told, relative, json.loads((folder.ensemble / "ensemble.json").read_text())["members"]


def test_inline_gives_what_local_gives_bit_for_bit(table, tmp_path):
    told = {}
    for name in ("local", "inline"):
        search(table, tmp_path / name, f"scheduler={name}", trials=6, seed=0)
        told[name] = files_of(tmp_path / name)
    assert len(told["local"][0]) == 6
    assert len(told["local"][1]) >= 6
    assert told["inline"] == told["local"]


def test_inline_prunes_the_trials_that_local_prunes(table, tmp_path):
    """Though it learns too late of the scores of a running fit to save its time."""
    overrides = ("family=[lightgbm,linear]", "pruner=median", "pruner.startup_trials=1")
    records = {}
    for name in ("local", "inline"):
        scheduler = (f"scheduler={name}", "pruner.warmup_steps=0", "search.folds=3")
        search(table, tmp_path / name, *overrides, *scheduler, trials=12, seed=0)
        records[name], *_ = files_of(tmp_path / name)
    assert "pruned" in [state for _, state, _ in records["local"].values()]
    assert records["inline"] == records["local"]


def test_inline_starts_no_process_that_lives(table, tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError("a worker was started")

    monkeypatch.setattr("automl.scheduling.local.launcher.ForkLauncher.launch", refuse)
    run = search(table, tmp_path / "run", "scheduler=inline", trials=3)
    assert len(run.predict(table)) == len(table)
    assert run.board().trials


def test_a_run_of_inline_goes_on_with_local_and_back(table, tmp_path):
    out = tmp_path / "run"
    search(table, out, "scheduler=inline", trials=2)
    for trials, name in ((4, "local"), (6, "inline")):
        run = search(table, out, f"scheduler={name}", trials=trials, resume=True)
        assert len(run.board().trials) == trials


def test_the_first_ctrl_c_ends_a_search_on_inline_with_what_there_is(table, tmp_path, monkeypatch):
    """It comes while a fit runs, whose next report is the last."""
    events, pressed = [], []
    execute_job = job_outcomes.execute_job

    def watched(job, state, report, encoded):
        def press_once(step, score):
            if job.spec.family == "lightgbm" and not pressed:
                pressed.append(step)
                signal.raise_signal(signal.SIGINT)
            report(step, score)

        return execute_job(job, state, press_once, encoded)

    monkeypatch.setattr(job_outcomes, "execute_job", watched)
    assert threading.current_thread() is threading.main_thread()
    run = search(table, tmp_path / "run", "scheduler=inline", trials=9, on_event=events.append)
    (end,) = [e for e in events if isinstance(e, SearchFinished)]
    assert (end.stopped_by, len(pressed)) == ("interrupt", 1)
    states = {e.trial: e.state for e in events if isinstance(e, TrialFinished)}
    assert "interrupted" in states.values()
    assert "failed" not in states.values()
    assert len(run.predict(table)) == len(table)
    assert len(search(table, run.path, "scheduler=inline", trials=9, resume=True).board().trials)


def test_the_first_model_is_there_before_any_other_family_is_fitted(table, tmp_path):
    events = []
    search(table, tmp_path / "run", "scheduler=inline", trials=3, on_event=events.append)
    told = [e for e in events if isinstance(e, TrialFinished | EnsembleUpdated)]
    assert isinstance(told[0], TrialFinished)
    assert told[0].trial == "baseline-0"
    assert isinstance(told[1], EnsembleUpdated)


def test_refit_and_rerun_use_the_executor_of_the_run(table, tmp_path, monkeypatch):
    from automl.tuning.lifecycle.refit_run import refit_run
    from automl.tuning.lifecycle.rerun import rerun_trial

    def refuse(*_):
        raise AssertionError("a worker was started")

    search(table, tmp_path / "run", "scheduler=inline", trials=3)
    monkeypatch.setattr("automl.scheduling.local.launcher.ForkLauncher.launch", refuse)
    run = RunDir(tmp_path / "run")
    assert rerun_trial(run, "linear-0").is_equal
    assert refit_run(run).refitted


@pytest.mark.parametrize("name", ["nonsense", "localy"])
def test_an_unknown_executor_is_refused_before_the_run_directory_exists(table, tmp_path, name):
    with pytest.raises(ConfigError, match=r"choices: inline, local"):
        search(table, tmp_path / "run", f"scheduler={name}", trials=1)
    assert not (tmp_path / "run").exists()


SOURCE = """
from automl.plugin import ExecutorFactory, hookimpl

def make(scheduler):
    {make}

@hookimpl
def automl_executors():
    return [ExecutorFactory("mine", make)]
"""


@pytest.fixture
def install_mine(tmp_path, monkeypatch):
    """Writes a plugin whose executor is called mine."""

    def install(make):
        (tmp_path / "plugin_mine.py").write_text(SOURCE.format(make=make))
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "plugin_mine", raising=False)
        return ("plugins.modules=[plugin_mine]", "scheduler=mine")

    return install


def test_the_executor_of_a_plugin_runs_a_search(table, tmp_path, install_mine, monkeypatch):
    polled = []
    poll = InlineExecutor.poll
    monkeypatch.setattr(
        InlineExecutor, "poll", lambda self, timeout_s: polled.append(1) or poll(self, timeout_s)
    )
    make = "from automl.scheduling.inline import InlineExecutor; return InlineExecutor(1)"
    run = search(table, tmp_path / "run", *install_mine(make), trials=2)
    assert polled
    assert len(run.board().trials) == 2


def test_one_that_cannot_be_made_is_refused_before_the_run_directory_exists(
    table, tmp_path, install_mine
):
    overrides = install_mine("raise ConnectionError('no cluster')")
    with pytest.raises(PluginError, match="executor 'mine' cannot be started: ConnectionError"):
        search(table, tmp_path / "run", *overrides, trials=1)
    assert not (tmp_path / "run").exists()
    assert search(table, tmp_path / "run", overrides[0], trials=1)  # it harms no other search
