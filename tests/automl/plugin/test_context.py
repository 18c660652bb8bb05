"""What a view says of itself."""

from dataclasses import replace

import pytest

from automl.plugin import Shape, Task, View
from automl.testing import RMSE

PLAIN = Shape(Task.REGRESSION, RMSE, n_rows=100, n_numeric=3)
TEXT = replace(PLAIN, n_text=1)
FEW, MANY = (replace(PLAIN, n_categorical=1, n_categories=(n,)) for n in (64, 65))


@pytest.mark.parametrize(
    ("view", "shape", "uses"),
    [
        (View(), PLAIN, False),
        (View(), TEXT, True),
        (View(text="raw"), TEXT, False),
        (View(text="tfidf", sparse=True), TEXT, False),
        (View(), MANY, False),
        (View(categorical="onehot"), FEW, False),
        (View(categorical="onehot"), MANY, True),
        (View(categorical="target"), PLAIN, False),
        (View(categorical="target"), FEW, True),
        (View(categorical="drop", text="drop"), replace(MANY, n_text=1), False),
        (View(generated=("arithmetic",)), PLAIN, True),
        (View(generated=("groups",)), PLAIN, True),
    ],
)
def test_a_view_tells_whether_targets_are_in_the_encoded_rows(view, shape, uses):
    assert view.uses_target(shape) == uses


def test_a_view_is_empty_where_no_column_is_encoded():
    empty = View(numeric="drop", categorical="drop", text="drop")
    assert empty.is_empty
    for other in ({"numeric": "raw"}, {"categorical": "codes"}, {"text": "raw"}):
        assert not replace(empty, **other).is_empty
