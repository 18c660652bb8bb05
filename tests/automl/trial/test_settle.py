from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from automl.data import load_dataset
from automl.data.split.choose import ALL_ROWS, make_split_plan
from automl.ensemble import read_oof
from automl.metrics import CATALOG, get_metric
from automl.plugin import StageLog, Task
from automl.store import RunDir
from automl.trial.settle import best_stage, discard_stages, settle_folds
from automl.trial.stages import StageCurve, write_stages

N_ROWS = 150


class Scene:
    """A trial whose folds have logged stages."""

    def __init__(self, path, *, folds=5, metric="log_loss", n_stages=8, seed=0, y=None, **columns):
        rng = np.random.default_rng(seed)
        self.y = rng.integers(0, 2, N_ROWS) if y is None else y
        frame = pd.DataFrame({"x": rng.normal(size=N_ROWS), "y": self.y, **columns})
        time = "t" if "t" in columns else None
        self.dataset = load_dataset(frame, target="y", time_column=time)
        self.plan = make_split_plan(self.dataset, seed=0, folds=folds)
        self.run, self.metric = RunDir(path), CATALOG[metric]
        shares = rng.random((n_stages, N_ROWS))
        self.stages = [np.column_stack((1 - p, p)).astype(np.float32) for p in shares]

    def write(self, fold, y=None, n_stages=None):
        """Writes the log of a fold as a fit does."""
        target = self.dataset.y if y is None else y
        log, valid = StageLog(self.metric), self.plan.splits[fold].valid
        for stage, prediction in enumerate(self.stages[:n_stages], start=1):
            log.add(stage, prediction[valid])
        folder = self.run.fold("a-0", fold)
        folder.mkdir(parents=True, exist_ok=True)
        np.save(self.run.oof("a-0", fold), self.stages[0][valid])
        write_stages(folder, [log], target[valid], None)

    def settle(self):
        folds = range(self.plan.n_folds)
        return settle_folds(self.run, "a-0", folds, self.plan, self.dataset, self.metric)

    def stage_of(self, fold):
        """The stage whose predictions a fold was settled at."""
        valid, found = self.plan.splits[fold].valid, np.load(self.run.settled("a-0", fold))
        (stage,) = (s for s, p in enumerate(self.stages, 1) if np.array_equal(p[valid], found))
        return stage


@pytest.fixture
def scene(tmp_path):
    scene = Scene(tmp_path)
    for fold in range(5):
        scene.write(fold)
    return scene


def loss_at(scene, stage, rows):
    return scene.metric.score(scene.dataset.y[rows], scene.stages[stage - 1][rows].astype(float))


def losses_of(scene, folds):
    """Losses at each stage, and the number of rows, of the validation rows of folds."""
    rows = [scene.plan.splits[fold].valid for fold in folds]
    losses = np.array([[loss_at(scene, s, r) for s in range(1, 9)] for r in rows])
    return losses, [len(r) for r in rows]


def test_a_fold_is_scored_at_a_stage_as_good_as_the_best_of_the_mean_of_the_others(scene):
    settled, ends = scene.settle()
    for fold in range(5):
        losses, sizes = losses_of(scene, [k for k in range(5) if k != fold])
        means = np.average(losses, axis=0, weights=sizes)
        behind = losses - losses[:, [means.argmin()]]
        error = behind.std(axis=0, ddof=1) / np.sqrt(4)
        assert len(set(sizes)) == 1
        assert scene.stage_of(fold) == 1 + int(np.argmax(behind.mean(axis=0) <= error))
        own = scene.plan.splits[fold].valid
        expected = loss_at(scene, scene.stage_of(fold), own)
        assert settled[fold].score == pytest.approx(expected, rel=1e-6)
    losses, sizes = losses_of(scene, range(5))
    assert ends == (1.0 + int(np.argmin(np.average(losses, axis=0, weights=sizes))),)


