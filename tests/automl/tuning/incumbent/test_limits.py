"""What is done about a saved predictor that is too slow; its models move a clock of the test."""

import numpy as np
import pytest

from automl.config.schema import SearchConfig
from automl.data.folds.encoder_store import EncoderStore
from automl.ensemble import read_ensemble
from automl.testing import CountedClock
from automl.trial.spec import Job, TrialSpec
from automl.tuning.incumbent.limits import check_latency, check_latency_s
from automl.tuning.trials.trial import Trial


class Encoder:
    def transform(self, table):
        return np.zeros((table.n_rows, 1))


class Slow:
    def __init__(self, clock, seconds):
        self.clock, self.seconds = clock, seconds

    def predict(self, rows):
        self.clock.advance(self.seconds)
        return np.full((len(rows), 2), 0.5)


@pytest.fixture
def stopwatch():
    """What the last look reads the time from."""
    return CountedClock()


@pytest.fixture
def notes(stopwatch):
    """notes(scene): what the last look at its predictor says."""
    return lambda scene: list(check_latency(scene.incumbent, scene.config, stopwatch))


@pytest.fixture
def make(make_scene, make_family, monkeypatch, stopwatch):
    """make(limit, told, truth): trials of three folds with errors of their own; one predictor.

    Each fold takes ``told`` milliseconds by its record and ``truth`` in the end, by trial.
    """
    monkeypatch.setattr(EncoderStore, "encoder", lambda *key: Encoder())

    def make(limit, told, truth, objectives=("score",)):
        family = make_family("a")
        numbers = {f"a-{n}": ms for n, ms in enumerate(truth)}
        family.load = lambda path: Slow(stopwatch, numbers[path.parent.parent.name] / 1000.0)
        config = SearchConfig()
        config.limits.predict_ms, config.search.objectives = limit, list(objectives)
        scene = make_scene([family], config=config, predict_ms=lambda job: told[job.spec.number])
        for number in range(len(told)):
            spec = TrialSpec("a", number, {"x": 0.5})
            trial = Trial(spec, number, (0, 1, 2), 0.0)
            noise = np.random.default_rng(number).normal(size=len(scene.dataset.y))
            seen = (2 - number / 4) * (2 * scene.dataset.y - 1 + noise)
            for fold in trial.folds:
                p = 1 / (1 + np.exp(-seen[scene.rows(fold)]))
                done = scene.done(Job(spec, fold, 0), np.column_stack([1 - p, p]))
                trial.results[fold] = done.result
            scene.incumbent.add(trial)
        scene.incumbent.finish()
        return scene

    return make


def test_without_objective_and_limit_of_time_nothing_is_measured(make, notes):
    scene = make(None, [1.0] * 3, [1.0] * 3)
    assert notes(scene) == []
    assert check_latency_s(scene.incumbent, scene.config) == 0.0
    assert read_ensemble(scene.run).predict_ms is None


def test_a_predictor_within_its_limit_is_measured_and_left_alone(make, notes):
    scene = make(60.0, [2.0] * 3, [2.0] * 3)
    before = scene.incumbent.current.weights
    assert check_latency_s(scene.incumbent, scene.config) > 0.0
    assert notes(scene) == []
    ensemble = read_ensemble(scene.run)
    assert ensemble.weights == before
    assert ensemble.predict_ms == pytest.approx(3 * len(before) * 2.0)


def test_as_an_objective_it_is_measured_without_a_limit(make, notes):
    scene = make(None, [1.0] * 2, [1.0] * 2, objectives=("score", "predict_ms"))
    assert notes(scene) == []
    ensemble = read_ensemble(scene.run)
    assert ensemble.predict_ms == pytest.approx(3 * len(ensemble.weights) * 1.0)


def test_members_that_are_slower_than_they_said_have_to_go(make, notes):
    scene = make(60.0, [1.0] * 4, [1.0] * 4)
    slow = next(iter(scene.incumbent.current.weights))
    scene = make(60.0, [1.0] * 4, [30.0 if f"a-{n}" == slow else 2.0 for n in range(4)])
    assert slow in scene.incumbent.current.weights
    (note,) = notes(scene)
    assert "beyond limits.predict_ms=60: selecting a cheaper one" in note
    ensemble = read_ensemble(scene.run)
    assert slow not in ensemble.weights
    assert ensemble.predict_ms == pytest.approx(3 * len(ensemble.weights) * 2.0)


def test_a_limit_that_nothing_keeps_is_told_with_what_comes_nearest(make, notes):
    scene = make(3.0, [9.0, 4.0, 6.0], [9.0, 4.0, 6.0])
    (note,) = notes(scene)
    assert "limits.predict_ms=3 is exceeded: the predictor has 1" in note
    assert "no complete trial is within the limits, and a-1 is closest to them" in note
    assert read_ensemble(scene.run).weights == {"a-1": 1.0}


def test_a_model_that_cannot_be_loaded_is_told_and_nothing_else_happens(make, notes):
    scene = make(60.0, [1.0] * 2, [1.0] * 2)
    before = scene.incumbent.current
    scene.incumbent.families["a"][0].load = lambda path: 1 / 0
    (note,) = notes(scene)
    assert "prediction time was not measured" in note
    assert "ZeroDivisionError" in note
    assert read_ensemble(scene.run) == before
