from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.formatting import (
    clean,
    first_line,
    format_params,
    format_score,
    format_seconds,
    shortened,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\r\nb\tc", "a b c"),
        ("null\x00bell\x07", "nullbell"),
        ("turned \u202earound", "turned around"),
        ("日本語 👩‍💻", "日本語 👩‍💻"),
        ("[red]markup[/]", "[red]markup[/]"),
    ],
)
def test_what_a_terminal_would_obey_is_taken_out(text: str, shown: str):
    assert clean(text) == shown


def test_newlines_can_be_kept():
    assert clean("one\n  two\x1b[1m", keep_newlines=True) == "one\n  two"


@given(st.text())
def test_clean_text_is_one_line_and_stays_as_it_is(text: str):
    once = clean(text)
    assert len(once.splitlines()) <= 1
    assert clean(once) == once


@pytest.mark.parametrize(
    ("score", "shown"),
    [
        (None, ""),
        (0.0, "0.0000"),
        (0.87314159, "0.8731"),
        (-0.25, "-0.2500"),
        (12.3456789, "12.3457"),
        (45678.912, "45678.91"),
        (1234567.8, "1234568"),
        (0.00012345, "1.234e-04"),
        (2.5e9, "2.500e+09"),
    ],
)
def test_scores_have_as_many_digits_as_tell_models_apart(score: float | None, shown: str):
    assert format_score(score) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, ""),
        (0.0001, "<1 ms"),
        (0.0031, "3 ms"),
        (4.21, "4.2 s"),
        (59.96, "1:00"),
        (125, "2:05"),
        (3725, "1:02:05"),
    ],
)
def test_durations_are_short(seconds: float | None, shown: str):
    assert format_seconds(seconds) == shown


def test_params_are_short():
    params = {"rate": 0.0123456, "depth": 6, "kernel": "rbf", "sizes": [1, 2], "flag": True}
    assert format_params(params) == "rate=0.01235, depth=6, kernel=rbf, sizes=[1, 2], flag=true"


def test_two_spaces_stay_two_and_lines_become_one():
    assert clean("'a b' and 'a  b'") == "'a b' and 'a  b'"
    assert clean(" one\n   two\t \x1b[31mthree\x1b[0m \n") == "one two three"


@pytest.mark.parametrize(
    ("error", "line"),
    [(ValueError("one.\ntwo"), "one"), (ValueError(""), "no reason given")],
)
def test_the_first_line_of_an_error_has_no_full_stop(error: ValueError, line: str):
    assert first_line(error) == line
    assert first_line(ValueError("x" * 300), 5) == "xxxxx"


def test_a_long_text_is_cut_to_its_length():
    assert shortened("a" * 40) == "a" * 40
    assert shortened("a" * 41) == "a" * 37 + "..."
    assert shortened("abcdef", 5) == "ab..."
