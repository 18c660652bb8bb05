"""The family rocket: the public suite, and shapes in series that it tells apart."""

from dataclasses import replace

import numpy as np

from automl.plugin import Features, Fold, ProblemInfo, Sequences, Task, TrialContext
from automl.testing import LOG_LOSS, FamilyTestCase
from automl_plugins.rocket.family import Rocket

ROCKET = Rocket()
FAST = {"max_features": 1008}


class TestRocket(FamilyTestCase):
    family = ROCKET
    settings = FAST


def waves(n_rows=200):
    """Sines and saw teeth of any phase, of 40 to 60 steps, in noise."""
    rng = np.random.default_rng(0)
    lengths, y = rng.integers(40, 61, size=n_rows), np.arange(n_rows) % 2
    offsets = np.concatenate(([0], lengths.cumsum()))
    phase = np.concatenate([rng.random() + np.arange(n) / 10 for n in lengths])
    is_sine = np.repeat(y == 0, lengths)
    wave = np.where(is_sine, np.sin(2 * np.pi * phase), 2 * (phase % 1) - 1)
    values = (wave + 0.2 * rng.normal(size=len(wave))).astype(np.float32)[:, None]
    return y, values, offsets


def test_shapes_are_told_apart_wherever_they_stand():
    y, values, offsets = waves()
    train, valid = np.arange(150), np.arange(150, 200)
    none = np.zeros((200, 1), dtype=np.float32)
    fold = Fold(
        X_train=none[train],
        y_train=y[train],
        weight_train=None,
        X_valid=none[valid],
        y_valid=y[valid],
        weight_valid=None,
        features=Features(("constant",)),
        sequences_train=(Sequences(values, offsets, train),),
        sequences_valid=(Sequences(values, offsets, valid),),
    )
    problem = ProblemInfo(Task.BINARY, LOG_LOSS, 150, 0, n_classes=2, sequences=((1, 60),))
    problem = replace(problem, settings=Rocket.settings)
    params = {"n_features": 504, "differences": False}
    model = ROCKET.fit(params, fold, TrialContext(problem, seed=0), lambda step, score: None)
    assert (model.predict(fold.valid).argmax(axis=1) == fold.y_valid).mean() > 0.95


def test_little_time_gives_fewer_features():
    y, values, offsets = waves()
    rows = np.arange(200)
    none = np.zeros((200, 1), dtype=np.float32)
    fold = Fold(
        X_train=none,
        y_train=y,
        weight_train=None,
        X_valid=none,
        y_valid=y,
        weight_valid=None,
        features=Features(("constant",)),
        sequences_train=(Sequences(values, offsets, rows),),
        sequences_valid=(Sequences(values, offsets, rows),),
    )
    problem = ProblemInfo(Task.BINARY, LOG_LOSS, 200, 0, n_classes=2, sequences=((1, 60),))
    problem = replace(problem, settings=Rocket.settings)
    context = TrialContext(problem, seed=0, time_limit_s=0.25)
    params = {"n_features": 9996, "differences": False}
    model = ROCKET.fit(params, fold, context, lambda step, score: None)
    assert 84 <= model.rockets[0][0].n_features < 9996
