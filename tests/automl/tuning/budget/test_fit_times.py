"""What fits and trials are expected to take, from the budget and from the trials on record."""

from dataclasses import replace

import numpy as np
import pytest

from automl.data.split.choose import ALL_ROWS, Split, SplitPlan
from automl.metrics import get_metric
from automl.plugin import Encoding, OutOfBagFamily, ProblemInfo, Task
from automl.trial.spec import FoldResult, TrialSpec
from automl.tuning.budget.budget import Budget
from automl.tuning.budget.fit_times import FitTimes
from automl.tuning.trials.ledger import Ledger

LOG_LOSS = get_metric("log_loss", Task.BINARY)
PROBLEM = ProblemInfo(Task.BINARY, LOG_LOSS, 100, 4)


class Forest(OutOfBagFamily):
    """Needs no folds, unless its params say that an encoding looks at the target."""

    name = "forest"

    def search_space(self, suggest, problem):
        return {}

    def portfolio(self, problem):
        return [{"targets": False}, {"targets": True}]

    def encoding(self, params, problem):
        if params["targets"] is None:
            raise RuntimeError("a plugin")
        encoding = Encoding()
        return LooksAtTarget() if params["targets"] else encoding

    def fit(self, params, fold, context, report):
        raise NotImplementedError

    def save(self, model, path):
        raise NotImplementedError

    def load(self, path):
        raise NotImplementedError


class LooksAtTarget:
    def uses_target(self, problem):
        return True


class Plain:
    name = "plain"


def plan_of(n_folds=4, kind="stratified"):
    rows = np.arange(12)
    parts = [Split(rows[rows % n_folds != k], rows[rows % n_folds == k]) for k in range(n_folds)]
    return SplitPlan(kind, tuple(parts), "", 12)


def times(time_s=600.0, n_slots=2, plan=None, names=("plain", "forest", "third"), now=0.0):
    families = {"plain": Plain(), "forest": Forest(), "third": Plain()}
    budget = Budget(0.0, time_s, clock=lambda: now)
    known = {name: (families[name], PROBLEM) for name in names}
    return FitTimes(known, plan or plan_of(), Ledger(LOG_LOSS), budget, n_slots)


def seen(fit_times, family="plain", *seconds, params=None, encode_s=0.0):
    """A trial with a finished fold for each of these seconds."""
    number = len(fit_times.ledger.trials)
    spec = TrialSpec(family, number, params or {"targets": False})
    trial = fit_times.new_trial(spec, number)
    for fold, fit_s in zip(trial.folds, seconds, strict=False):
        trial.complete_fold(FoldResult(fold, 0.5, fit_s, 0.0, encode_s))
    fit_times.ledger.trials.append(trial)
    return trial


def forest(targets):
    return TrialSpec("forest", 0, {"targets": targets})


def test_a_run_has_its_seconds_on_each_slot():
    assert times(time_s=600.0, n_slots=3).core_seconds == 1800.0
    assert times(time_s=None).core_seconds == float("inf")


def test_a_trial_has_a_fit_per_fold_and_in_order_of_time_the_newest_first():
    assert times().folds_of(TrialSpec("plain", 0, {})) == (0, 1, 2, 3)
    assert times(plan=plan_of(3, "time")).folds_of(TrialSpec("plain", 0, {})) == (2, 1, 0)


def test_one_fit_of_all_rows_is_enough_where_no_encoding_looks_at_the_target():
    assert times().folds_of(forest(targets=False)) == (ALL_ROWS,)
    assert times().folds_of(forest(targets=True)) == (0, 1, 2, 3)
    assert times(plan=plan_of(kind="group")).folds_of(forest(targets=False)) == (0, 1, 2, 3)


def test_a_plugin_that_fails_to_tell_its_encoding_gets_folds():
    assert times().folds_of(forest(targets=None)) == (0, 1, 2, 3)


def test_a_trial_on_record_keeps_the_fits_it_was_begun_with():
    assert times().folds_of(forest(targets=True), done=[ALL_ROWS]) == (ALL_ROWS,)
    assert times().folds_of(forest(targets=False), done=[0]) == (0, 1, 2, 3)


def test_a_new_trial_starts_now_and_in_order_of_time_ships_the_newest():
    trial = times(now=7.0).new_trial(TrialSpec("plain", 3, {}), 5)
    assert (trial.started_s, trial.index, trial.ships_newest) == (7.0, 5, False)
    assert times(plan=plan_of(kind="time")).new_trial(TrialSpec("plain", 3, {}), 5).ships_newest


def test_longer_fits_may_take_three_times_as_long_if_all_folds_end_in_time():
    fit_times = times()
    trial = fit_times.new_trial(TrialSpec("plain", 0, {"targets": False}), 0)
    other = fit_times.new_trial(TrialSpec("plain", 1, {"targets": False}, "longer"), 1)
    share = fit_times.fair_share_s(trial)
    assert fit_times.fair_share_s(other) == pytest.approx(3 * share)
    two_rounds_s = 2 * 1.5 * share  # four folds on two slots
    assert fit_times.fair_share_s(other, two_rounds_s / 0.8) == pytest.approx(1.5 * share)
    assert fit_times.fair_share_s(other, share) == share


