"""The family cnn: the public suite, and what it learns of real digits."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from automl.plugin import Features, Fold, Images, ProblemInfo, Task, TrialContext
from automl.testing import LOG_LOSS, FamilyTestCase, RecordingReport
from automl_plugins.torch.images.cnn import Cnn

CNN = Cnn()
FAST = {"max_epochs": 5}


class TestCnn(FamilyTestCase):
    family = CNN
    settings = FAST
    tasks = frozenset({Task.BINARY, Task.REGRESSION})


@pytest.fixture(scope="module")
def digits():
    """800 grey images of 8 x 8 pixels, of which 200 validate."""
    pixels, y = load_digits(return_X_y=True)
    images = (pixels[:800] * 15.9).astype(np.uint8).reshape(-1, 8, 8, 1)
    images.flags.writeable = False
    train, valid = np.arange(600), np.arange(600, 800)
    none = np.zeros((800, 1), dtype=np.float32)
    return Fold(
        X_train=none[train],
        y_train=y[train].astype(np.int64),
        weight_train=None,
        X_valid=none[valid],
        y_valid=y[valid].astype(np.int64),
        weight_valid=None,
        features=Features(("constant",)),
        images_train=(Images(images, train),),
        images_valid=(Images(images, valid),),
    )


def shape_of(fold, **changes):
    shapes = tuple(images.shape for images in fold.images_train)
    problem = ProblemInfo(Task.MULTICLASS, LOG_LOSS, 600, 0, n_classes=10, images=shapes)
    problem = replace(problem, settings=Cnn.settings)
    return replace(problem, **changes)


def test_digits_are_learnt_and_every_epoch_is_told(digits):
    shape = shape_of(digits)
    params = {**CNN.portfolio(shape)[0], "epochs": 8}
    report = RecordingReport()
    model = CNN.fit(params, digits, TrialContext(shape, seed=0), report)
    prediction = model.predict(digits.valid)
    assert (prediction.argmax(axis=1) == digits.y_valid).mean() > 0.93
    assert [step for step, _ in report.steps] == list(range(1, 9))


def test_what_is_logged_is_predicted_of_all_views_as_a_fitted_net_does(digits):
    shape = shape_of(digits)
    params = {**CNN.portfolio(shape)[0], "epochs": 4, "views": True}
    model = CNN.fit(params, digits, TrialContext(shape, seed=0), RecordingReport())
    (log,) = model.stages
    assert log.stages == pytest.approx([0.25, 0.5, 0.75, 1.0])
    away = [np.abs(p - model.predict(digits.valid)).max() for p in log.predictions]
    assert min(away) < 1e-5
    assert sorted(away)[1] > 1e-3


def test_grey_images_begin_as_they_are_and_photographs_mirrored_too(digits):
    grey = CNN.portfolio(shape_of(digits))
    assert [entry["flip"] for entry in grey[:2]] == [False, True]
    colour = CNN.portfolio(shape_of(digits, images=((32, 32, 3),)))
    assert [entry["flip"] for entry in colour[:2]] == [True, False]


def test_data_for_which_there_is_no_time_is_refused(digits):
    large = shape_of(digits, n_rows=2_000_000, images=((96, 96, 3),), time_s=60.0)
    assert "too long for 5 fold(s) in 60 s" in CNN.unsupported_reason(large)
    assert CNN.unsupported_reason(replace(large, n_gpus=1)) is None
    assert CNN.unsupported_reason(shape_of(digits, time_s=60.0)) is None
