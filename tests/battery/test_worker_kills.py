"""``kill -9`` of a worker: its fit is queued again, at most twice, and nobody else notices."""

import os
import random
import signal
import sys

import numpy as np
import pandas as pd
import pytest

from automl.config.compose import compose_config
from automl.events import Progress
from automl.registry import load_registry
from automl.scheduling.early_start import start_early
from automl.scheduling.factory import make_executor
from automl.store.lock import RunLock
from automl.store.run_dir import RunDir
from automl.trial.spec import TrialState
from automl.tuning.lifecycle.start import SearchInputs, start_search
from tests.automl.scheduling.watched_launcher import WatchedLauncher

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="forks"),
    pytest.mark.usefixtures("importable"),
]
TRIALS = 6
FOLDS = 3


class Killer:
    """Kills a worker at random moments, each fit at most twice."""

    def __init__(self, n, seed):
        self.left, self.rng, self.killed = n, random.Random(seed), {}

    def __call__(self, launcher):
        fits = [
            (job_id, worker.pid)
            for job_id, worker in launcher.running().items()
            if worker.pid is not None and self.killed.get(job_id, 0) < 2
        ]
        if self.left and fits and self.rng.random() < 0.7:
            job_id, pid = self.rng.choice(fits)
            os.kill(pid, signal.SIGKILL)
            self.killed[job_id] = self.killed.get(job_id, 0) + 1
            self.left -= 1


def search(frame, out, meddle):
    """A search in this process, so that its workers are at hand: its trials and lost workers."""
    run = RunDir(out)
    lock, executor = RunLock(run), None
    try:
        registry = load_registry(("nasty_families", "battery_families"), ())
        overrides = [
            "family=[paced]",
            "plugins.modules=[nasty_families,battery_families]",
            "scheduler.cpus=2",
            f"search.folds={FOLDS}",
        ]
        options = {"target": "target", "trials": TRIALS, "time_s": None}
        config = compose_config(overrides, options, registry, None).config
        launcher = WatchedLauncher(start_early())
        executor = make_executor(config.scheduler, registry, launcher)
        given = (frame, config, registry, run, executor, 0.0, lambda: False, lock)
        prepared = start_search(SearchInputs(*given))
        prepared.start_workers()
        for event in prepared.controller.events():
            if isinstance(event, Progress):
                meddle(launcher)
        return prepared.controller.ledger.trials, prepared.controller.runner.losses
    finally:
        if executor is not None:
            executor.close()
        lock.release()


def outcome(trials):
    return [
        (t.spec.params, t.state, t.loss, [r.score for _, r in sorted(t.results.items())])
        for t in trials
    ]


def test_a_killed_worker_costs_a_repetition_and_nothing_else(tmp_path, size, figure):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    frame["target"] = np.where(frame["a"] + rng.normal(scale=0.5, size=200) > 0, "yes", "no")
    calm, _ = search(frame, tmp_path / "calm", lambda launcher: None)
    assert all(t.state is TrialState.COMPLETE for t in calm)
    wanted, done, lost, n_runs = size(6, 200), 0, 0, 0
    while done < wanted:
        killer = Killer(wanted - done, n_runs)
        trials, losses = search(frame, tmp_path / f"run-{n_runs}", killer)
        assert outcome(trials) == outcome(calm)
        # A fit may have been over, its answer on the way, when its worker was killed.
        assert all(n <= killer.killed.get(job_id, 0) for job_id, n in losses.items())
        assert killer.killed
        n_killed = sum(killer.killed.values())
        lost += sum(losses.values())
        done, n_runs = done + n_killed, n_runs + 1
    assert lost > 0
    figure(f"{done} workers killed in {n_runs} runs, {lost} fits queued again; all trials complete")
