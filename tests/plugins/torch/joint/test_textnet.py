"""The family textnet: the public suite, and texts that only a reader of them can tell apart."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from automl.plugin import Features, Fold, ProblemInfo, Task, Texts, TrialContext
from automl.testing import LOG_LOSS, FamilyTestCase
from automl_plugins.torch.joint.textnet import TextNet

TEXTNET = TextNet()
FAST = {"max_epochs": 6}


class TestTextNet(FamilyTestCase):
    family = TEXTNET
    settings = FAST
    tasks = frozenset({Task.BINARY, Task.REGRESSION})


def written_fold(n_rows=400):
    """Texts that praise or blame: "not" turns the word after it, wherever they stand."""
    rng = np.random.default_rng(0)
    fillers = [f"{a}{b}" for a in ("ka", "lo", "mi", "ru") for b in ("ta", "ne", "so", "pu")]
    y, turned = rng.integers(2, size=(2, n_rows))
    texts = []
    for praised, inverted in zip(y, turned, strict=True):
        word = "good" if praised != inverted else "bad"
        words = rng.choice(fillers, size=rng.integers(3, 9)).tolist()
        place = rng.integers(len(words))
        words.insert(place, f"not {word}" if inverted else f"{word} not")
        texts.append(" ".join(words))
    column = pa.array(texts, pa.string())
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
        texts_train=(Texts(column, train),),
        texts_valid=(Texts(column, valid),),
    )


@pytest.mark.parametrize("entry", [0, 1, 2], ids=["bag", "cnn", "rnn"])
def test_the_order_of_words_is_learnt(entry):
    fold = written_fold()
    problem = ProblemInfo(Task.BINARY, LOG_LOSS, 300, 0, n_text=1, n_classes=2, text_bytes=(40.0,))
    problem = replace(problem, settings=TEXTNET.settings)
    params = {**TEXTNET.portfolio(problem)[entry], "epochs": 16, "embedding": 16, "lr": 0.01}
    model = TEXTNET.fit(params, fold, TrialContext(problem, seed=0), lambda step, score: None)
    assert (model.predict(fold.valid).argmax(axis=1) == fold.y_valid).mean() > 0.9


def test_tables_without_texts_are_refused():
    problem = ProblemInfo(Task.BINARY, LOG_LOSS, 300, n_numeric=2, n_classes=2)
    assert "needs a text column" in TEXTNET.unsupported_reason(problem)
    assert TEXTNET.unsupported_reason(replace(problem, n_text=1, text_bytes=(40.0,))) is None


def test_texts_too_long_for_the_time_are_refused():
    problem = ProblemInfo(Task.BINARY, LOG_LOSS, 10**6, 0, n_text=1, text_bytes=(5e3,), n_classes=2)
    assert TEXTNET.unsupported_reason(problem) is None
    assert "one epoch" in TEXTNET.unsupported_reason(replace(problem, time_s=60.0))
