import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from automl.config.schema import PrunerConfig
from automl.errors import ConfigError
from automl.tuning.prune.rules import (
    PRUNERS,
    fit_prune_reason,
    may_stop_fit,
    signed_rank_p,
    trial_prune_reason,
)
from automl.tuning.trials.trial import TrialLosses

RULES = [name for name, rule in PRUNERS.items() if rule is not None]


def curve(number, *losses, steps=None):
    return TrialLosses(number, dict(enumerate(losses)), steps or {})


def peers_of(*rows):
    return [curve(number, *row) for number, row in enumerate(rows)]


def stop(name, trial, peers, startup_trials=1):
    return trial_prune_reason(PrunerConfig(name, startup_trials), trial, peers)


GOOD = peers_of((0.1, 0.2, 0.3, 0.2), (0.2, 0.3, 0.4, 0.3), (0.3, 0.3, 0.5, 0.4))
HOPELESS = curve(9, 5.0, 6.0, 7.0, 8.0)


@pytest.mark.parametrize("name", PRUNERS)
def test_no_trial_is_pruned_before_the_family_has_its_startup_trials(name):
    for n_folds in (1, 2, 3, 4):
        trial = curve(9, *HOPELESS.folds.values())
        seen = TrialLosses(9, {f: trial.folds[f] for f in range(n_folds)}, {})
        assert stop(name, seen, GOOD, startup_trials=4) is None


@pytest.mark.parametrize("name", PRUNERS)
def test_three_complete_trials_are_needed_whatever_the_setting(name):
    for n_folds in (1, 2, 3, 4):
        seen = TrialLosses(9, {f: HOPELESS.folds[f] for f in range(n_folds)}, {})
        assert stop(name, seen, GOOD[:2], startup_trials=1) is None


@pytest.mark.parametrize("name", PRUNERS)
def test_one_fold_is_never_enough(name):
    assert stop(name, curve(9, 1e6), GOOD) is None


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("n_peers", [3, 4, 8, 20])
@pytest.mark.parametrize("n_folds", [3, 5, 8])
def test_a_trial_that_is_as_good_as_all_others_is_seldom_pruned(name, n_peers, n_folds):
    """Folds of very different difficulty, and noise of their own: at most one trial of twenty."""
    rng = np.random.default_rng([n_peers, n_folds])
    n_pruned, n = 0, 200
    for _ in range(n):
        difficulty = rng.normal(0, 1, n_folds)
        rows = difficulty + rng.normal(0, 0.1, (n_peers + 1, n_folds))
        peers = peers_of(*rows[:-1])
        number = n_peers
        n_pruned += any(stop(name, curve(number, *rows[-1][:k]), peers) for k in range(1, n_folds))
    assert n_pruned <= 0.05 * n


@pytest.mark.parametrize("name", ["forgiving", "median", "halving"])
def test_one_hopeless_peer_does_not_hide_that_another_trial_loses(name):
    peers = [*GOOD, curve(3, 50.0, 900.0, 0.1, 40.0), curve(4, 800.0, 7.0, 60.0, 1.0)]
    assert stop(name, curve(9, 5.0, 6.0), peers) is not None


@pytest.mark.parametrize("name", PRUNERS)
def test_a_trial_without_a_finished_fold_is_not_judged(name):
    assert stop(name, curve(9), GOOD) is None


@pytest.mark.parametrize("name", PRUNERS)
def test_the_best_trial_is_never_pruned(name):
    for n_folds in (1, 2, 3, 4):
        assert stop(name, curve(9, *[0.0] * n_folds), GOOD) is None


@pytest.mark.parametrize("name", RULES)
def test_a_hopeless_trial_is_pruned_sooner_or_later_and_the_reason_is_said(name):
    losses = (5.0, 6.0, 7.0, 8.0)
    reasons = [stop(name, curve(9, *losses[:n]), GOOD) for n in (1, 2, 3, 4)]
    assert any(reasons)
    assert all(reason is None or "fold" in reason for reason in reasons)


def test_none_prunes_nothing():
    assert stop("none", HOPELESS, GOOD) is None


