"""Learning curves in characters."""

from hypothesis import given
from hypothesis import strategies as st

from automl.leaderboard import CurveAxes, draw_curve

RISING = [(step, step / 16) for step in range(1, 17)]


def axes(*curves, greater_is_better=True, width=80):
    return CurveAxes.of(curves, greater_is_better, width)


def test_each_step_has_a_column_where_there_is_room():
    found = CurveAxes(1 / 16, 1.0, 16, 16)
    assert draw_curve(RISING, found) == ["        ▁▂▃▄▅▆▇█", "▁▂▃▄▅▆▇█████████"]
    assert draw_curve(RISING, found, n_lines=1) == ["▁▁▂▂▃▃▄▄▅▅▆▆▇▇██"]


def test_where_there_are_more_steps_than_columns_the_last_of_each_is_shown():
    assert draw_curve(RISING, CurveAxes(0.25, 1.0, 16, 4), n_lines=1) == ["▁▃▆█"]


def test_a_curve_that_ended_earlier_is_shorter_and_late_reports_begin_late():
    found = axes(RISING)
    (line,) = draw_curve(RISING[:8], found, n_lines=1)
    assert len(line) == 16
    assert line[7] != " "
    assert line[8:].isspace()
    (line,) = draw_curve(RISING[12:], found, n_lines=1)
    assert line[:12].isspace()
    assert " " not in line[12:]


def test_the_worst_tenth_of_the_scores_does_not_press_the_others_flat():
    rising = [(1, -1e6), *((step, float(step)) for step in range(2, 21))]
    assert axes(rising) == CurveAxes(3.0, 20.0, 20, 20)
    falling = [(step, -score) for step, score in rising]
    assert axes(falling, greater_is_better=False) == CurveAxes(-20.0, -3.0, 20, 20)
    assert draw_curve(rising, axes(rising), n_lines=1)[0][0] == "▁"


def test_axes_are_those_of_all_curves_and_no_wider_than_allowed():
    assert axes(RISING, [(40, 0.5)], width=30).n_columns == 17
    assert axes(RISING, [(40, 0.5)], width=10) == CurveAxes(2 / 16, 1.0, 40, 10)


def test_without_a_report_there_is_nothing_to_draw():
    assert axes() is None
    assert axes([], []) is None
    assert set("".join(draw_curve([], axes(RISING)))) == {" "}


def test_scores_that_are_all_equal_lie_in_the_middle():
    curve = [(1, 0.5), (2, 0.5)]
    assert draw_curve(curve, axes(curve), n_lines=1) == ["▅▅"]


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=60),
    st.booleans(),
    st.integers(1, 30),
    st.integers(1, 3),
)
def test_any_curve_fits_its_box(scores, greater_is_better, width, n_lines):
    curve = list(enumerate(scores, start=1))
    found = axes(curve, greater_is_better=greater_is_better, width=width)
    lines = draw_curve(curve, found, n_lines)
    assert [len(line) for line in lines] == [found.n_columns] * n_lines
    assert found.n_columns <= width
    assert lines[-1].strip(), "a score is never drawn as nothing"
