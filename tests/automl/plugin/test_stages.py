import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automl.metrics import CATALOG
from automl.plugin import StageLog, enough_to_choose, stage_steps, stopping_metric
from automl.plugin.stages import LEAST_STAGES, MOST_BYTES, MOST_STAGES

RMSE, ACCURACY = CATALOG["rmse"], CATALOG["accuracy"]


def log_of(n, **options):
    log = StageLog(RMSE, **options)
    for stage in range(1, n + 1):
        log.add(stage, np.array([float(stage)]))
    return log


@given(st.integers(1, 500))
def test_a_log_keeps_few_stages_and_always_the_last(n):
    log = log_of(n)
    assert len(log.stages) == len(log.predictions) <= MOST_STAGES + 1
    assert log.stages[-1] == n
    assert [float(p[0]) for p in log.predictions] == log.stages == sorted(set(log.stages))
    assert len(log.stages) >= min(n, MOST_STAGES // 2)


def test_of_many_rows_fewer_stages_are_kept():
    log = StageLog(RMSE)
    row = np.zeros(MOST_BYTES // 4 // 10)
    for stage in range(1, 31):
        log.add(stage, row)
    assert LEAST_STAGES <= len(log.stages) <= 11
    assert sum(p.nbytes for p in log.predictions) <= 1.2 * MOST_BYTES


@given(st.integers(1, 200), st.integers(1, 200))
def test_a_log_that_is_restored_goes_on_as_if_nothing_had_happened(n_before, n_after):
    log, again = log_of(n_before), StageLog(RMSE)
    again.restore(log.facts, log.predictions)
    for stage in range(n_before + 1, n_before + n_after + 1):
        for one in (log, again):
            one.add(stage, np.array([float(stage)]))
    assert again.stages == log.stages
    np.testing.assert_array_equal(again.predictions, log.predictions)


def test_what_is_logged_is_a_copy():
    log, row = StageLog(RMSE), np.zeros(3)
    log.add(1, row)
    row[:] = 7.0
    np.testing.assert_array_equal(log.predictions[0], 0.0)


@pytest.mark.parametrize("stage", [0.0, -1.0, 1.0])
def test_stages_ascend(stage):
    log = log_of(1)
    with pytest.raises(ValueError, match="does not come after"):
        log.add(stage, np.zeros(1))


def test_rounds_to_log_are_dense_at_the_start():
    steps = sorted(stage_steps(10_000))
    assert steps[:5] == [1, 2, 3, 4, 5]
    assert steps[-1] == 10_000
    assert len(steps) <= MOST_STAGES
    assert max(b / a for a, b in itertools.pairwise(steps[4:])) < 1.45
    assert stage_steps(1) == {1}


def test_few_rows_or_few_of_a_class_do_not_choose():
    assert not enough_to_choose(np.arange(19.0), is_classification=False)
    assert enough_to_choose(np.arange(20.0), is_classification=False)
    assert not enough_to_choose(np.array([0] * 96 + [1] * 4), is_classification=True)
    assert enough_to_choose(np.array([0] * 95 + [1] * 5), is_classification=True)
    assert enough_to_choose(np.array([0] * 95 + [1, 1, 2, 3, 4]), is_classification=True)


def test_metrics_of_labels_are_too_coarse_to_stop_by():
    assert stopping_metric(RMSE) is RMSE
    y, sure = np.array([0, 1]), np.array([[0.9, 0.1], [0.1, 0.9]])
    unsure = np.array([[0.6, 0.4], [0.4, 0.6]])
    assert ACCURACY.score(y, sure) == ACCURACY.score(y, unsure)
    stopping = stopping_metric(ACCURACY)
    assert stopping.is_better(stopping.score(y, sure), than=stopping.score(y, unsure))