def test_an_unknown_rule_is_a_wrong_setting_with_the_nearest_named():
    with pytest.raises(ConfigError, match=r"pruner\.name=medain: choose one of .*'median'"):
        stop("medain", HOPELESS, GOOD)
    with pytest.raises(ConfigError, match="medain"):
        fit_prune_reason(PrunerConfig("medain"), HOPELESS, 0, [])


# ---- forgiving ---------------------------------------------------------------------------------


def test_forgiving_lets_pass_what_is_within_the_worst_fold_of_the_best_trial():
    assert stop("forgiving", curve(9, 0.3, 0.3), GOOD) is None
    assert stop("forgiving", curve(9, 0.5, 0.6), GOOD) == (
        "after 2 folds worse than the worst fold of trial 0"
    )


def test_forgiving_lets_pass_what_is_worse_only_because_its_folds_are_the_hard_ones():
    peers = [curve(n, 0.9, 0.9, 0.2 + n / 1000, 0.2, 0.2) for n in range(4)]
    assert stop("forgiving", curve(9, 0.9, 0.9), peers) is None
    assert stop("forgiving", curve(9, 0.95, 0.95), peers) is not None


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=6), st.integers(1, 6))
def test_forgiving_never_prunes_identical_configurations(losses, n_peers):
    peers = [curve(number, *losses) for number in range(n_peers)]
    for n in range(1, len(losses)):
        assert stop("forgiving", curve(99, *losses[:n]), peers) is None


# ---- median ------------------------------------------------------------------------------------


def test_median_compares_the_same_folds_and_allows_for_their_noise():
    assert stop("median", curve(9, 0.2, 0.3), GOOD) is None
    assert stop("median", curve(9, 0.21, 0.31), GOOD) is None
    assert stop("median", curve(9, 0.4, 0.6), GOOD) == (
        "after 2 folds worse than the median of 3 trials"
    )


# ---- wilcoxon ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 4, 6, 9])
def test_the_wilcoxon_p_value_is_the_exact_one_of_scipy(n):
    rng = np.random.default_rng(n)
    for _ in range(20):
        differences = rng.normal(0.3, 1.0, size=n)
        expected = wilcoxon(differences, alternative="greater", method="exact").pvalue
        assert signed_rank_p(differences) == pytest.approx(expected, abs=1e-12)


def test_the_wilcoxon_p_value_ignores_zeros_and_is_one_without_differences():
    assert signed_rank_p([0.0, 0.0]) == 1.0
    assert signed_rank_p([0.0, 1.0, 2.0]) == signed_rank_p([1.0, 2.0])


def test_equal_differences_share_their_rank_whatever_their_order():
    tied = [1.0, 1.0, -1.0, 2.0]
    values = {round(signed_rank_p(p), 12) for p in itertools.permutations(tied)}
    assert values == {0.25}  # of 16 choices of signs, four give a rank sum of 8 or more


def test_the_wilcoxon_p_value_of_many_folds_takes_no_time():
    rng = np.random.default_rng(0)
    differences = rng.normal(0.3, 1.0, size=60)
    expected = wilcoxon(differences, alternative="greater", method="exact").pvalue
    assert signed_rank_p(differences) == pytest.approx(expected, rel=1e-9)


def test_wilcoxon_waits_for_four_folds_and_then_wants_them_all_worse():
    assert stop("wilcoxon", curve(9, 5.0, 6.0, 7.0), GOOD) is None
    assert "Wilcoxon signed-rank, p = 0.062" in stop("wilcoxon", HOPELESS, GOOD)
    assert stop("wilcoxon", curve(9, 5.0, 6.0, 7.0, 0.0), GOOD) is None


# ---- halving and hyperband ---------------------------------------------------------------------


def test_halving_keeps_the_best_third_at_two_and_six_folds_only():
    peers = peers_of(*[(i / 10,) * 8 for i in range(1, 9)])  # with the trial: nine
    for n in range(1, 8):
        assert stop("halving", curve(9, *[0.3] * n), peers) is None
    pruned_after = [n for n in range(1, 8) if stop("halving", curve(9, *[0.31] * n), peers)]
    assert pruned_after == [2, 6]


