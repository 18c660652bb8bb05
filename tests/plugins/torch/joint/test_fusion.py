"""The family fusion: the public suite, and rows of which no kind alone tells anything."""

from dataclasses import replace

import numpy as np
import pytest

from automl.plugin import Features, Fold, Images, ProblemInfo, Task, TrialContext
from automl.testing import LOG_LOSS, FamilyTestCase
from automl_plugins.torch.joint.fusion import Fusion

FUSION = Fusion()
FAST = {"max_epochs": 4}
SHAPE = ProblemInfo(
    Task.BINARY,
    LOG_LOSS,
    300,
    n_numeric=1,
    n_classes=2,
    settings=Fusion.settings,
    images=((8, 8, 1),),
)


class TestFusion(FamilyTestCase):
    """The head is that of the family textnet, which is tested with classes."""

    family = FUSION
    settings = FAST
    tasks = frozenset({Task.REGRESSION, Task.QUANTILE})


def crossed_fold(n_rows=400):
    """A positive number with a bright image or a negative one with a dark image, or not."""
    rng = np.random.default_rng(0)
    number, bright = rng.normal(size=n_rows).astype(np.float32), rng.integers(2, size=n_rows)
    pixels = (
        90 + 60 * bright[:, None, None, None] + rng.integers(30, size=(n_rows, 8, 8, 1))
    ).astype(np.uint8)
    y = ((number > 0) == (bright == 1)).astype(np.int64)
    train, valid = np.arange(300), np.arange(300, n_rows)
    return Fold(
        X_train=number[train, None],
        y_train=y[train],
        weight_train=None,
        X_valid=number[valid, None],
        y_valid=y[valid],
        weight_valid=None,
        features=Features(("c0",)),
        images_train=(Images(pixels, train),),
        images_valid=(Images(pixels, valid),),
    )


def test_what_images_and_numbers_say_together_is_learnt():
    fold = crossed_fold()
    params = {**FUSION.portfolio(SHAPE)[0], "image_width": 8, "epochs": 10}
    model = FUSION.fit(params, fold, TrialContext(SHAPE, seed=0), lambda step, score: None)
    assert (model.predict(fold.valid).argmax(axis=1) == fold.y_valid).mean() > 0.85


@pytest.mark.parametrize(
    "kinds",
    [
        {"n_numeric": 0},
        {"n_numeric": 3, "images": ()},
        {"n_text": 1, "text_bytes": (9.0,), "images": ()},
        {"n_numeric": 0, "images": (), "sequences": ((1, 9),)},
    ],
    ids=["images alone", "a table", "texts and a table", "series alone"],
)
def test_rows_without_images_or_series_beside_others_are_refused(kinds):
    assert "needs an image or sequence column" in FUSION.unsupported_reason(replace(SHAPE, **kinds))


@pytest.mark.parametrize(
    "kinds",
    [
        {},
        {"n_numeric": 0, "n_text": 1, "text_bytes": (9.0,)},
        {"n_numeric": 0, "n_categorical": 1, "n_categories": (3,)},
        {"n_numeric": 0, "sequences": ((1, 9),)},
    ],
    ids=["numbers", "texts", "categories", "series"],
)
def test_images_beside_others_are_taken(kinds):
    assert FUSION.unsupported_reason(replace(SHAPE, **kinds)) is None


def test_no_param_is_of_a_kind_that_is_not_there():
    params = FUSION.portfolio(SHAPE)[0]
    assert "image_width" in params
    assert not params.keys() & {"series_width", "encoder", "embedding"}
