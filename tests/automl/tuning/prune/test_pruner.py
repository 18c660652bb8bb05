"""When a trial or a running fit is ended, on a ledger of trials of one family."""

import numpy as np
import pytest

from automl.config.schema import PrunerConfig
from automl.metrics import get_metric
from automl.plugin import Task
from automl.store.run_dir import RunDir
from automl.trial.spec import FoldResult, TrialError, TrialSpec, TrialState
from automl.tuning.prune.pruner import note_lost, should_prune_fit, should_prune_trial
from automl.tuning.trials.ledger import Ledger
from automl.tuning.trials.trial import Stopped, Trial

LOG_LOSS = get_metric("log_loss", Task.BINARY)
MEDIAN = PrunerConfig("median", startup_trials=3)
ENDED = TrialError("timeout", "killed", fold=1)


def trial(number, *losses, folds=(0, 1, 2, 3), reports=(), generation=1):
    made = Trial(TrialSpec("svm", number, {}), number, folds, 0.0, generation=generation)
    for fold, loss in zip(folds, losses, strict=False):
        made.complete_fold(FoldResult(fold, loss, 1.0, 0.0))
        for step, seen in reports:
            made.report(fold, step, seen)
    return made


@pytest.fixture
def ledger():
    """Five complete trials, about as good as each other, that reported at steps 1 to 4."""
    noise = np.random.default_rng(0).normal(scale=0.01, size=(5, 4))
    trials = []
    for number, row in enumerate(0.3 + noise):
        reports = [(step, row.mean() + 0.1 / step) for step in range(1, 5)]
        trials.append(trial(number, *row, reports=reports, generation=0))
        trials[-1].finish(1.0)
    return Ledger(LOG_LOSS, trials)


@pytest.mark.parametrize("in_order", [False, True])
def test_a_losing_trial_ends_and_says_after_which_fold(ledger, in_order):
    ending = should_prune_trial(trial(9, 5.0, 6.0), ledger, MEDIAN, in_order)
    assert isinstance(ending, Stopped)
    assert (ending.kind, ending.fold) == ("pruned", 1)
    assert "median of 5 trials" in ending.message


@pytest.mark.parametrize("in_order", [False, True])
def test_a_good_trial_goes_on(ledger, in_order):
    assert should_prune_trial(trial(9, 0.3, 0.31), ledger, MEDIAN, in_order) is None


@pytest.mark.parametrize("in_order", [False, True])
def test_one_fold_ends_no_trial(ledger, in_order):
    assert should_prune_trial(trial(9, 50.0), ledger, MEDIAN, in_order) is None


@pytest.mark.parametrize("in_order", [False, True])
def test_a_trial_with_all_its_folds_is_kept_however_bad_the_last(ledger, in_order):
    assert should_prune_trial(trial(9, 0.3, 0.3, 0.3, 99.0), ledger, MEDIAN, in_order) is None


@pytest.mark.parametrize("in_order", [False, True])
def test_a_fit_that_failed_ends_the_trial(ledger, in_order):
    failed = trial(9, 0.3)
    failed.end_fold(1, ENDED)
    assert should_prune_trial(failed, ledger, MEDIAN, in_order) is ENDED


def test_in_order_a_fold_says_nothing_before_those_ahead_of_it(ledger):
    early = Trial(TrialSpec("svm", 9, {}), 9, (0, 1, 2, 3), 0.0, generation=1)
    for fold in (1, 2):
        early.complete_fold(FoldResult(fold, 5.0, 1.0, 0.0))
    early.end_fold(3, ENDED)
    assert should_prune_trial(early, ledger, MEDIAN, in_order=True) is None
    assert should_prune_trial(early, ledger, MEDIAN, in_order=False) is ENDED
    early.complete_fold(FoldResult(0, 5.0, 1.0, 0.0))
    ending = should_prune_trial(early, ledger, MEDIAN, in_order=True)
    assert (ending.kind, ending.fold) == ("pruned", 1)


def test_out_of_order_the_fold_that_came_last_is_named(ledger):
    late = Trial(TrialSpec("svm", 9, {}), 9, (0, 1, 2, 3), 0.0, generation=1)
    for fold in (2, 0):
        late.complete_fold(FoldResult(fold, 5.0, 1.0, 0.0))
    assert should_prune_trial(late, ledger, MEDIAN, in_order=False).fold == 0


def test_trials_of_the_same_generation_are_no_peers(ledger):
    beside = trial(9, 5.0, 6.0, generation=0)
    assert should_prune_trial(beside, ledger, MEDIAN, in_order=False) is None


def test_a_running_fit_ends_when_its_reports_are_worse_than_all_others(ledger):
    bad, good = (trial(n, 0.3) for n in (8, 9))
    for step in range(1, 5):
        bad.report(1, step, 9.0)
        good.report(1, step, 0.3 + 0.1 / step)
    pruner = PrunerConfig("median", startup_trials=3, warmup_steps=3)
    ending = should_prune_fit(bad, 1, ledger, pruner)
    assert (ending.kind, ending.fold) == ("pruned", 1)
    assert "step 4 of fold 1" in ending.message
    assert should_prune_fit(good, 1, ledger, pruner) is None
    assert should_prune_fit(bad, 2, ledger, pruner) is None
    assert should_prune_fit(bad, 1, ledger, PrunerConfig("median", 3, warmup_steps=4)) is None


def test_a_fold_whose_predictions_are_gone_has_failed(tmp_path):
    run = RunDir(tmp_path)
    kept = trial(9, 0.3, 0.3)
    for fold in (0, 1):
        run.oof(kept.spec.trial_id, fold).parent.mkdir(parents=True)
    run.oof(kept.spec.trial_id, 0).touch()
    note_lost(kept, run)
    assert list(kept.ended) == [1]
    assert (kept.ended[1].kind, kept.ended[1].fold) == ("lost_files", 1)
    assert kept.state is TrialState.RUNNING
