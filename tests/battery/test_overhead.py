"""What a search does beside the fits: slots and writes are counted, and times are noted alone."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from automl.config.schema import SearchConfig
from automl.scheduling.local.executor import LocalExecutor
from automl.store.files import write_json
from benchmarks.overhead import N_FIRST, busy_share, trial_cost_ms

HERE = Path(__file__).parent


@pytest.fixture
def waits(monkeypatch):
    """How many of the slots were busy, each time that a search waited for them."""
    busy, poll = [], LocalExecutor.poll

    def noting(executor, timeout_s):
        if timeout_s > 0:
            busy.append(len(executor.pool.leases))
        return poll(executor, timeout_s)

    monkeypatch.setattr(LocalExecutor, "poll", noting)
    return busy


@pytest.fixture
def writes(monkeypatch):
    """Names of the files that a search writes whole, each as often as it is written."""
    found, replace = [], os.replace

    def noting(draft, path, **options):
        found.append(Path(path).name)
        replace(draft, path, **options)

    monkeypatch.setattr(os, "replace", noting)
    return found


@pytest.mark.slow
def test_slots_are_busy_while_a_search_waits(waits, size, figure):
    share, n_fits = busy_share(size(6, 60), fit_s=0.2)
    figure(f"{share:.1%} of the slots' time inside fit and predict, {n_fits} fits of 0.2 s")
    assert waits.count(2) >= size(50, 90) / 100 * len(waits)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_trial_costs_two_writes_of_its_record_and_little_else(sampler, writes, size, figure):
    n_trials = size(40, 200)
    cost_ms = trial_cost_ms(n_trials, 1, sampler, n_slots=2)
    figure(f"{cost_ms:.1f} ms each of {n_trials} trials of one fit that does nothing, {sampler}")
    n_records = writes.count("trial.json")
    assert n_records == 2 * (n_trials + N_FIRST)
    assert len(writes) - n_records <= n_trials + 20


@pytest.fixture
def crowd(tmp_path, clock, load_module, make_family):
    """crowd(n): a search of n trials on 64 slots, which answer in any order; all else is real."""
    scenes = load_module("battery_scenes", HERE.parent / "automl/conftest.py")

    def make(n_trials):
        config = SearchConfig()
        config.search.max_trials_per_family = n_trials
        scene = scenes.build_scene(
            tmp_path / "run",
            clock,
            [make_family("dummy")],
            slots=64,
            folds=1,
            time_s=1e6,
            config=config,
        )
        rng, busy = random.Random(0), []

        def choose(jobs):
            busy.append(len(jobs))
            return rng.randrange(len(jobs))

        scene.executor.choose = choose
        scene.executor.seconds, scene.executor.answers_after_s = 0.01, 0.0
        metric = scene.incumbent.oof.metric
        facts = {"name": metric.name, "greater_is_better": metric.greater_is_better}
        write_json(scene.run.manifest, {"metric": facts})
        return scene, busy

    return make


def test_64_slots_are_served_while_somebody_reads_ten_times_a_second(crowd, writes, size, figure):
    n_trials = size(100, 1000)
    scene, busy = crowd(n_trials)
    command = [sys.executable, str(HERE / "reading_command.py"), str(scene.run.path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as reader:
        begun = time.monotonic()
        scene.search()
        cost_ms = 1e3 * (time.monotonic() - begun) / n_trials
        out, errors = reader.communicate()
    assert (reader.returncode, errors) == (0, "")
    n_reads, n_seen = map(int, out.split())
    figure(
        f"{cost_ms:.1f} ms each of {n_trials} trials on 64 slots; the leaderboard was read "
        f"{n_reads} times without an error"
    )
    assert n_seen == len(scene.ledger.trials) == n_trials
    assert busy.count(64) == n_trials - 63  # until the last of them have begun
    assert writes.count("trial.json") == 2 * n_trials
    assert len(writes) <= 2.2 * n_trials