def test_the_target_of_a_fold_has_no_part_in_what_it_is_scored_on(scene):
    scene.settle()
    before = {fold: scene.stage_of(fold) for fold in range(5)}
    for fold in range(5):
        changed = scene.dataset.y.copy()
        valid = scene.plan.splits[fold].valid
        changed[valid] = 1 - changed[valid]
        scene.write(fold, y=changed)
        scene.settle()
        assert scene.stage_of(fold) == before[fold]
        scene.write(fold)
    changed = 1 - scene.dataset.y
    for fold in range(1, 5):
        scene.write(fold, y=changed)
    scene.settle()
    assert scene.stage_of(0) != before[0]


def test_out_of_fold_predictions_are_the_settled_ones(scene):
    before = read_oof(scene.run, "a-0", range(5), scene.plan)
    np.testing.assert_allclose(before, scene.stages[0], rtol=1e-6)
    scene.settle()
    after = read_oof(scene.run, "a-0", range(5), scene.plan)
    for fold, division in enumerate(scene.plan.splits):
        expected = scene.stages[scene.stage_of(fold) - 1][division.valid]
        np.testing.assert_allclose(after[division.valid], expected, rtol=1e-6)


def test_settling_again_gives_the_same(scene):
    first = scene.settle()
    assert scene.settle() == first


def test_what_is_large_is_removed_in_the_end(scene):
    scene.settle()
    discard_stages(scene.run, "a-0")
    left = {file.name for file in scene.run.trials.rglob("*") if file.is_file()}
    assert left == {"oof.npy", "settled.npy"}
    assert scene.settle() == ({}, ())


def test_one_fold_alone_stays_as_its_halves_have_scored_it(tmp_path):
    scene = Scene(tmp_path, folds=1)
    scene.write(0)
    settled, ends = scene.settle()
    assert settled == {}
    assert len(ends) == 1
    assert not scene.run.settled("a-0", 0).exists()


def test_folds_of_other_repeats_that_hold_the_same_rows_do_not_choose(tmp_path):
    scene = Scene(tmp_path)
    plan = make_split_plan(scene.dataset, seed=0, folds=3, repeats=2)
    scene.plan = plan
    for fold in range(6):
        scene.write(fold)
    scene.settle()
    before = scene.stage_of(0)
    for fold in (3, 4, 5):
        scene.write(fold, y=1 - scene.dataset.y)
    scene.settle()
    assert scene.stage_of(0) == before


def test_in_a_time_plan_only_earlier_folds_choose(tmp_path):
    scene = Scene(tmp_path, folds=4, t=np.arange(N_ROWS))
    assert scene.plan.kind == "time"
    for fold in range(4):
        scene.write(fold)
    settled, _ = scene.settle()
    assert sorted(settled) == [1, 2, 3]
    before = scene.stage_of(1)
    for fold in (2, 3):
        scene.write(fold, y=1 - scene.dataset.y)
    scene.settle()
    assert scene.stage_of(1) == before


def test_a_fit_on_all_rows_logs_nothing(tmp_path):
    scene = Scene(tmp_path)
    found = settle_folds(scene.run, "a-0", [ALL_ROWS], scene.plan, scene.dataset, scene.metric)
    assert found == ({}, ())


@pytest.mark.parametrize("levels", [(0.5,), (0.1, 0.9)])
def test_levels_are_settled_each_by_its_own_curve(tmp_path, levels):
    y = np.random.default_rng(1).normal(size=N_ROWS)
    frame = pd.DataFrame({"x": y, "y": y})
    dataset = load_dataset(frame, target="y", task=Task.QUANTILE, quantiles=levels)
    plan, run = make_split_plan(dataset, seed=0, folds=3), RunDir(tmp_path)
    metric = get_metric("pinball", Task.QUANTILE, quantiles=levels)
    for fold, division in enumerate(plan.splits):
        logs, rows = [], division.valid
        for best in range(1, len(levels) + 1):
            log = StageLog(CATALOG["mae"])  # a level is judged by a loss of its own
            for stage in (1, 2):
                log.add(stage, y[rows] + (0.0 if stage == best else 9.0))
            logs.append(log)
        folder = run.fold("a-0", fold)
        folder.mkdir(parents=True)
        write_stages(folder, logs, y[rows], None)
    settled, ends = settle_folds(run, "a-0", range(3), plan, dataset, metric)
    assert ends == (1.0, 2.0)[: len(levels)]
    assert all(found.score == pytest.approx(0.0, abs=1e-6) for found in settled.values())


