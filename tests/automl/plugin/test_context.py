"""What a view says of itself."""

from dataclasses import replace

import pytest

from automl.plugin import Encoding, ProblemInfo, Task
from automl.testing import RMSE

PLAIN = ProblemInfo(Task.REGRESSION, RMSE, n_rows=100, n_numeric=3)
TEXT = replace(PLAIN, n_text=1)
FEW, MANY = (replace(PLAIN, n_categorical=1, n_categories=(n,)) for n in (64, 65))


@pytest.mark.parametrize(
    ("view", "shape", "uses"),
    [
        (Encoding(), PLAIN, False),
        (Encoding(), TEXT, True),
        (Encoding(text="raw"), TEXT, False),
        (Encoding(text="tfidf", sparse=True), TEXT, False),
        (Encoding(), MANY, False),
        (Encoding(categorical="onehot"), FEW, False),
        (Encoding(categorical="onehot"), MANY, True),
        (Encoding(categorical="target"), PLAIN, False),
        (Encoding(categorical="target"), FEW, True),
        (Encoding(categorical="drop", text="drop"), replace(MANY, n_text=1), False),
        (Encoding(generated=("arithmetic",)), PLAIN, True),
        (Encoding(generated=("groups",)), PLAIN, True),
    ],
)
def test_a_view_tells_whether_targets_are_in_the_encoded_rows(view, shape, uses):
    assert view.uses_target(shape) == uses


def test_a_view_is_empty_where_no_column_is_encoded():
    empty = Encoding(numeric="drop", categorical="drop", text="drop")
    assert empty.is_empty
    for other in ({"numeric": "raw"}, {"categorical": "codes"}, {"text": "raw"}):
        assert not replace(empty, **other).is_empty