def test_a_fit_of_all_rows_may_take_the_time_of_up_to_three_folds():
    for n_folds, factor in ((2, 2.0), (3, 3.0), (4, 3.0)):
        fit_times = times(plan=plan_of(n_folds))
        plain, whole = seen(fit_times, "plain"), seen(fit_times, "forest")
        share = fit_times.budget.fair_share_s(2, n_folds)
        assert fit_times.fair_share_s(plain) == pytest.approx(share)
        assert fit_times.fair_share_s(whole) == pytest.approx(factor * share)


@pytest.mark.parametrize(
    ("names", "n_folds", "factor"),
    [
        (("plain",), 1, 2.0),
        (("plain", "third"), 1, 2.0),
        (("plain", "third", "forest"), 1, 1.0),
        (("plain",), 2, 1.0),
    ],
)
def test_few_families_share_a_holdout_among_fewer(names, n_folds, factor):
    rows = np.arange(12)
    holdout = SplitPlan("holdout", (Split(rows[:8], rows[8:]),), "", 12)
    fit_times = times(names=names, plan=holdout if n_folds == 1 else plan_of(2))
    share = fit_times.budget.fair_share_s(2, n_folds)
    assert fit_times.fair_share_s(seen(fit_times)) == pytest.approx(factor * share)


def test_without_a_time_budget_no_fit_has_a_share():
    fit_times = times(time_s=None)
    assert fit_times.fair_share_s(seen(fit_times)) is None


def test_the_longest_encoding_counts_whatever_the_family():
    fit_times = times()
    assert fit_times.longest_encode_s == 0.0
    seen(fit_times, "plain", 1.0, encode_s=2.0)
    seen(fit_times, "third", 1.0, encode_s=5.0)
    assert fit_times.longest_encode_s == 5.0
    for _ in range(20):
        seen(fit_times, "third", 1.0, encode_s=1.0)
    assert fit_times.longest_encode_s == 2.0


def test_the_next_fit_takes_as_long_as_the_longest_of_its_trial_or_as_one_of_the_family():
    fit_times = times()
    first = seen(fit_times)
    assert fit_times.next_fit_s(first) == 0.0
    seen(fit_times, "plain", 3.0, 4.0)
    assert fit_times.next_fit_s(first) == 4.0
    assert fit_times.next_fit_s(seen(fit_times, "plain", 7.0, 6.0)) == 7.0


def test_the_folds_that_are_left_run_side_by_side():
    fit_times = times(n_slots=2)
    trial = seen(fit_times, "plain", 10.0)
    trial.promote()
    assert len(trial.waiting) == 3
    assert fit_times.remaining_folds_fit(trial, 20.0)
    assert not fit_times.remaining_folds_fit(trial, 19.9)


def test_what_is_left_is_cheap_up_to_a_hundredth_of_the_run():
    fit_times = times(time_s=600.0, n_slots=2)  # 12 of 1,200 core-seconds
    assert fit_times.rest_is_cheap(seen(fit_times, "plain", 4.0))
    assert not fit_times.rest_is_cheap(seen(fit_times, "plain", 4.1))


def test_a_new_trial_fits_when_all_its_folds_do():
    fit_times = times(n_slots=2)
    seen(fit_times, "plain", 10.0)
    assert fit_times.new_trial_fits("plain", 20.0)
    assert not fit_times.new_trial_fits("plain", 19.9)
    assert fit_times.new_trial_fits("plain", float("inf"))


def test_a_family_without_trials_is_expected_to_take_half_its_share():
    fit_times = times(n_slots=2)
    unit = 0.5 * fit_times.budget.fair_share_s(2, 4)
    assert fit_times.new_trial_fits("plain", 2 * unit)
    assert not fit_times.new_trial_fits("plain", 2 * unit - 0.01)
    assert fit_times.new_trial_fits("forest", 3 * unit)  # one fit, of three shares
    assert not fit_times.new_trial_fits("forest", 3 * unit - 0.01)


def test_with_many_slots_a_family_without_trials_is_expected_to_end_in_time():
    many = times(n_slots=256)
    unit = 0.5 * many.budget.fair_share_s(4, 4)  # as with a slot for each fold
    assert many.new_trial_fits("plain", unit)
    assert not many.new_trial_fits("plain", unit - 0.01)


def test_the_last_trial_of_a_family_tells_how_many_fits_one_has():
    fit_times = times(n_slots=1)
    seen(fit_times, "forest", 10.0, 10.0, 10.0, 10.0, params={"targets": True})
    assert not fit_times.new_trial_fits("forest", 39.0)
    assert fit_times.new_trial_fits("forest", 40.0)


def test_times_are_of_the_budget_as_it_is_now():
    fit_times = times(time_s=600.0)
    longer = replace(fit_times, budget=replace(fit_times.budget, time_s=1200.0))
    assert longer.core_seconds == 2 * fit_times.core_seconds
