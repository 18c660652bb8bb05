import math

import pytest

from automl.config.values import fits, in_words, value_problem
from automl.plugin import Param


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "1", True, None])
def test_only_finite_numbers_are_numbers(value):
    assert not fits(value, Param("float"))


def test_bounds_are_inside_or_outside_as_declared():
    closed, open_ = Param("float", low=0, high=1), Param("float", above=0, below=1)
    assert [fits(value, closed) for value in (0, 1, -0.1, 1.1)] == [True, True, False, False]
    assert [fits(value, open_) for value in (0, 1, 0.5)] == [False, False, True]


def test_a_whole_number_is_asked_for_where_it_is_counted():
    assert fits(3, Param("int"))
    assert not fits(3.0, Param("int"))


def test_a_file_or_folder_must_exist_and_may_be_left_empty(tmp_path):
    file = tmp_path / "weights.pth"
    file.touch()
    assert fits("", Param("file"))
    assert fits(str(file), Param("file"))
    assert not fits(str(file), Param("folder"))
    assert fits(str(tmp_path), Param("folder"))
    assert "path of an existing file" in value_problem("k", str(tmp_path), Param("file"))


def test_a_problem_names_key_value_choices_and_the_nearest_one():
    said = value_problem("model.m.solver", "exakt", Param("str", choices=("auto", "exact")))
    assert said is not None
    for part in ("model.m.solver='exakt'", "'auto', 'exact'", "did you mean 'exact'"):
        assert part in said


def test_long_bounds_are_written_with_separators():
    words = "an integer from 1 to 1,000,000"
    assert in_words(Param("int", low=1, high=1_000_000)) == words
