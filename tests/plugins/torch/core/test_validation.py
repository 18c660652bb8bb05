"""What validation rows say of a net after each epoch, and which epochs are logged."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from automl.metrics import get_metric
from automl.plugin import Features, Fold, ProblemInfo, StageLog, Task, TrialContext
from automl.testing import LOG_LOSS, RMSE, RecordingReport
from automl_plugins.torch.core.validation import (
    MOST_BYTES_EACH,
    MOST_LOG_BYTES,
    EpochLog,
    Validation,
    n_stages_of,
    stage_grid,
)
from automl_plugins.torch.tabular.mlp import Mlp


def fold_of(y):
    none = np.zeros((len(y), 1), dtype=np.float32)
    return Fold(none[:0], y[:0], None, none, y, None, Features(("c0",)))


def judge_of(y, metric=LOG_LOSS, task=Task.BINARY, n_epochs=10):
    problem = ProblemInfo(task, metric, len(y), 1, n_classes=2 if task is Task.BINARY else 0)
    report = RecordingReport()
    judge = Validation(fold_of(y), TrialContext(problem, seed=0), report, n_epochs, n_stages=44)
    return judge, report


def sure(y, share):
    """Probabilities of two classes that give the right one so much."""
    return np.where(np.arange(2) == y[:, np.newaxis], share, 1 - share)


Y = np.arange(40) % 2


# Which epochs


@pytest.mark.parametrize("n_stages", [4, 7, 44])
@pytest.mark.parametrize("n_epochs", [1, 2, 12, 256])
def test_stages_ascend_to_the_end_of_the_schedule_and_begin_with_its_first_epoch(
    n_epochs, n_stages
):
    grid = stage_grid(n_epochs, n_stages)
    assert len(grid) <= n_stages
    assert (np.diff(grid) > 0).all()
    assert grid[0] <= 1 / n_epochs
    assert grid[-1] == 1.0


def logged(progresses, n_epochs=256, n_stages=44):
    log = StageLog(LOG_LOSS)
    epochs = EpochLog(log, stage_grid(n_epochs, n_stages))
    for progress in progresses:
        epochs.add(progress, lambda progress=progress: np.full(3, progress))
    epochs.close()
    return log


def test_the_last_epoch_is_logged_and_those_before_do_not_depend_on_it():
    progresses = np.arange(1, 257) / 256
    whole = logged(progresses).stages
    assert 30 < len(whole) <= 44
    assert whole[:3] == [1 / 256, 2 / 256, 3 / 256]
    for end in (1, 7, 70, 200):
        stages = logged(progresses[:end]).stages
        assert stages[-1] == end / 256
        assert set(stages[:-1]) == {stage for stage in whole if stage < end / 256}


def test_a_schedule_that_the_clock_has_shortened_is_logged_as_densely():
    stages = logged(np.arange(1, 21) / 20).stages
    assert stages == pytest.approx(np.arange(1, 21) / 20)


def test_stages_ascend_where_a_plan_has_grown():
    log = logged([0.1, 0.3, 0.25, 0.3, 0.5])
    assert (np.diff(log.stages) > 0).all()
    assert log.stages == pytest.approx([0.1, 0.3, 0.5])
    assert [float(p[0]) for p in log.predictions] == pytest.approx([0.1, 0.3, 0.5])


# How much is kept


@pytest.mark.parametrize("n_fits", [1, 5, 200])
@pytest.mark.parametrize(("n_valid", "n_outputs"), [(50, 2), (20_000, 2), (100_000, 3)])
def test_the_logs_of_a_pack_have_a_bound(n_valid, n_outputs, n_fits):
    n_stages = n_stages_of(n_valid, n_outputs, n_fits)
    size = n_stages * n_valid * n_outputs * 4
    assert n_stages == 4 or n_fits * size <= MOST_LOG_BYTES
    assert n_stages == 4 or size <= MOST_BYTES_EACH
    assert n_stages_of(n_valid, n_outputs) >= n_stages


@pytest.mark.parametrize("n_gpus", [0, 1])
def test_an_estimate_of_memory_counts_what_is_logged(n_gpus):
    two = ProblemInfo(Task.MULTICLASS, LOG_LOSS, 1_000_000, 10, n_classes=2, n_gpus=n_gpus)
    many = replace(two, n_classes=100)
    for n_members in (1, 10):
        less, more = (Mlp().pack_resources(n_members, shape).ram_gib for shape in (two, many))
        assert more - less > 0.3 * n_members  # four stages of 200,000 x 100 numbers


def test_few_rows_are_logged_at_all_stages_and_very_many_at_four():
    assert n_stages_of(2_000, 2, n_fits=200) == 44
    assert n_stages_of(10**7, 100, n_fits=200) == 4


def test_a_log_holds_no_more_stages_than_it_may():
    log = logged(np.arange(1, 257) / 256, n_stages=4)
    assert 2 <= len(log.stages) <= 4


# A fit that goes on


@pytest.mark.parametrize("cut", [1, 5, 40, 41, 99])
def test_a_log_that_was_cut_goes_on_as_if_it_had_not_been(cut):
    progresses = np.arange(1, 101) / 100
    before = EpochLog(StageLog(LOG_LOSS), stage_grid(100, 20))
    for progress in progresses[:cut]:
        before.add(progress, lambda progress=progress: np.full((3, 2), progress))
    kept, facts = before.state()
    log = StageLog(LOG_LOSS)
    after = EpochLog(log, stage_grid(100, 20))
    after.restore(kept, json.loads(json.dumps(facts)))
    ends_at_once = StageLog(LOG_LOSS)
    other = EpochLog(ends_at_once, stage_grid(100, 20))
    other.restore(kept, facts)
    other.close()
    assert ends_at_once.stages == logged(progresses[:cut], 100, 20).stages
    for progress in progresses[cut:]:
        after.add(progress, lambda progress=progress: np.full((3, 2), progress))
    after.close()
    whole = logged(progresses, 100, 20)
    assert log.stages == whole.stages
    assert [p[0, 0] for p in log.predictions] == [p[0] for p in whole.predictions]


def test_a_log_of_nothing_is_restored_as_one():
    epochs = EpochLog(StageLog(LOG_LOSS), stage_grid(4, 4))
    kept, facts = epochs.state()
    assert kept is None
    epochs.restore(kept, facts)
    epochs.close()


# Losses and reports


def test_a_metric_of_labels_is_reported_but_log_loss_stops():
    judge, report = judge_of(Y, get_metric("accuracy", Task.BINARY))
    losses = [
        judge.evaluate(k, k / 10, sure(Y, share)) for k, share in ((1, 0.6), (2, 0.9), (3, 0.7))
    ]
    assert losses == pytest.approx([-math.log(share) for share in (0.6, 0.9, 0.7)])
    assert report.steps == [(1, 1.0), (2, 1.0), (3, 1.0)]


def test_each_epoch_reports_its_own_score_and_not_the_best_so_far():
    judge, report = judge_of(Y)
    for k, share in ((1, 0.6), (2, 0.9), (3, 0.7)):
        judge.evaluate(k, k / 10, sure(Y, share))
    assert [score for _, score in report.steps] == pytest.approx(
        [-math.log(share) for share in (0.6, 0.9, 0.7)]
    )


def test_what_is_logged_is_what_was_predicted():
    judge, _ = judge_of(Y)
    for k in (1, 2, 3):
        judge.evaluate(k, k / 10, sure(Y, k / 10))
    (log,) = judge.stages
    assert log.stages == pytest.approx([0.1, 0.2, 0.3])
    for k, prediction in enumerate(log.predictions, 1):
        np.testing.assert_allclose(prediction, sure(Y, k / 10), rtol=1e-6)


def test_what_a_fitted_net_will_predict_is_logged_where_that_differs():
    judge, _ = judge_of(Y)
    loss = judge.evaluate(1, 0.1, sure(Y, 0.6), lambda: sure(Y, 0.8))
    (log,) = judge.stages
    assert loss == pytest.approx(-math.log(0.6))
    np.testing.assert_allclose(log.predictions[0], sure(Y, 0.8), rtol=1e-6)


@pytest.mark.parametrize("y", [Y[:12], np.r_[np.zeros(40, dtype=int), [1, 1, 1, 1]]])
def test_rows_that_are_too_few_choose_no_epoch_and_log_nothing(y):
    judge, report = judge_of(y)
    assert not judge.stops
    losses = [judge.evaluate(k, k / 10, sure(y, share)) for k, share in ((1, 0.9), (2, 0.6))]
    assert losses == [0.0, 0.0]
    assert judge.stages == ()
    assert [step for step, _ in report.steps] == [1, 2]


def test_without_rows_nothing_is_scored():
    judge, report = judge_of(Y[:0])
    assert judge.evaluate(1, 0.1, sure(Y[:0], 0.5)) == 0.0
    assert (judge.stages, report.steps) == ((), [])


def test_a_score_that_is_no_number_is_not_reported():
    undefined = replace(RMSE, function=lambda y, prediction, weight: math.nan)
    judge, report = judge_of(np.arange(30.0), undefined, Task.REGRESSION)
    assert math.isnan(judge.evaluate(1, 0.1, np.ones(30)))
    assert report.steps == []
    assert len(judge.stages) == 1


def test_predictions_that_are_not_finite_are_neither_scored_nor_logged():
    judge, report = judge_of(np.arange(30.0), RMSE, Task.REGRESSION)
    judge.evaluate(1, 0.1, np.zeros(30))
    assert math.isnan(judge.evaluate(2, 0.2, np.full(30, np.inf)))
    (log,) = judge.stages
    assert log.stages == [0.1]
    assert [step for step, _ in report.steps] == [1]