def curve(stages, losses, **facts):
    stages, losses = np.array(stages, dtype=float), np.array(losses, dtype=float)
    known = {"usual": 1.0, "weight": 100.0, "grows": False, **facts}
    return StageCurve(stages, losses, np.zeros(len(stages)), **known)


def test_only_stages_that_all_folds_reached_are_chosen():
    curves = {
        0: curve([1, 2, 3], [3, 2, 1]),
        1: curve([1, 2, 3, 4], [3, 2, 1, 0]),
        2: curve([1, 2, 3, 4], [3, 2, 1, 0]),
    }
    assert best_stage(curves, None, 100) == 3.0


def test_a_fold_that_the_clock_cut_early_does_not_cut_the_others():
    long = curve([1, 2, 4, 8, 16], [5, 4, 3, 2, 1])
    assert best_stage({0: curve([1, 2], [5, 4]), 1: long, 2: long}, None, 100) == 16.0


def test_the_earliest_stage_within_an_error_of_the_best_is_as_good():
    curves = {
        0: curve([1, 2, 4, 8], [9.0, 1.0, 0.9, 0.8]),
        1: curve([1, 2, 4, 8], [9.5, 1.0, 1.3, 0.7]),
        2: curve([1, 2, 4, 8], [8.5, 1.0, 0.8, 1.2]),
    }
    assert best_stage(curves, None, 100) == 8.0
    assert best_stage(curves, None, 100, is_cautious=True) == 2.0


def test_a_stage_that_all_folds_find_better_is_worth_going_on_for():
    curves = {k: curve([1, 2, 4], [9.0, 1.0 + k, 0.9 + k + 0.01 * k]) for k in range(3)}
    assert best_stage(curves, None, 100, is_cautious=True) == 4.0


def test_one_fold_alone_has_no_error_and_gives_its_best_stage():
    curves = {0: curve([1, 2, 4], [1.0, 0.95, 0.9])}
    assert best_stage(curves, None, 100, is_cautious=True) == 4.0


def test_a_heavier_fold_counts_for_more_in_the_error_too():
    curves = {
        0: curve([1, 2], [1.0, 0.9], weight=900.0),
        1: curve([1, 2], [0.9, 1.0], weight=100.0),
    }
    # behind by .08 on average; apart by .02 and .18, of .9 and .1 of the weight: error .036
    assert best_stage(curves, None, 100, is_cautious=True) == 2.0


def test_curves_on_other_grids_are_compared_at_the_same_stage():
    curves = {0: curve([1, 3], [1, 0]), 1: curve([1, 2, 3], [1, 1, 0.8])}
    assert best_stage(curves, None, 100) == 3.0


def test_a_fold_without_a_value_or_with_too_few_rows_has_no_say():
    nothing = curve([1, 2], [np.nan, np.nan])
    few = curve([1, 2], [9.0, 0.0], weight=0.0)
    assert best_stage({0: nothing, 1: few, 2: curve([1, 2], [1, 2])}, None, 100) == 1.0
    assert best_stage({0: nothing, 1: few}, None, 100) is None


def test_more_rows_are_learnt_from_for_longer_where_the_fit_says_so():
    one = curve([1, 2, 4], [2, 1, 3])
    assert best_stage({0: replace(one, grows=True)}, {0: 100}, 400) == pytest.approx(4.0)
    assert best_stage({0: one}, {0: 100}, 400) == pytest.approx(2.0)
