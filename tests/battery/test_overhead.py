"""What a search costs beside the fits. Small N leaves room for a machine that does other things."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from automl.config.schema import SearchConfig
from automl.search.storage import open_storage
from automl.store.files import write_json
from benchmarks.overhead import busy_share, trial_cost_ms

HERE = Path(__file__).parent


@pytest.mark.slow
def test_slots_spend_their_time_inside_fit_and_predict(size, figure):
    share, n_fits = busy_share(size(10, 60), fit_s=0.2)
    figure(f"{share:.1%} of the slots' time inside fit and predict, {n_fits} fits of 0.2 s")
    assert share >= size(50, 95) / 100


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_trial_costs_milliseconds(sampler, size, figure):
    n_trials = size(40, 200)
    cost_ms = trial_cost_ms(n_trials, 1, sampler)
    figure(f"{cost_ms:.1f} ms each of {n_trials} trials of one fit that does nothing, {sampler}")
    assert cost_ms <= size(150, 10)


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
            storage=open_storage(tmp_path / "study.db"),
        )
        rng, busy = random.Random(0), []

        def choose(jobs):
            busy.append(len(jobs))
            return rng.randrange(len(jobs))

        scene.executor.choose = choose
        scene.executor.seconds, scene.executor.answers_after_s = 0.01, 0.0
        metric = scene.standing.evidence.metric
        facts = {"name": metric.name, "greater_is_better": metric.greater_is_better}
        write_json(scene.run.manifest, {"metric": facts})
        return scene, busy

    return make


def test_64_slots_are_served_while_somebody_reads_ten_times_a_second(crowd, size, figure):
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
    (study,) = scene.storage.get_all_studies()
    assert len(scene.storage.get_all_trials(study._study_id)) == n_trials
    assert max(busy) == 64
    assert cost_ms < size(150, 20)
