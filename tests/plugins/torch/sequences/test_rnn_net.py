"""The family rnn: the public suite, and an order of steps that only a reader of steps can tell."""

from dataclasses import replace

import numpy as np

from automl.plugin import Features, Fold, ProblemInfo, Sequences, Task, TrialContext
from automl.testing import LOG_LOSS, FamilyTestCase
from automl_plugins.torch.sequences.rnn import Rnn

RNN = Rnn()
FAST = {"max_epochs": 8}


class TestRnn(FamilyTestCase):
    family = RNN
    settings = FAST
    tasks = frozenset({Task.MULTICLASS, Task.REGRESSION})


def ordered_fold(n_rows=400):
    """Sequences of 6 to 12 steps: does the 1 come before the -1, or after it?"""
    rng = np.random.default_rng(0)
    lengths, y = rng.integers(6, 13, size=n_rows), rng.integers(2, size=n_rows)
    offsets = np.concatenate(([0], lengths.cumsum()))
    values = 0.1 * rng.normal(size=(offsets[-1], 1)).astype(np.float32)
    for start, length, label in zip(offsets, lengths, y, strict=False):
        first, second = start + np.sort(rng.choice(length, 2, replace=False))
        values[first], values[second] = (1, -1) if label else (-1, 1)
    train, valid = np.arange(300), np.arange(300, n_rows)
    none = np.zeros((n_rows, 1), dtype=np.float32)
    return Fold(
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


def test_the_order_of_steps_is_learnt():
    fold = ordered_fold()
    problem = ProblemInfo(Task.BINARY, LOG_LOSS, 300, 0, n_classes=2, sequences=((1, 12),))
    problem = replace(problem, settings=RNN.settings)
    params = {**RNN.portfolio(problem)[0], "epochs": 20, "lr": 0.01}
    model = RNN.fit(params, fold, TrialContext(problem, seed=0), lambda step, score: None)
    assert (model.predict(fold.valid).argmax(axis=1) == fold.y_valid).mean() > 0.95
