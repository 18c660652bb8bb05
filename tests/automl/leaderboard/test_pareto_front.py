from hypothesis import given
from hypothesis import strategies as st

from automl.leaderboard.pareto_front import dominates, pareto_front

POINTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=12)


def test_what_is_better_in_one_and_worse_in_another_objective_dominates_nothing():
    assert not dominates((1, 3), (2, 2))
    assert not dominates((2, 2), (2, 2))
    assert dominates((2, 1), (2, 2))


@given(points=POINTS)
def test_whoever_is_off_the_front_is_dominated_by_somebody_on_it(points):
    on_it = pareto_front(points)
    front = [p for p, is_on_it in zip(points, on_it, strict=True) if is_on_it]
    assert bool(front) == bool(points)
    assert not any(dominates(a, b) for a in front for b in front)
    for point, is_on_it in zip(points, on_it, strict=True):
        assert is_on_it or any(dominates(p, point) for p in front)
