from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.tuning.propose.allocator import AllocatorState, Arm, choose_family

STAKES = AllocatorState(prior_loss=0.7, best_loss=0.1, n_rows=400, n_trials=9, core_seconds=120.0)
WITHOUT_CLOCK = replace(STAKES, core_seconds=None)
START = AllocatorState(prior_loss=0.7, best_loss=None, n_rows=400, n_trials=0)


def rounds(arms: dict[str, Arm], n: int, stakes: AllocatorState = STAKES) -> list[str]:
    """The families of the next trials when nothing new is learnt from them."""
    chosen = []
    for _ in range(n):
        name = choose_family(list(arms.values()), stakes)
        arms[name] = replace(arms[name], n_trials=arms[name].n_trials + 1)
        chosen.append(name)
    return chosen


def test_without_families_nobody_is_chosen():
    assert choose_family([], STAKES) is None


def test_until_a_loss_is_known_first_trials_come_in_the_order_of_priority_then_name():
    arms = {n: Arm(n, p, 0) for n, p in {"slow": 10, "b": 50, "a": 50, "fast": 90}.items()}
    assert rounds(arms, 4, START) == ["fast", "a", "b", "slow"]


def test_the_first_trials_go_to_a_family_each_whatever_is_known():
    arms = [Arm("leads", 90, 1, best_loss=0.1), Arm("new", 10, 0)]
    assert choose_family(arms, replace(STAKES, n_trials=2)) == "new"
    assert choose_family(arms, replace(STAKES, n_trials=3)) == "leads"


def test_without_a_clock_every_family_has_its_first_trial_before_any_has_another():
    arms = {"leads": Arm("leads", 90, 1, best_loss=0.1), "new": Arm("new", 5, 0)}
    assert rounds(arms, 2, WITHOUT_CLOCK) == ["new", "leads"]


def test_the_leader_comes_again_before_what_is_rarely_the_best_comes_first():
    arms = {"leads": Arm("leads", 90, 1, best_loss=0.1), "new": Arm("new", 50, 0)}
    assert rounds(arms, 4) == ["leads", "leads", "leads", "new"]


def test_what_was_not_tried_comes_before_what_is_behind():
    arms = [Arm("behind", 90, 1, best_loss=0.3), Arm("new", 30, 0)]
    assert choose_family(arms, STAKES) == "new"


def test_the_better_arm_is_preferred():
    arms = [Arm("good", 50, 3, best_loss=0.1), Arm("bad", 90, 3, best_loss=0.5)]
    assert choose_family(arms, STAKES) == "good"


def test_arms_that_differ_by_no_more_than_chance_take_turns():
    arms = {n: Arm(n, 50, 1, best_loss=loss) for n, loss in (("a", 0.1), ("b", 0.1001))}
    assert sorted(rounds(arms, 8)) == ["a"] * 4 + ["b"] * 4


def test_the_best_of_all_counts_even_where_its_family_is_not_among_them():
    arms = [Arm("ahead", 50, 9, best_loss=0.300), Arm("behind", 50, 5, best_loss=0.305)]
    assert choose_family(arms, AllocatorState(0.7, 0.3, 10_000, 14)) == "ahead"
    assert (
        choose_family(arms, AllocatorState(0.7, 0.1, 10_000, 14)) == "behind"
    )  # both are far behind


def test_what_is_far_behind_is_tried_again_only_after_many_trials_of_the_leader():
    arms = {"good": Arm("good", 50, 1, 0.1), "bad": Arm("bad", 50, 1, 0.6)}
    chosen = rounds(arms, 15)
    assert chosen[:8] == ["good"] * 8
    assert "bad" in chosen


def test_the_same_gap_says_more_on_more_rows():
    arms = [Arm("good", 50, 4, best_loss=0.30), Arm("behind", 50, 2, best_loss=0.305)]
    assert choose_family(arms, AllocatorState(0.7, 0.3, 100, 6)) == "behind"
    assert choose_family(arms, AllocatorState(0.7, 0.3, 100_000, 6)) == "good"


def test_cost_decides_between_equals_only_when_it_may():
    arms = [
        Arm("dear", 90, 5, best_loss=0.1, cost_s=100.0),
        Arm("cheap", 60, 5, best_loss=0.1, cost_s=1.0),
    ]
    assert choose_family(arms, STAKES) == "cheap"
    assert choose_family(arms, WITHOUT_CLOCK) == "dear"


def test_what_costs_next_to_nothing_is_not_preferred_for_costing_less():
    arms = [Arm("cheap", 60, 5, 0.1, cost_s=0.1), Arm("cheaper", 59, 5, 0.1, cost_s=0.0001)]
    assert choose_family(arms, STAKES) == "cheap"


def test_an_arm_whose_trials_all_failed_does_not_stop_the_others():
    arms = [Arm("fails", 90, 5, best_loss=None), Arm("good", 50, 5, best_loss=0.1)]
    assert choose_family(arms, WITHOUT_CLOCK) == "good"


@pytest.mark.parametrize("loss", [None, 0.3, 0.7, 5.0])
def test_losses_no_better_than_the_prior_give_a_choice(loss):
    arms = [Arm("a", 50, 1, best_loss=loss), Arm("b", 50, 1, best_loss=loss)]
    assert choose_family(arms, STAKES) in {"a", "b"}


arms_strategy = st.lists(
    st.builds(
        Arm,
        family=st.sampled_from("abcdefgh"),
        priority=st.integers(0, 99),
        n_trials=st.integers(0, 50),
        best_loss=st.none() | st.floats(-1e6, 1e6),
        cost_s=st.none() | st.floats(1e-6, 1e6),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda a: a.family,
)


@given(arms_strategy, st.randoms())
def test_the_choice_does_not_depend_on_the_order_of_the_arms(arms, random):
    mixed = list(arms)
    random.shuffle(mixed)
    choice = choose_family(arms, STAKES)
    assert choice == choose_family(mixed, STAKES)
    assert choice in {a.family for a in arms}


def tried(name, priority=100, cost_s=None, n_trials=1):
    """A family that leads like the others of its kind."""
    return Arm(name, priority, n_trials, best_loss=0.1, cost_s=cost_s)


def test_four_times_the_cost_needs_twice_the_priority():
    """By a fifth the worth of a trial per root of its cost is higher on one side, then lower."""
    for priority, chosen in ((240, "dear"), (160, "cheap")):
        arms = [tried("dear", priority, cost_s=40.0), tried("cheap", cost_s=10.0)]
        assert choose_family(arms, STAKES) == chosen


def test_a_family_of_unknown_cost_counts_as_a_typical_one():
    """A trial of 12 s is typical among these; one of 0.1 s counts as 0.6 s, of 120 core-seconds."""
    dear, usual, cheap = (
        tried(n, p, s) for n, p, s in (("c", 9, 48.0), ("b", 9, 12.0), ("a", 9, 3))
    )
    for priority, chosen in ((90, "new"), (110, "known")):
        known = tried("known", priority, cost_s=12.0)
        assert choose_family([tried("new"), known, dear, usual, cheap], STAKES) == chosen
    for priority, chosen in ((90, "new"), (110, "known")):
        known = tried("known", priority, cost_s=0.1)
        assert choose_family([tried("new"), known], STAKES) == chosen


def test_of_equal_worth_the_higher_priority_comes_first_then_the_name():
    once, twice = tried("a", 75, n_trials=1), tried("b", 100, n_trials=2)
    assert choose_family([once, twice], STAKES) == "b"
    assert choose_family([replace(twice, family="d"), replace(twice, family="c")], STAKES) == "c"
