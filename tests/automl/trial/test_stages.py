from dataclasses import replace

import numpy as np

from automl.data import load_dataset
from automl.metrics import CATALOG
from automl.plugin import StageLog
from automl.trial.stages import MOST_ROWS, curve_of, halves_of, predict_by_halves, stage_near

N_ROWS = 60
rng = np.random.default_rng(0)
Y = rng.integers(0, 2, N_ROWS)


def binary(scores):
    return np.column_stack((1 - scores, scores))


def noise_log(seed=0, n_stages=10, metric=CATALOG["log_loss"]):
    """Each stage is noise: which one is best is chance."""
    log, random = StageLog(metric), np.random.default_rng(seed)
    for stage in range(1, n_stages + 1):
        log.add(stage, binary(random.random(N_ROWS)))
    return log


def dataset(**columns):
    import pandas as pd

    frame = pd.DataFrame({"x": rng.normal(size=N_ROWS), "y": Y, **columns})
    steering = {"group": "g", "time_column": "t"}
    options = {name: c for name, c in steering.items() if c in frame}
    return load_dataset(frame, target="y", **options)


def test_halves_have_equal_shares_of_the_classes():
    rows = np.arange(N_ROWS)
    half = halves_of(dataset(), rows, seed=0)
    assert abs(int(half.sum()) - N_ROWS // 2) <= 1
    counts = [np.bincount(Y[half == h], minlength=2) for h in (0, 1)]
    assert np.abs(counts[0] - counts[1]).max() <= 1
    assert (halves_of(dataset(), rows, seed=0) == half).all()


def test_halves_hold_whole_groups():
    group = np.arange(N_ROWS) // 4
    half = halves_of(dataset(g=[f"g{i}" for i in group]), np.arange(N_ROWS), seed=0)
    assert {0, 1} == set(half)
    assert all(len(set(half[group == g])) == 1 for g in set(group))


def test_halves_of_a_time_plan_are_earlier_and_later():
    time = rng.permutation(N_ROWS)
    half = halves_of(dataset(t=time), np.arange(N_ROWS), seed=0)
    assert time[half == 0].max() < time[half == 1].min()


def test_a_half_has_no_part_in_the_stage_it_is_scored_at():
    half = np.arange(N_ROWS) % 2
    log = noise_log()
    before = predict_by_halves([log], half, Y, None)
    changed = Y.copy()
    changed[half == 0] = 1 - changed[half == 0]
    after = predict_by_halves([log], half, changed, None)
    np.testing.assert_array_equal(after[half == 0], before[half == 0])
    assert not np.array_equal(after[half == 1], before[half == 1])


def test_each_half_is_read_at_the_stage_that_the_other_likes_best():
    half, log = np.arange(N_ROWS) % 2, StageLog(CATALOG["log_loss"])
    right = np.where(Y == 1, 0.9, 0.1)
    log.add(1, binary(np.where(half == 0, right, 0.5)))  # the best of half 0
    log.add(2, binary(np.where(half == 1, right, 0.5)))  # the best of half 1
    prediction = predict_by_halves([log], half, Y, None)
    np.testing.assert_allclose(prediction, 0.5)


def test_weights_count_where_a_stage_is_chosen():
    half, log = np.arange(N_ROWS) % 2, StageLog(CATALOG["log_loss"])
    heavy = np.arange(N_ROWS) % 4 == 0  # of half 0
    right = np.where(Y == 1, 0.9, 0.1)
    log.add(1, binary(np.where(heavy, right, 1 - right)))
    log.add(2, binary(np.where(heavy, 1 - right, right)))
    for weight, best in ((np.where(heavy, 9.0, 1.0), 1.0), (np.where(heavy, 1.0, 9.0), 2.0)):
        assert curve_of(log, np.flatnonzero(half == 0), Y, weight).best == best


def test_equal_stages_are_told_apart_by_log_loss_and_then_the_earlier_is_taken():
    log, right = StageLog(CATALOG["roc_auc"]), np.where(Y == 1, 0.6, 0.4)
    sure = np.where(Y == 1, 0.9, 0.1)
    for stage, scores in enumerate((right, sure, sure), start=1):
        log.add(stage, binary(scores))
    curve = curve_of(log, np.arange(N_ROWS), Y, None)
    assert len(set(curve.losses)) == 1
    assert curve.best == 2.0


def test_too_few_rows_take_the_usual_stage():
    log = StageLog(CATALOG["log_loss"], usual=3.0)
    for stage in range(1, 6):
        log.add(stage, binary(np.where(Y == 1, 0.5 + 0.05 * stage, 0.5)))
    assert curve_of(log, np.arange(10), Y, None).best == 3.0
    prediction = predict_by_halves([log], np.arange(N_ROWS) // 50, Y, None)
    np.testing.assert_allclose(prediction[:50], log.predictions[2][:50])  # chosen by 10 rows


def test_a_fold_without_a_score_takes_the_usual_stage():
    log, ones = StageLog(CATALOG["roc_auc"], usual=2.0), np.ones(N_ROWS, dtype=np.int64)
    for stage in range(1, 4):
        log.add(stage, binary(rng.random(N_ROWS)))
    assert curve_of(log, np.arange(N_ROWS), ones, None).best == 2.0


def test_a_metric_of_labels_chooses_by_log_loss():
    log = StageLog(CATALOG["accuracy"])
    log.add(1, binary(np.where(Y == 1, 0.51, 0.49)))
    log.add(2, binary(np.where(Y == 1, 0.9, 0.1)))
    assert curve_of(log, np.arange(N_ROWS), Y, None).best == 2.0


def test_of_many_rows_a_sample_chooses_unless_few_of_a_class_are_left():
    random, metric = np.random.default_rng(0), CATALOG["log_loss"]
    seen = []

    def counted(y_true, prediction, weight=None):
        seen.append(len(y_true))
        return metric.function(y_true, prediction, weight)

    for share, expected in ((0.5, MOST_ROWS), (0.01, 50_000)):
        y = (random.random(50_000) < share).astype(int)
        log = StageLog(replace(metric, function=counted))
        for stage, right in ((1, 0.6), (2, 0.8), (3, 0.7)):
            log.add(stage, binary(np.where(y == 1, right, 1 - right)))
        curve = curve_of(log, np.arange(50_000), y, None)
        assert curve.best == 2.0
        assert curve.weight == 50_000
        assert set(seen) == {expected}
        seen.clear()


def test_levels_have_stages_of_their_own():
    y, half = rng.normal(size=N_ROWS), np.arange(N_ROWS) % 2
    logs = []
    for best in (1, 2):
        log = StageLog(CATALOG["mae"])  # a level is judged by a loss of its own
        for stage in (1, 2):
            log.add(stage, y if stage == best else y + 5.0)
        logs.append(log)
    np.testing.assert_allclose(
        predict_by_halves(logs, half, y, None), np.column_stack((y, y)), rtol=1e-6
    )


def test_the_nearest_stage_is_nearest_by_ratio_and_the_last_beyond_the_end():
    stages = np.array([1.0, 10.0, 100.0])
    assert stage_near(stages, 4.0) == 1
    assert stage_near(stages, 3.0) == 0
    assert stage_near(stages, 1e9) == stage_near(stages, np.inf) == 2
