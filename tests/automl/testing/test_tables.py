from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import issparse

from automl.plugin import Encoding, Task
from automl.testing import CheckingSuggest, RandomSuggest, real_table, synthetic_table


@pytest.mark.parametrize("task", list(Task))
def test_only_raw_views_have_missing_values(task: Task) -> None:
    table = synthetic_table(task)
    assert np.isnan(table.fold(Encoding(numeric="raw")).X_train).any()
    for numeric in ("standard", "quantile"):
        assert np.isfinite(table.fold(Encoding(numeric=numeric)).X_train).all()


def test_categories_come_as_the_view_says() -> None:
    table = synthetic_table(Task.BINARY)
    codes, features = table.encode(Encoding(categorical="codes"))
    assert features.categorical == (3,)
    assert codes[:, 3].max() < features.cardinalities[0]
    assert table.encode(Encoding(categorical="onehot"))[0].shape[1] == 7
    assert table.encode(Encoding(categorical="target"))[0].shape[1] == 4
    assert table.encode(Encoding(categorical="drop"))[0].shape[1] == 3
    assert issparse(table.encode(Encoding(sparse=True), sparse=True)[0])


@pytest.mark.parametrize("make", [synthetic_table, real_table])
@pytest.mark.parametrize("task", list(Task))
def test_training_and_validation_rows_have_every_class(make, task: Task) -> None:
    table = make(task)
    fold = table.fold(Encoding())
    assert len(fold.y_train) + len(fold.y_valid) == len(table.y)
    if task.is_classification:
        for y in (fold.y_train, fold.y_valid):
            assert set(y) == set(range(table.n_classes))


def test_random_suggestions_stay_in_their_range() -> None:
    suggest = RandomSuggest(0)
    floats = [suggest.suggest_float("f", 1e-3, 1e3, log=True) for _ in range(200)]
    ints = [suggest.suggest_int("i", 1, 3) for _ in range(200)]
    assert 1e-3 <= min(floats) < 0.1 < 10 < max(floats) <= 1e3
    assert set(ints) == {1, 2, 3}
    assert suggest.suggest_categorical("c", (None, "x")) in {None, "x"}


def test_a_checked_point_names_what_is_wrong_with_it() -> None:
    suggest = CheckingSuggest({"f": 2.0, "i": 1.5, "c": 1, "ok": 3})
    suggest.suggest_float("f", 0.0, 1.0)
    suggest.suggest_int("i", 0, 3)
    suggest.suggest_categorical("c", (True, False))
    suggest.suggest_int("ok", 1, 3)
    assert len(suggest.problems) == 3
    assert "f = 2.0 is not in [0.0, 1.0]" in suggest.problems


def test_rows_are_written_where_the_view_shows_texts() -> None:
    table = synthetic_table(Task.BINARY, raw_texts=True)
    fold = table.fold(Encoding(text="raw"))
    (texts,) = fold.valid.texts
    written = texts.read()
    assert len(written) == len(fold.y_valid)
    assert len({tuple(text.split()) for text in written}) > 10
    problem = table.problem()
    assert (problem.n_text, len(problem.text_bytes)) == (1, 1)
    assert synthetic_table(Task.BINARY).fold(Encoding()).texts_train == ()
