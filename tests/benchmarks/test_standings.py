import numpy as np
import pytest

from benchmarks.standings import comparisons, overshoot_limit_s


def compare(*results):
    (found,) = comparisons(results)
    return found


def test_equal_scores_share_a_rank_and_failures_share_the_last(result):
    scores = {"automl": 0.9, "h2o": 0.8, "flaml": 0.8, "x": None, "floor": None}
    one = compare(*(result("a", s, score) for s, score in scores.items()))
    assert {s: one.ranks(s)["a"] for s in scores} == {
        "automl": 1.0,
        "h2o": 2.5,
        "flaml": 2.5,
        "x": 4.5,
        "floor": 4.5,
    }
    assert one.systems == ("automl", "flaml", "h2o", "floor", "x")
    assert one.failures("x") == ["a 0: ValueError: no model"]


def test_the_lower_loss_has_the_better_rank(result):
    one = compare(
        result("a", "automl", 0.2, metric="log_loss"), result("a", "h2o", 0.3, metric="log_loss")
    )
    assert one.ranks("automl") == {"a": 1.0}
    assert one.outcomes("h2o") == (1, 0, 0)


def test_a_tenth_of_a_percent_is_neither_won_nor_lost(result):
    ours = [result(t, "automl", 0.9) for t in "abcdef"]
    theirs = [0.9008, 0.9010, 0.8992, 0.8990, None, 0.9]
    one = compare(*ours, *(result(t, "h2o", s) for t, s in zip("abcdef", theirs, strict=True)))
    assert one.outcomes("h2o") == (2, 3, 1)


def test_a_failure_of_ours_is_lost_and_one_of_both_is_equal(result):
    one = compare(
        *(result("a", s, score) for s, score in {"automl": None, "h2o": 0.5}.items()),
        *(result("b", s, None) for s in ("automl", "h2o")),
    )
    assert one.outcomes("h2o") == (0, 1, 1)
    assert np.isnan(one.scores("automl")["a"])


def test_the_normalised_score_is_0_at_the_floor_and_1_at_the_best(result):
    scores = {"automl": 0.95, "h2o": 0.9, "flaml": 0.7, "x": None, "floor": 0.85}
    one = compare(*(result("a", s, score) for s, score in scores.items()))
    got = {s: one.normalised(s)["a"] for s in scores}
    assert got == pytest.approx({"automl": 1, "h2o": 0.5, "flaml": -1, "x": -1, "floor": 0})


def test_where_the_floor_is_best_who_is_worse_has_minus_one(result):
    scores = {"automl": 0.84, "h2o": 0.85, "floor": 0.85}
    one = compare(*(result("a", s, score) for s, score in scores.items()))
    assert {s: one.normalised(s)["a"] for s in scores} == {"automl": -1, "h2o": 0, "floor": 0}


def test_without_a_floor_there_is_no_normalised_score(result):
    one = compare(result("a", "automl", 0.9), result("a", "h2o", 0.8))
    assert one.normalised("automl") == {}


def test_a_table_with_more_seeds_weighs_as_much_as_another(result):
    rows = [result("a", "automl", 0.9), result("a", "h2o", 0.8)]
    rows += [result("b", s, x, seed=k) for k in (0, 1) for s, x in (("automl", 0.5), ("h2o", 0.6))]
    one = compare(*rows)
    assert one.ranks("automl") == {"a": 1.0, "b": 2.0}
    assert one.outcomes("h2o") == (1, 0, 1)


def test_a_case_that_some_system_is_yet_to_run_is_left_out_and_named(result):
    one = compare(
        result("a", "automl", 0.9), result("a", "h2o", 0.8), result("b", "automl", 0.9, seed=1)
    )
    assert one.tables == ("a",)
    assert one.incomplete == ("b 1 (h2o)",)


def test_each_budget_is_compared_alone_and_systems_can_be_chosen(result):
    rows = [result("a", s, 0.9, time_s=t) for t in (300.0, 60.0) for s in ("automl", "h2o", "x")]
    found = comparisons(rows, ["automl", "x"])
    assert [(one.time_s, set(one.systems)) for one in found] == [
        (60.0, {"automl", "x"}),
        (300.0, {"automl", "x"}),
    ]


def test_a_series_without_ours_is_refused_with_those_there_are(result):
    with pytest.raises(SystemExit, match=r"automl has no result with 60 s on 2 cores, .* of h2o"):
        comparisons([result("a", "h2o", 0.9)])


def test_runs_on_a_busy_machine_are_counted(result):
    one = compare(result("a", "automl", 0.9, others_cores=0.7), result("a", "h2o", 0.8))
    assert (one.disturbed("automl"), one.disturbed("h2o")) == (1, 0)


def test_a_twentieth_and_five_seconds_may_be_run_over():
    assert overshoot_limit_s(60.0) == 8.0
