from automl.formatting import format_elapsed


def test_the_clock_has_hours_only_when_there_are_any():
    assert [format_elapsed(s) for s in (-1, 7.9, 750, 3725)] == ["0:00", "0:07", "12:30", "1:02:05"]
