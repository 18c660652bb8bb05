import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.search.allocator import Arm, choose_family


def test_without_families_nobody_is_chosen():
    assert choose_family([], [], use_cost=True) is None


def test_every_family_gets_a_first_trial_in_the_order_of_priority_then_name():
    priorities = {"slow": 10, "b": 50, "a": 50, "fast": 90}
    tried: dict[str, int] = dict.fromkeys(priorities, 0)
    order = []
    for _ in priorities:
        arms = [Arm(n, p, tried[n], best_loss=0.1 * p) for n, p in priorities.items()]
        order.append(choose_family(arms, [0.1], use_cost=True))
        tried[order[-1]] += 1
    assert order == ["fast", "a", "b", "slow"]


def test_after_that_the_better_arm_is_preferred():
    arms = [Arm("good", 0, 5, best_loss=0.1), Arm("bad", 99, 5, best_loss=0.5)]
    assert choose_family(arms, [0.1, 0.2, 0.3, 0.4, 0.5], use_cost=False) == "good"


def test_an_arm_that_was_hardly_tried_is_explored():
    arms = [Arm("good", 0, 60, best_loss=0.1), Arm("new", 0, 1, best_loss=0.2)]
    assert choose_family(arms, [0.1, 0.2, 0.3], use_cost=False) == "new"


def test_cost_decides_between_equals_only_when_it_may():
    arms = [
        Arm("dear", 90, 5, best_loss=0.1, unit_cost_s=100.0),
        Arm("cheap", 10, 5, best_loss=0.1, unit_cost_s=1.0),
    ]
    losses = [0.1, 0.1, 0.3, 0.4]
    assert choose_family(arms, losses, use_cost=True) == "cheap"
    assert choose_family(arms, losses, use_cost=False) == "dear"


def test_an_arm_whose_trials_all_failed_does_not_stop_the_others():
    arms = [Arm("fails", 90, 5, best_loss=None), Arm("good", 0, 5, best_loss=0.1)]
    assert choose_family(arms, [0.1, 0.3, 0.5], use_cost=False) == "good"


@pytest.mark.parametrize("losses", [[], [0.3], [0.3, 0.3, 0.3]])
def test_few_or_equal_losses_give_a_choice(losses):
    arms = [Arm("a", 0, 1, best_loss=0.3), Arm("b", 0, 1, best_loss=0.3)]
    assert choose_family(arms, losses, use_cost=True) in {"a", "b"}


arms_strategy = st.lists(
    st.builds(
        Arm,
        family=st.sampled_from("abcdefgh"),
        priority=st.integers(0, 99),
        n_trials=st.integers(1, 50),
        best_loss=st.none() | st.floats(-1e6, 1e6),
        unit_cost_s=st.none() | st.floats(1e-6, 1e6),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda a: a.family,
)


@given(arms_strategy, st.randoms())
def test_the_choice_does_not_depend_on_the_order_of_the_arms(arms, random):
    losses = [a.best_loss for a in arms if a.best_loss is not None]
    mixed = list(arms)
    random.shuffle(mixed)
    choice = choose_family(arms, losses, use_cost=True)
    assert choice == choose_family(mixed, losses, use_cost=True)
    assert choice in {a.family for a in arms}
