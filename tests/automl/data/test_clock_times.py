import pyarrow as pa
import pytest

from automl.data.clock_times import seconds_of_texts


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20:11", 72_660.0),
        ("08:00:30", 28_830.0),
        ("1:02:03.5", 3_723.5),
        ("8:05 pm", 72_300.0),
        ("12:00 am", 0.0),
        ("12:30 PM", 45_000.0),
        ("8:05 a.m.", 29_100.0),
        ("36:15:00", 130_500.0),
        ("-00:30", -1_800.0),
        ("2 days 03:00:00", 183_600.0),
        ("1h 30m", 5_400.0),
        ("1 hour 30 minutes", 5_400.0),
        ("2d 4h", 187_200.0),
        ("1.5h 10s", 5_410.0),
        ("PT1H30M", 5_400.0),
        ("P2DT3H", 183_600.0),
        ("PT0.5S", 0.5),
        ("13:00 pm", None),
        ("20:61", None),
        ("1:2", None),
        ("5 m", None),
        ("12", None),
        ("P", None),
        ("", None),
        ("a:b", None),
    ],
)
def test_times_and_durations_are_read_as_seconds(text, seconds):
    assert seconds_of_texts(pa.array([text, "x"])).to_pylist() == [seconds, None]