def test_hyperband_compares_within_a_bracket_whose_first_rung_is_its_own():
    peers = peers_of(*[(0.1,) * 10 for _ in range(9)])
    pruned_after = {
        number % 3: [n for n in range(1, 10) if stop("hyperband", curve(number, *[1.0] * n), peers)]
        for number in (9, 10, 11)
    }
    assert pruned_after == {0: [2, 6], 1: [3, 9], 2: [4]}


def test_hyperband_without_peers_in_the_bracket_prunes_nothing():
    peers = [curve(3 * n, 0.1, 0.1, 0.1, 0.1) for n in range(4)]
    assert stop("hyperband", curve(10, 9.0, 9.0, 9.0), peers) is None


# ---- inside a fit ------------------------------------------------------------------------------


def with_steps(number, final, *reports):
    return TrialLosses(number, {0: final}, {0: list(reports)})


FITTED = [
    with_steps(0, 0.30, (10, 0.50), (20, 0.30)),
    with_steps(1, 0.31, (10, 0.60), (20, 0.31)),
    with_steps(2, 0.32, (10, 0.60), (30, 0.32)),
]


def stop_fit(*reports, name="forgiving", peers=FITTED, **options):
    config = PrunerConfig(name, startup_trials=options.pop("startup_trials", 3), **options)
    return fit_prune_reason(config, TrialLosses(9, {}, {0: list(reports)}), 0, peers)


def test_a_fit_stops_when_it_had_the_steps_of_others_and_is_worse_than_all():
    assert stop_fit((10, 9.0), (20, 9.0)) is not None


def test_a_fit_is_compared_at_its_own_step():
    assert stop_fit((10, 0.9), (20, 0.6)) is None  # a peer was no better by then
    assert stop_fit((10, 0.9), (30, 0.6)) is not None


def test_a_fit_is_compared_by_its_reports_and_not_with_scores_of_finished_fits():
    """The finished fit may keep the best step, or average: that is no fault of the running one."""
    better = [with_steps(n, 0.01, (10, 0.5), (20, 0.4)) for n in range(3)]
    assert stop_fit((10, 0.5), (20, 0.4), peers=better) is None
    assert stop_fit((10, 0.5), (20, 0.41), peers=better) is not None


def test_a_fit_as_good_as_others_is_seldom_stopped():
    rng = np.random.default_rng(0)
    n_stopped, n = 0, 300
    for _ in range(n):
        ends = 0.5 + rng.normal(0, 0.1, (4, 5))
        peers = [
            TrialLosses(
                i, dict(enumerate(row)), {f: [(10, 1.0), (20, v)] for f, v in enumerate(row)}
            )
            for i, row in enumerate(ends[:-1])
        ]
        n_stopped += any(
            fit_prune_reason(
                PrunerConfig(), TrialLosses(9, {}, {f: [(10, 1.0), (20, v)]}), f, peers
            )
            for f, v in enumerate(ends[-1])
        )
    assert n_stopped <= 0.05 * n


def test_a_fit_that_had_fewer_steps_goes_on():
    assert stop_fit((10, 9.0), (19, 9.0)) is None


def test_a_fit_that_was_as_good_as_the_worst_once_goes_on():
    assert stop_fit((10, 0.4), (20, 9.0)) is None


def test_the_first_reports_of_a_fit_are_not_judged():
    assert stop_fit((20, 9.0)) is None
    assert stop_fit((20, 9.0), (21, 9.0), warmup_steps=2) is None
    assert stop_fit((20, 9.0), (21, 9.0), (22, 9.0), warmup_steps=2) is not None


def test_a_fit_is_not_judged_before_there_are_enough_trials_with_reports_on_its_fold():
    assert stop_fit((10, 9.0), (20, 9.0), startup_trials=4) is None
    silent = [curve(n, 0.3) for n in range(3)]
    assert stop_fit((10, 9.0), (20, 9.0), peers=silent) is None


def test_with_none_a_fit_is_never_stopped():
    assert stop_fit((10, 9.0), (20, 9.0), name="none") is None


def test_a_fit_cannot_be_stopped_without_a_rule_nor_before_its_warmup():
    config = PrunerConfig(warmup_steps=4)
    assert not may_stop_fit(config, 4)
    assert may_stop_fit(config, 5)
    assert not may_stop_fit(PrunerConfig(name="none", warmup_steps=4), 5)
