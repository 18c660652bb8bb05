import pytest

from automl.config import parse_time
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
    assert parse_time(text) == time_s


@pytest.mark.parametrize("text", ["", "m", "10x", "-5", "0", "1h30m", "1e3", "nan", "inf", "١"])
def test_what_is_no_time_is_refused_with_examples(text):
    with pytest.raises(ConfigError, match="90s, 10m, 2h"):
        parse_time(text)
