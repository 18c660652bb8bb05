from datetime import timedelta

import pytest

from automl.config.durations import parse_duration, parse_span
from automl.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "time_s"),
    [
        ("60", 60),
        ("90s", 90),
        ("10m", 600),
        ("2h", 7200),
        ("1.5h", 5400),
        (" .5M ", 30),
        ("1 h", 3600),
    ],
)
def test_times_as_people_write_them(text, time_s):
    assert parse_duration(text) == time_s


@pytest.mark.parametrize("text", ["", "m", "10x", "-5", "0", "1h30m", "1e3", "nan", "inf", "١"])
def test_what_is_no_time_is_refused_with_examples(text):
    with pytest.raises(ConfigError, match="90s, 10m, 2h"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("5", 5),
        ("7d", timedelta(days=7)),
        ("12h", timedelta(hours=12)),
        ("30min", timedelta(minutes=30)),
        ("90 s", timedelta(seconds=90)),
        ("250ms", timedelta(milliseconds=250)),
        ("2 Weeks", timedelta(weeks=2)),
        (" 1.5 days ", timedelta(hours=36)),
    ],
)
def test_stretches_of_time_as_people_write_them(text, span):
    assert parse_span(text) == span


@pytest.mark.parametrize(
    "text", ["", "d", "0", "0d", "-7d", "1.5", "7x", "1d12h", "9e9d", "99999999999999999d"]
)
def test_what_is_no_stretch_of_time_is_refused_with_examples(text):
    with pytest.raises(ConfigError, match="use 7d, 12h, 30min"):
        parse_span(text)


@pytest.mark.parametrize("text", ["1m", "2 months", "1y"])
def test_units_without_a_length_are_refused_with_the_way_to_write_them(text):
    with pytest.raises(ConfigError, match=r"min for minutes.*such as 30d"):
        parse_span(text)
